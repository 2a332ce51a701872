"""Values in a collection of MongoDB, one document for each."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pymongo import AsyncMongoClient, ReplaceOne
from pymongo import errors as vendor

from gateway.context.contract import Store
from gateway.errors import (
    ConfigurationError,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping, Sequence

    from gateway.context.contract import Place
    from gateway.context.keys import Pattern

T = TypeVar("T")

_CLOSE_SECONDS = 2.0
_DATABASE = "plait"
_DUPLICATE = 11_000
_ATTEMPTS = 3
_CREDENTIALS = frozenset({13, 18})
"""Unauthorized, AuthenticationFailed."""


class MongoStore(Store):
    """Documents `{_id: prefix + key, value, expires}`.

    The server removes what has expired, within a minute or so.
    """

    def __init__(self, place: Place) -> None:
        settings = place.settings
        self._prefix = place.prefix
        self._clock = place.clock
        self._running: set[asyncio.Task[Any]] = set()
        milliseconds = max(1, round(settings.timeout_seconds * 1000))
        try:
            self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
                settings.url.reveal(),
                appname="plait",
                maxPoolSize=settings.connections,
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                socketTimeoutMS=milliseconds,
                waitQueueTimeoutMS=milliseconds,
                retryWrites=False,
                retryReads=False,
                tz_aware=True,
            )
            self._values = self._client.get_default_database(_DATABASE)[settings.table]
        except (vendor.PyMongoError, ValueError, TypeError):
            raise ConfigurationError("the URL is none that MongoDB's client understands") from None

    async def connect(self) -> None:
        """See `Store`."""
        await self.ping()
        with _our_errors():
            await self._whole(self._values.create_index("expires", expireAfterSeconds=0))

    async def disconnect(self) -> None:
        """See `Store`."""
        if self._running:
            await asyncio.wait(self._running, timeout=_CLOSE_SECONDS)
        await self._client.close()

    async def ping(self) -> None:
        """See `Store`."""
        with _our_errors():
            await self._whole(self._client.admin.command("ping"))

    async def put(self, values: Mapping[str, bytes], ttl: float | None) -> None:
        """See `Store`: one command."""
        ends = None if ttl is None else self._moment(ttl)
        writes = [
            ReplaceOne({"_id": self._prefix + key}, {"value": value, "expires": ends}, upsert=True)
            for key, value in values.items()
        ]
        with _our_errors():
            for left in reversed(range(_ATTEMPTS)):
                try:
                    await self._whole(self._values.bulk_write(writes, ordered=False))
                except vendor.BulkWriteError as error:
                    writes = [writes[place] for place in _raced(error)]
                    if not (writes and left):
                        raise
                else:
                    return

    async def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Store`: one command, and further batches of its answer."""
        names = [self._prefix + key for key in keys]
        with _our_errors():
            found = self._values.find({"_id": {"$in": names}, **self._live()})
            values = {one["_id"]: bytes(one["value"]) for one in await self._whole(found.to_list())}
        return [values.get(name) for name in names]

    async def has(self, key: str) -> bool:
        """See `Store`."""
        with _our_errors():
            found = await self._whole(
                self._values.find_one({"_id": self._prefix + key, **self._live()}, {"_id": 1})
            )
        return found is not None

    async def remove(self, key: str) -> bool:
        """See `Store`."""
        with _our_errors():
            found = await self._whole(
                self._values.find_one_and_delete(
                    {"_id": self._prefix + key}, projection={"expires": 1}
                )
            )
        if found is None:
            return False
        ends = found.get("expires")
        return ends is None or bool(ends > self._moment())

    async def find(self, pattern: Pattern, limit: int) -> list[str]:
        """See `Store`."""
        like = f"^{re.escape(self._prefix)}{pattern.expression.pattern}$"
        query = {"_id": {"$regex": like}, **self._live()}
        with _our_errors():
            found = self._values.find(query, {"_id": 1}).limit(limit)
            names = [one["_id"] for one in await self._whole(found.to_list())]
        return [name[len(self._prefix) :] for name in names]

    async def count(self) -> int:
        """See `Store`."""
        query = {"_id": {"$regex": f"^{re.escape(self._prefix)}"}, **self._live()}
        with _our_errors():
            return int(await self._whole(self._values.count_documents(query)))

    async def _whole(self, call: Coroutine[Any, Any, T]) -> T:
        """The answer of a call that runs to its end though its caller may leave.

        The client loses the socket of a call that is cancelled; its own timeouts end this one.
        """
        task = asyncio.ensure_future(call)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody logs what nobody waits for

    def _moment(self, later: float = 0.0) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock() + later, dt.UTC)

    def _live(self) -> dict[str, Any]:
        return {"$or": [{"expires": None}, {"expires": {"$gt": self._moment()}}]}


def _raced(error: vendor.BulkWriteError) -> list[int]:
    """The places of writes that another writer's insert of the same key came before.

    Empty where anything else went wrong too.
    """
    failed = (error.details or {}).get("writeErrors", [])
    codes = {one.get("code") for one in failed}
    return [one["index"] for one in failed] if codes == {_DUPLICATE} else []


@contextmanager
def _our_errors() -> Iterator[None]:
    """Raise the client's errors as ours, without its texts, which hold addresses and values."""
    try:
        yield
    except vendor.OperationFailure as error:  # BulkWriteError is one
        if error.code in _CREDENTIALS:
            raise SourceRefused("MongoDB refuses the credentials.") from error
        raise SourceRefused("MongoDB refused a command.") from error
    except (vendor.NetworkTimeout, vendor.ExecutionTimeout, vendor.WaitQueueTimeoutError) as error:
        raise SourceTimeout("MongoDB did not answer in time.") from error
    except vendor.ConnectionFailure as error:
        raise SourceUnavailable("MongoDB is not reachable.") from error
    except vendor.ConfigurationError as error:
        raise ConfigurationError("MongoDB's client does not take the URL.") from error
    except vendor.PyMongoError as error:
        raise SourceRefused("MongoDB's client gave up.") from error
