"""Values as objects of an S3 bucket, by any server that speaks its protocol.

An object is a record (`gateway.context.record`): S3 has no time to live to the second. Its name is
the prefix as a folder, then the key with `/` and `%` percent-encoded, so that no key is the folder
of another.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions as vendor
from obstore.store import S3Store

from gateway.context import record
from gateway.context.contract import Store
from gateway.errors import ConfigurationError, SourceRefused, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from gateway.context.contract import Place
    from gateway.context.keys import Pattern

_ENCODED = str.maketrans({"/": "%2F", "%": "%25"})
_AT_ONCE = 32
"""Requests that one batch has under way."""
_PRUNED = 1_000
_GRACE_SECONDS = 3_600.0


class ObjectStore(Store):
    """Objects of one folder of a bucket.

    The URL: `s3://bucket` for AWS, with credentials as its own tools find them, or
    `https://key:secret@server/bucket`.
    """

    def __init__(self, place: Place) -> None:
        settings = place.settings
        self._folder = place.prefix.strip("/")
        self._clock = place.clock
        try:
            self._bucket = _bucket(settings.url.reveal(), settings.region, settings.timeout_seconds)
        except vendor.BaseError:
            raise ConfigurationError("the URL or region is none that S3's client takes") from None

    async def ping(self) -> None:
        """See `Store`: looks at one name."""
        with _our_errors():
            async for _ in obstore.list(self._bucket, self._folder, chunk_size=1):
                return

    async def put(self, values: Mapping[str, bytes], ttl: float | None) -> None:
        """See `Store`."""
        ends = None if ttl is None else self._clock() + ttl

        async def write(key: str) -> None:
            body = record.write(key, values[key], ends)
            with _our_errors():
                await obstore.put_async(self._bucket, self._path(key), body, use_multipart=False)

        await _each(write, values)

    async def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Store`."""
        return await _each(self._read, keys)

    async def has(self, key: str) -> bool:
        """See `Store`."""
        found = await self._head(self._path(key))
        return found is not None and found.key == key and found.live(self._clock())

    async def remove(self, key: str) -> bool:
        """See `Store`; of two who remove it at once both may be told that it was there."""
        there = await self.has(key)
        with _our_errors():
            try:
                await obstore.delete_async(self._bucket, self._path(key))
            except FileNotFoundError:
                return False
        return there

    async def find(self, pattern: Pattern, limit: int) -> list[str]:
        """See `Store`; asks every object like it whether it is still there."""
        found: list[str] = []
        async for names in self._names():
            like = [name for name in names if pattern.matches(self._key(name))]
            for heads in await self._live(like):
                found.append(heads.key)
                if len(found) == limit:
                    return found
        return found

    async def count(self) -> int:
        """See `Store`; asks every object whether it is still there."""
        total = 0
        async for names in self._names():
            total += len(await self._live(names))
        return total

    async def prune(self) -> int:
        """See `Store`: what expired an hour ago.

        S3 cannot delete on a condition: a key written anew after that hour, in the moment between
        look and deletion, would go with the old value.
        """
        gone: list[str] = []
        now = self._clock() - _GRACE_SECONDS
        async for names in self._names():
            heads = await _each(self._head, names)
            gone += [
                name
                for name, found in zip(names, heads, strict=True)
                if found is not None and not found.live(now)
            ]
            if len(gone) >= _PRUNED:
                break
        if gone:
            with _our_errors():
                await obstore.delete_async(self._bucket, gone)
        return len(gone)

    async def _read(self, key: str) -> bytes | None:
        with _our_errors():
            try:
                answer = await obstore.get_async(self._bucket, self._path(key))
                body = (await answer.bytes_async()).to_bytes()
            except FileNotFoundError:
                return None
        return record.read(body, key, self._clock())

    async def _head(self, path: str) -> record.Head | None:
        with _our_errors():
            try:
                begin = await obstore.get_range_async(
                    self._bucket, path, start=0, length=record.HEAD_BYTES
                )
            except FileNotFoundError:
                return None
        return record.head(begin.to_bytes())

    async def _live(self, names: Sequence[str]) -> list[record.Head]:
        now = self._clock()
        heads = await _each(self._head, names)
        return [
            found
            for name, found in zip(names, heads, strict=True)
            if found is not None and found.live(now) and self._path(found.key) == name
        ]

    async def _names(self) -> AsyncIterator[list[str]]:
        with _our_errors():
            async for page in obstore.list(self._bucket, self._folder, chunk_size=1_000):
                yield [one["path"] for one in page]

    def _path(self, key: str) -> str:
        name = key.translate(_ENCODED)
        return f"{self._folder}/{name}" if self._folder else name

    def _key(self, path: str) -> str:
        name = path[len(self._folder) + 1 :] if self._folder else path
        return name.replace("%2F", "/").replace("%25", "%")


async def _each(call: Callable[[str], Awaitable[Any]], names: Iterable[str]) -> list[Any]:
    """The answers for all names, in order, a bounded number of calls at once."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> Any:
        async with free:
            return await call(name)

    tasks = [asyncio.ensure_future(one(name)) for name in names]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _bucket(url: str, region: str, timeout: float) -> S3Store:
    parts = urlsplit(url)
    settings: dict[str, Any] = {}
    if parts.scheme == "s3":
        bucket = parts.netloc
    else:
        bucket = unquote(parts.path.strip("/"))
        host = parts.netloc.rpartition("@")[2]
        settings["endpoint"] = f"{parts.scheme}://{host}"
        if parts.username:
            settings["access_key_id"] = unquote(parts.username)
            settings["secret_access_key"] = unquote(parts.password or "")
    if not bucket or "/" in bucket or (parts.scheme == "s3" and parts.path.strip("/")):
        raise ConfigurationError(
            "expected s3://bucket, or https://key:secret@server/bucket; folders are the prefix"
        )
    seconds = timedelta(seconds=timeout)
    return S3Store(
        bucket,
        region=region,
        client_options={
            "timeout": seconds,
            "connect_timeout": seconds,
            "allow_http": parts.scheme == "http",
        },
        retry_config={"max_retries": 0},
        **settings,
    )


@contextmanager
def _our_errors() -> Iterator[None]:
    """Raise the client's errors as ours, without its texts, which hold addresses and names."""
    try:
        yield
    except (vendor.PermissionDeniedError, vendor.UnauthenticatedError) as error:
        raise SourceRefused("The object store refuses the credentials.") from error
    except FileNotFoundError as error:
        raise SourceRefused("The object store has no such bucket.") from error
    except vendor.BaseError as error:
        told = str(error)
        if "NoSuchBucket" in told:
            raise SourceRefused("The object store has no such bucket.") from error
        if "403 Forbidden" in told or "401 Unauthorized" in told:  # of a list, an unnamed error
            raise SourceRefused("The object store refuses the credentials.") from error
        raise SourceUnavailable("The object store cannot be reached, or failed.") from error
