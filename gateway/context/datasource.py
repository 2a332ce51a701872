"""One key-value source: JSON values under checked keys, each with a time to live."""

from __future__ import annotations

import asyncio
import copy
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from gateway.context.keys import Pattern, check_key
from gateway.context.values import Codec
from gateway.errors import InputError, PlaitError, SourceOverloaded, SourceTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from gateway.context.contract import Store
    from gateway.settings import Datasource as Settings

MAX_BATCH = 1_000
"""Entries of one batch."""
MAX_KEYS = 10_000
"""Keys of one answer."""
MAX_TTL = 316_224_000.0
"""Seconds; ten years."""
WAITING = 100
"""Calls that may wait for each connection."""


class Datasource:
    """A named source; methods raise InputError for wrong arguments and SourceError for the rest.

    `settings` say how long values live by default, who may read them, and what bounds calls have.
    Nothing is tried twice. A call whose time runs out may or may not have happened.
    """

    def __init__(self, name: str, store: Store, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self._store = store
        self._codec = Codec(settings.max_value_bytes, settings.compress_above)
        self._free = asyncio.Semaphore(settings.connections)
        self._waiting = 0
        self._deadline = math.inf

    def within(self, deadline: float) -> Datasource:
        """The same source, whose calls end at `deadline`: the event loop's clock, seconds."""
        twin = copy.copy(self)
        twin._deadline = min(deadline, self._deadline)  # noqa: SLF001 - our own copy
        return twin

    async def save(self, key: str, data: Any, ttl: float | None = None) -> None:
        """Keep `data`, which JSON can write, in place of what was there.

        `ttl`: seconds it lives, 0 for ever; None for what the settings say.
        """
        await self.save_batch({key: data}, ttl)

    async def load(self, key: str) -> Any:
        """The value, None where there is none or null was saved."""
        return (await self.load_batch([key])).get(key)

    async def exists(self, key: str) -> bool:
        """Whether there is a value."""
        check_key(key)
        async with self._turn():
            return await self._store.has(key)

    async def delete(self, key: str) -> bool:
        """Remove a value; whether there was one."""
        check_key(key)
        async with self._turn():
            return await self._store.remove(key)

    async def save_batch(self, entries: Mapping[str, Any], ttl: float | None = None) -> None:
        """Keep up to 1,000 values; if it fails, some of them may be kept, each of them whole."""
        _check_count(entries)
        seconds = self._seconds(ttl)
        encoded = {check_key(key): await self._codec.encode(data) for key, data in entries.items()}
        if encoded:
            async with self._turn():
                await self._store.put(encoded, seconds)

    async def load_batch(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values that there are, of up to 1,000 keys."""
        asked = list(dict.fromkeys(map(check_key, keys)))
        _check_count(asked)
        if not asked:
            return {}
        async with self._turn():
            found = await self._store.get(asked)
        return {
            key: await self._codec.decode(stored)
            for key, stored in zip(asked, found, strict=True)
            if stored is not None
        }

    async def keys(self, pattern: str = "*", limit: int = MAX_BATCH) -> list[str]:
        """Keys like `pattern` (`*`: any characters, `?`: one), sorted; any `limit` of them."""
        sought = Pattern.of(pattern)
        if not 1 <= limit <= MAX_KEYS:
            raise InputError(f"`keys` gives 1 to {MAX_KEYS} keys.")
        async with self._turn():
            return sorted(await self._store.find(sought, limit))

    async def size(self) -> int:
        """How many values there are."""
        async with self._turn():
            return await self._store.count()

    async def prune(self) -> int:
        """Remove expired values where the engine keeps them, about 1,000 at a time; how many.

        They are absent from every answer before that, too.
        """
        async with self._turn():
            return await self._store.prune()

    async def connect(self) -> None:
        """Open. Raises SourceError where the engine cannot be reached, or refuses us."""
        async with self._turn():
            await self._store.connect()

    async def disconnect(self) -> None:
        """Release everything; idempotent."""
        await self._store.disconnect()

    async def is_connected(self) -> bool:
        """Whether the engine answers now; never raises."""
        try:
            async with self._turn():
                await self._store.ping()
        except PlaitError:
            return False
        return True

    def _seconds(self, ttl: float | None) -> float | None:
        if ttl is None:
            return self.settings.ttl or None
        given: Any = ttl
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= ttl <= MAX_TTL:
            raise InputError(f"`ttl` is a number of seconds from 0 (for ever) to {MAX_TTL:.0f}.")
        if 0 < ttl < 0.001:  # noqa: PLR2004 - the engines' resolution
            raise InputError("`ttl` is at least a millisecond, or 0 for ever.")
        return ttl or None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """A connection's turn, and one call's time. Raises SourceTimeout, SourceOverloaded."""
        if self._waiting >= WAITING * self.settings.connections:
            raise SourceOverloaded(f"Too many calls wait for the datasource {self.name}.")
        now = asyncio.get_running_loop().time()
        if now >= self._deadline:
            raise SourceTimeout(f"The datasource {self.name} was not asked: no time was left.")
        try:
            async with asyncio.timeout_at(min(now + self.settings.timeout_seconds, self._deadline)):
                await self._wait()
                try:
                    yield
                finally:
                    self._free.release()
        except TimeoutError:
            raise SourceTimeout(f"The datasource {self.name} did not answer in time.") from None

    async def _wait(self) -> None:
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1


def _check_count(entries: Sequence[str] | Mapping[str, Any]) -> None:
    if len(entries) > MAX_BATCH:
        raise InputError(f"A batch has at most {MAX_BATCH} entries; this one has {len(entries)}.")
