"""The shared level: look-ups of one moment in one round trip, behind a breaker.

A look-up joins those that have not been sent. What comes back is an entry whose tags have the very
versions that the store has now, or the lock under which to make one, or that somebody else has it.
Faults are raised as `CacheFault`, after the breaker has heard of them; whoever catches it goes on
without.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gateway.caching.entry import MAX_TAGS, VERSION_BYTES, Entry, decode, encode
from gateway.errors import SourceError
from gateway.sources.breaker import Breaker
from gateway.sources.cache import Lock, Looked, Sought, Stored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gateway.sources.cache import SharedStore

T = TypeVar("T")

MOST_KEYS = 1_000
"""Keys and tags of one round trip; more look-ups go in further ones. Entries that may wait."""
_FLYING = 4
_AFTERWARDS = 0.005
"""Seconds in which answers leave, and further ones come, before they are stored."""
_MOST_BYTES = 4 << 20
"""Bytes of values that may wait to be stored, unless they are of one fill."""
_CLOSE_SECONDS = 1.0
_TAG_MARGIN = 60_000
"""Milliseconds by which the version of a tag that was found in an entry outlives it."""


class CacheFault(Exception):  # noqa: N818 - a condition, as in gateway.errors
    """The store could not be asked; nothing is known."""


class Search(NamedTuple):
    """What is looked for; an entry that was made before `newer_than` does not count.

    Milliseconds of the wall clock; `tag_ms` and `lock_ms` are those that a fill needs, `guards`
    further tags of which it needs the versions.
    """

    key: bytes
    tags: tuple[str, ...]
    guards: tuple[str, ...]
    newer_than: int
    tag_ms: int
    lock_ms: int


class Found(NamedTuple):
    """What a look-up gave: a valid entry or None, and who fills what does not count.

    `versions` are those the tags had at that moment, None where nobody needs them; `token` is that
    of a lock of ours.
    """

    entry: Entry | None
    lock: Lock
    token: bytes
    versions: Mapping[str, bytes | None]


class Kept(NamedTuple):
    """What is to be stored, None to give up its lock alone, and the token of that.

    `guards`: versions that some tags must have besides those it is kept under.
    """

    entry: Entry | None
    token: bytes
    guards: Mapping[str, bytes]


class _Batch:
    """Look-ups that go together."""

    def __init__(self) -> None:
        self.wanted: dict[bytes, Sought] = {}
        self.names: dict[bytes, tuple[str, ...]] = {}
        self.tags: dict[str, int] = {}
        self.tag_ms = self.lock_ms = 0
        self.token = secrets.token_bytes(VERSION_BYTES)
        self.future: asyncio.Future[Mapping[bytes, Found] | None] = (
            asyncio.get_running_loop().create_future()
        )

    @property
    def full(self) -> bool:
        return len(self.wanted) + len(self.tags) >= MOST_KEYS

    def add(self, one: Search) -> None:
        names = (*one.tags, *one.guards)
        places = tuple([self.tags.setdefault(tag, len(self.tags) + 1) for tag in names])
        before = self.wanted.get(one.key)
        newer_than = one.newer_than if before is None else max(one.newer_than, before.newer_than)
        kept = len(one.tags)
        self.wanted[one.key] = Sought(one.key, places[:kept], newer_than, places[kept:])
        self.names[one.key] = names
        self.tag_ms = max(self.tag_ms, one.tag_ms)
        self.lock_ms = max(self.lock_ms, one.lock_ms)


class SharedLevel:
    """Entries in `store`.

    `max_value`: bytes of a value that is stored. `compress_above`: bytes from which it is
    deflated, 0 for never. Reads and writes have a breaker each: a store that is full still reads.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        store: SharedStore,
        clock: Callable[[], float],
        wall: Callable[[], float],
        *,
        max_value: int,
        compress_above: int = 0,
        failures: int = 5,
        seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._wall = wall
        self._max_value = max_value
        self._compress_above = compress_above
        self._reads = Breaker(failures, seconds, clock)
        self._writes = Breaker(failures, seconds, clock)
        self._open: _Batch | None = None
        self._room = asyncio.Semaphore(_FLYING)
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept: dict[bytes, Kept] = {}
        self._kept_bytes = 0
        self._keeper: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether reads are let through, as far as is known."""
        return not self._reads.open

    def believe(self) -> None:
        """Ask the store again at once: it has answered somebody else."""
        self._reads.succeeded()
        self._writes.succeeded()

    async def look(self, wanted: Sequence[Search]) -> list[Found]:
        """For each of them what is there, and who fills it. Raises CacheFault."""
        batches: dict[_Batch, None] = {}
        homes = []
        for one in wanted:
            batch = self._open
            if batch is None or batch.full:
                batch = self._open = _Batch()
                self._send_soon(batch)
            batch.add(one)
            batches[batch] = None
            homes.append(batch)
        answers = {batch: await asyncio.shield(batch.future) for batch in batches}
        found = []
        for one, batch in zip(wanted, homes, strict=True):
            answer = answers[batch]
            if answer is None:
                raise CacheFault
            found.append(answer[one.key])
        return found

    def keep(self, entries: Mapping[bytes, Kept]) -> None:
        """Store soon, with all that comes meanwhile, what nothing invalidated since it was begun.

        What is too large is not kept, nor is anything while too much waits: then the locks end by
        themselves.
        """
        size = sum(len(one.entry.value or b"") for one in entries.values() if one.entry)
        many = len(self._kept) + len(entries) > MOST_KEYS or self._kept_bytes + size > _MOST_BYTES
        if not (self._kept and many):
            self._kept.update(entries)
            self._kept_bytes += size
        if self._keeper is None:
            self._keeper = asyncio.ensure_future(self._keep())

    async def _keep(self) -> None:
        """Store what waits, one round trip after the other."""
        try:
            await asyncio.sleep(_AFTERWARDS)
            while self._kept:
                kept, self._kept, self._kept_bytes = self._kept, {}, 0
                with suppress(CacheFault):
                    await self._store_all(kept)
        finally:
            self._keeper = None

    async def _store_all(self, kept: Mapping[bytes, Kept]) -> None:
        # Of one tag there may be two versions: of a fill from before a write, and from after it.
        places: dict[tuple[str, bytes], int] = {}
        found: dict[str, int] = {}
        stored = []
        longest = 0
        for key, (entry, token, guards) in kept.items():
            if entry is None or not self._storable(entry):
                stored.append(Stored(key, None, 0, token, ()))
                continue
            data = encode(key, entry, compress_above=self._compress_above)
            must = (*entry.versions.items(), *guards.items())
            own = [places.setdefault(one, len(places) + 1) for one in must]
            shown = [found.setdefault(tag, len(found) + 1) for tag in entry.found]
            milliseconds = max(1, round(entry.lifetime * 1_000))
            longest = max(longest, milliseconds)
            stored.append(Stored(key, data, milliseconds, token, tuple(own), tuple(shown)))
        await self._guarded(
            self._writes,
            lambda: self._store.store(
                list(places),
                list(found),
                stored,
                version=secrets.token_bytes(VERSION_BYTES),
                tag_ms=longest + _TAG_MARGIN,
            ),
        )

    def _storable(self, entry: Entry) -> bool:
        small = len(entry.value or b"") <= self._max_value
        return small and len(entry.versions) + len(entry.found) <= MAX_TAGS

    async def close(self) -> None:
        """Store what waits, for a moment; end the round trips under way.

        Whoever waits for one goes on without.
        """
        if self._keeper is not None:
            self._tasks.add(self._keeper)
            await asyncio.wait([self._keeper], timeout=_CLOSE_SECONDS)
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
        wanted = list(batch.wanted.values())
        versions, looked = await self._guarded(
            self._reads,
            lambda: self._store.look(
                list(batch.tags),
                wanted,
                batch.token,
                now_ms=round(self._wall() * 1_000),
                tag_ms=batch.tag_ms,
                lock_ms=batch.lock_ms,
            ),
        )
        by_tag = dict(zip(batch.tags, versions, strict=True))
        return {
            one.key: self._found(batch, one.key, answer, by_tag)
            for one, answer in zip(wanted, looked, strict=True)
        }

    def _found(
        self, batch: _Batch, key: bytes, looked: Looked, versions: Mapping[str, bytes | None]
    ) -> Found:
        entry = None if looked.data is None else decode(key, looked.data, most=self._max_value)
        if entry is not None and any(
            versions.get(tag) != own for tag, own in entry.versions.items()
        ):  # of those that were found in it the store says so
            entry = None
        own = {tag: versions[tag] for tag in batch.names[key]} if looked.lock else {}
        return Found(entry, looked.lock, batch.token, own)
