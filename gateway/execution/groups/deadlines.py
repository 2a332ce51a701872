"""Deadlines of many waiters on one timer.

A timer per waiter costs a microsecond on uvloop, a place in a bucket a tenth of it. The price is
that a waiter leaves up to one tick after its deadline.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.execution.groups.waiting import Member

TICK = 0.02
"""Seconds between two looks at the clock while anybody waits."""


class Deadlines:
    """Members by the tick in which their deadline lies; `expire` is called with those overdue."""

    __slots__ = ("_buckets", "_expire", "_timer")

    def __init__(self, expire: Callable[[Member], None]) -> None:
        self._expire = expire
        self._buckets: dict[int, set[Member]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Member) -> None:
        """Watch `member` until it is discarded from its `bucket` or its deadline has passed."""
        tick = int(member.deadline / TICK) + 1
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = set()
        bucket.add(member)
        member.bucket = bucket
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)

    def turn(self, now: float) -> None:
        """Expire all whose deadline lies before `now` (in the event loop's clock, seconds)."""
        reached = int(now / TICK)
        for tick in [tick for tick in self._buckets if tick <= reached]:
            for member in self._buckets.pop(tick):
                self._expire(member)

    def stop(self) -> None:
        """Forget everybody; for the end, after which nobody waits."""
        self._buckets.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        self.turn(loop.time())
        if any(self._buckets.values()):
            self._timer = loop.call_later(TICK, self._tick)
        else:
            self._buckets.clear()
