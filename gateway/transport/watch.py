"""Watches the client while its request is answered, at next to no cost for quick answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.types import Receive

PATIENCE = 0.02
"""Seconds after which an answer is slow enough to look whether anybody still waits for it."""


class ClientLeft(Exception):  # noqa: N818 - a condition to act on, not a failure
    """The client closed its connection; there is nobody to answer."""


class Overran(Exception):  # noqa: N818 - likewise
    """The time for the answer is over and it is not there."""


class Watch:
    """Cancels the current task when the client leaves or `until` passes (event loop's clock).

    Used as a context manager around the work; raises `ClientLeft` or `Overran` in place of the
    cancellation. Only work that takes longer than `PATIENCE` gets a task that listens.
    """

    __slots__ = ("_listener", "_reason", "_receive", "_task", "_timer", "_until")

    def __init__(self, receive: Receive, until: float) -> None:
        self._receive = receive
        self._until = until
        self._reason: type[Exception] | None = None
        self._listener: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a Watch needs a task to cancel")
        self._task = task
        self._timer = task.get_loop().call_later(PATIENCE, self._start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()
        if self._reason is not None and kind is asyncio.CancelledError:
            self._task.uncancel()
            raise self._reason from None

    def _start(self) -> None:
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async with asyncio.timeout_at(self._until):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
            self._reason = ClientLeft
        except TimeoutError:
            self._reason = Overran
        self._task.cancel()
