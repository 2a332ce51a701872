"""The shared level: look-ups of one moment in one round trip, behind a breaker.

A look-up joins those that have not been sent. What comes back is an entry whose tags have the very
versions that the store has now, or none. Faults are raised as `CacheFault`, after the breaker has
heard of them; whoever catches it goes on without.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gateway.caching.entry import MAX_TAGS, Entry, decode, encode
from gateway.errors import SourceError
from gateway.sources.breaker import Breaker
from gateway.sources.cache import STAMP_BYTES, Stored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gateway.sources.cache import SharedStore

T = TypeVar("T")

MOST_KEYS = 1_000
"""Keys and tags of one round trip; more look-ups go in further ones."""
_FLYING = 4


class CacheFault(Exception):  # noqa: N818 - a condition, as in gateway.errors
    """The store could not be asked; nothing is known."""


class Found(NamedTuple):
    """What a look-up gave: a valid entry or None, and the versions that the tags have now.

    `stamp`: how what is stored there begins, valid or not.
    """

    entry: Entry | None
    versions: Mapping[str, bytes | None]
    stamp: bytes


class _Batch:
    """Look-ups that go together."""

    def __init__(self) -> None:
        self.keys: dict[bytes, tuple[str, ...]] = {}
        self.tags: dict[str, None] = {}
        self.future: asyncio.Future[Mapping[bytes, Found] | None] = (
            asyncio.get_running_loop().create_future()
        )

    @property
    def full(self) -> bool:
        return len(self.keys) + len(self.tags) >= MOST_KEYS


class SharedLevel:
    """Entries in `store`.

    `max_value`: bytes of a value that is stored. `compress_above`: bytes from which it is
    deflated, 0 for never. Reads and writes have a breaker each: a store that is full still reads.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        store: SharedStore,
        clock: Callable[[], float],
        *,
        max_value: int,
        compress_above: int = 0,
        failures: int = 5,
        seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._max_value = max_value
        self._compress_above = compress_above
        self._reads = Breaker(failures, seconds, clock)
        self._writes = Breaker(failures, seconds, clock)
        self._open: _Batch | None = None
        self._room = asyncio.Semaphore(_FLYING)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether reads are let through, as far as is known."""
        return not self._reads.open

    async def look_up(self, wants: Sequence[tuple[bytes, tuple[str, ...]]]) -> list[Found]:
        """For each key and its tags what is there. Raises CacheFault."""
        batches: dict[_Batch, None] = {}
        homes = []
        for key, tags in wants:
            batch = self._open
            if batch is None or batch.full:
                batch = self._open = _Batch()
                self._send_soon(batch)
            batch.keys[key] = tags
            batch.tags.update(dict.fromkeys(tags))
            batches[batch] = None
            homes.append(batch)
        answers = {batch: await asyncio.shield(batch.future) for batch in batches}
        found = []
        for (key, _), batch in zip(wants, homes, strict=True):
            answer = answers[batch]
            if answer is None:
                raise CacheFault
            found.append(answer[key])
        return found

    async def begin(
        self, tags: Sequence[str], keys: Sequence[bytes], token: bytes, *, tag_ms: int, lock_ms: int
    ) -> tuple[Mapping[str, bytes], list[bytes | None]]:
        """A fill's versions, and of keys it has the lock of how their entries begin.

        Raises CacheFault.
        """
        found, locked = await self._guarded(
            self._writes,
            lambda: self._store.begin(tags, keys, token, tag_ms=tag_ms, lock_ms=lock_ms),
        )
        return dict(zip(tags, found, strict=True)), locked

    async def store(self, entries: Mapping[bytes, Entry | None], token: bytes) -> None:
        """Keep entries that nothing invalidated since they were begun; None gives up a lock.

        One that is too large is not kept. Raises CacheFault.
        """
        versions: dict[str, bytes] = {}
        stored: list[Stored] = []
        for key, entry in entries.items():
            data = None
            if entry is not None and self._storable(entry):
                data = encode(key, entry, compress_above=self._compress_above)
                versions.update(entry.versions)
            tags = tuple(entry.versions) if entry is not None and data is not None else ()
            kept_ms = 0 if entry is None else max(1, round(entry.lifetime * 1_000))
            stored.append(Stored(key, data, kept_ms, tags))
        await self._guarded(self._writes, lambda: self._store.store(versions, stored, token))

    def _storable(self, entry: Entry) -> bool:
        small = len(entry.value or b"") <= self._max_value
        return small and len(entry.versions) <= MAX_TAGS

    async def close(self) -> None:
        """End the round trips under way; whoever waits for one goes on without."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _guarded(self, breaker: Breaker, call: Callable[[], Awaitable[T]]) -> T:
        if not breaker.allows():
            raise CacheFault
        try:
            answer = await call()
        except SourceError as error:
            breaker.failed()
            raise CacheFault from error
        breaker.succeeded()
        return answer

    # Batches of look-ups -----------------------------------------------------------------------

    def _send_soon(self, batch: _Batch) -> None:
        task = asyncio.ensure_future(self._send(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, batch: _Batch) -> None:
        answer: Mapping[bytes, Found] | None = None
        try:
            async with self._room:  # meanwhile others join
                if self._open is batch:
                    self._open = None
                answer = await self._read(batch)
        except CacheFault:
            pass
        finally:
            if self._open is batch:
                self._open = None
            if not batch.future.done():
                batch.future.set_result(answer)

    async def _read(self, batch: _Batch) -> Mapping[bytes, Found]:
        keys = list(batch.keys)
        tags = list(batch.tags)
        data, read = await self._guarded(self._reads, lambda: self._store.read(keys, tags))
        versions = dict(zip(tags, read, strict=True))
        entries = {
            key: None if one is None else decode(key, one, most=self._max_value)
            for key, one in zip(keys, data, strict=True)
        }
        more = {
            tag: None
            for entry in entries.values()
            if entry is not None
            for tag in entry.versions
            if tag not in versions
        }
        if more:
            _, read = await self._guarded(self._reads, lambda: self._store.read((), list(more)))
            versions.update(zip(more, read, strict=True))
        stamps = {key: (one or b"")[:STAMP_BYTES] for key, one in zip(keys, data, strict=True)}
        return {
            key: Found(
                _valid(entries[key], versions), {tag: versions[tag] for tag in own}, stamps[key]
            )
            for key, own in batch.keys.items()
        }


def _valid(entry: Entry | None, versions: Mapping[str, bytes | None]) -> Entry | None:
    """The entry, if nothing that it depends on was invalidated."""
    if entry is None or any(versions[tag] != own for tag, own in entry.versions.items()):
        return None
    return entry
