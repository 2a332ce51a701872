"""Watches clients while their requests are read and answered, at next to no cost for quick ones.

A timer per request would cost more than the rest of transport, so one tick looks after them all,
and only a request that two ticks find unanswered gets a task that listens for its client leaving.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.types import Receive

TICK = 0.02
"""Seconds between two looks: a client's leaving is noticed after at most two."""


class ClientLeft(Exception):  # noqa: N818 - a condition to act on, not a failure
    """The client closed its connection; there is nobody to answer."""


class Stalled(Exception):  # noqa: N818 - likewise
    """The time for the request's body is over and it is not whole."""


class Overran(Exception):  # noqa: N818 - likewise
    """The time for the answer is over and it is not there."""


class Watch:
    """One request, as a context manager around all work for it in the current task.

    The task is cancelled, and the cancellation turned into `Stalled`, `Overran` or `ClientLeft`,
    when `until` (event loop's clock) passes or the client leaves; or by `stop` into what it says.
    """

    __slots__ = (
        "__weakref__",
        "_answering",
        "_listener",
        "_reason",
        "_receive",
        "_seen",
        "_task",
        "_tower",
        "_until",
    )

    def __init__(self, tower: Watchtower, receive: Receive, until: float) -> None:
        self._tower = tower
        self._receive = receive
        self._until = until
        self._answering = self._seen = False
        self._reason: type[Exception] | None = None
        self._listener: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a Watch needs a task to cancel")
        self._task = task
        self._tower.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tower.remove(self)
        task, listener = self._task, self._listener
        # Watch and listener know each other: left so, all that the request held would stay until
        # the collector comes by.
        self._listener = None
        del self._task
        if listener is not None:
            listener.cancel()
        if self._reason is not None and kind is asyncio.CancelledError:
            task.uncancel()
            raise self._reason from None

    def allow(self, until: float) -> None:
        """The body may take longer."""
        self._until = until

    def body_is_read(self, until: float) -> None:
        """From here on `receive` only tells of the client leaving; the answer has till `until`."""
        self._answering = True
        self._until = until

    def look(self, now: float) -> None:
        """Called every tick."""
        if now >= self._until:
            self.stop(Overran if self._answering else Stalled)
        elif self._answering and self._listener is None:
            if self._seen:
                self._listener = asyncio.create_task(self._listen())
            self._seen = True

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.stop(ClientLeft)

    def stop(self, reason: type[Exception]) -> None:
        """Cancel the task, and have `reason` raised in its place."""
        if self._reason is None:
            self._reason = reason
            self._task.cancel()


class Watchtower:
    """All requests of one event loop that are under way; ticks as long as there are any."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._ticking = False

    def add(self, watch: Watch) -> None:
        """Look after `watch` until it is removed."""
        self._watches.add(watch)
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(TICK, self._tick)

    def remove(self, watch: Watch) -> None:
        """Forget `watch`."""
        self._watches.discard(watch)

    def _tick(self) -> None:
        self._ticking = bool(self._watches)
        if self._ticking:
            loop = asyncio.get_running_loop()
            now = loop.time()
            for watch in self._watches:
                watch.look(now)
            loop.call_later(TICK, self._tick)
