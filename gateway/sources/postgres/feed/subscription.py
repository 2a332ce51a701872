"""One subscriber's queue: bounded, and honest about what did not fit."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.sources.changes import Change, Loss, Lost

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from gateway.sources.changes import Event


class Subscription:
    """The events of `tables` (None: of all), from the moment it was made; iterate over it.

    Holds at most `bound` events. One that does not fit clears the queue and leaves one `Lost` in
    it; so does any other loss, since whoever reads all anew needs nothing from before. The
    iteration ends when the subscription or its feed is closed, after what is queued.

    Leave by `close()` or `with`; one that is merely dropped is forgotten as well.
    """

    def __init__(
        self,
        tables: frozenset[str] | None,
        bound: int,
        leave: Callable[[Subscription], None],
    ) -> None:
        self.tables = tables
        self._bound = bound
        self._leave = leave
        self._events: deque[Event] = deque()
        self._stir = asyncio.Event()
        self._oldest = datetime.now(UTC)
        self._closed = False

    def __len__(self) -> int:
        """How many events wait."""
        return len(self._events)

    def offer(self, change: Change) -> bool:
        """Queue a change if it is of our tables; whether there was room."""
        if self.tables is not None and change.table not in self.tables:
            return True
        if len(self._events) >= self._bound:
            self.lose(self._oldest, Loss.OVERFLOW)
            return False
        if not self._events:
            self._oldest = datetime.now(UTC)
            self._stir.set()
        self._events.append(change)
        return True

    def lose(self, since: datetime, reason: Loss) -> None:
        """Replace what is queued by the news that all must be read anew."""
        waiting = self._events[0] if self._events else None
        if isinstance(waiting, Lost):
            since = min(since, waiting.since)
        self._oldest = since
        self._events.clear()
        self._events.append(Lost(self.tables, since, reason))
        self._stir.set()

    def close(self) -> None:
        """Leave: no further events come; idempotent."""
        if not self._closed:
            self._closed = True
            self._stir.set()
            self._leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._stir.clear()
            await self._stir.wait()
        return self._events.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
