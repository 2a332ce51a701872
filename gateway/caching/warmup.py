"""Declared queries read anew before their entries end, by one replica at a time.

The lock is taken by SET NX EX under the node's own name, extended by compare-and-extend at half of
its time, and given up by compare-and-delete; a round whose lock is lost is aborted.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError, SourceError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.sources.cache import SharedStore

_LOG = logging.getLogger(__name__)

LOCK = "warm-up"


class WarmUp:
    """Calls `refresh` every `interval` seconds on one replica of all.

    `lock_seconds`: how long the lock outlives a node that died. `store` None means that there is
    but this one. Raises ConfigurationError unless the interval is below `hard_ttl`.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        store: SharedStore | None,
        refresh: Callable[[], Awaitable[object]],
        *,
        node: str,
        interval: float,
        lock_seconds: float,
        hard_ttl: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        check(interval, hard_ttl)
        self._store = store
        self._refresh = refresh
        self._node = node
        self._interval = interval
        self._lock_seconds = lock_seconds
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first round comes at once, but not on all replicas at the same moment."""
        if self._interval > 0:
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """End, giving up the lock."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
            if self._store is not None:
                # The end may have come while the lock was taken, or given up.
                with suppress(SourceError):
                    await self._store.release(LOCK, self._node)

    async def once(self) -> bool:
        """One round, unless another node is at it: whether it was done to its end."""
        if self._store is None:
            await self._refresh()
            return True
        lock = (LOCK, self._node, self._lock_seconds)
        # It may be ours already: the answer to that did not arrive.
        if not (await self._store.acquire(*lock) or await self._store.extend(*lock)):
            return False
        return await self._guarded(self._store)

    async def _run(self) -> None:
        await self._sleep(random.uniform(0, min(1.0, self._interval / 10)))  # noqa: S311 - jitter
        while True:
            try:
                await self.once()
            except Exception:  # noqa: BLE001 - the next round may well work
                _LOG.warning("cache: a round of the warm-up failed", exc_info=True)
            await self._sleep(self._interval)

    async def _guarded(self, store: SharedStore) -> bool:
        """The round under the lock, aborted when that is lost."""
        work = asyncio.ensure_future(self._refresh())
        guard = asyncio.ensure_future(self._hold(store))
        try:
            await asyncio.wait({work, guard}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                _LOG.warning("cache: the warm-up lost its lock and stopped")
                return False
            await work
            return True
        finally:
            for task in (work, guard):
                task.cancel()
            await asyncio.wait({work, guard})
            with suppress(SourceError):
                await store.release(LOCK, self._node)

    async def _hold(self, store: SharedStore) -> None:
        """Extend the lock at half of its time; returns when it is not ours any more.

        While the store cannot be asked the lock counts as ours until its time is over.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + self._lock_seconds
        while clock() < until:
            await self._sleep(self._lock_seconds / 2)
            sent = clock()
            try:
                if not await store.extend(LOCK, self._node, self._lock_seconds):
                    return
            except SourceError:
                continue
            until = sent + self._lock_seconds


def check(interval: float, hard_ttl: float) -> None:
    """Refuse an interval at which entries would be gone before they are read anew."""
    if interval >= hard_ttl:
        raise ConfigurationError(
            "cache.warmup_interval (PLAIT_CACHE_WARMUP_INTERVAL) must be below "
            "cache.hard_ttl (PLAIT_CACHE_HARD_TTL)"
        )
