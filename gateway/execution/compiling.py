"""Plans made beside the event loop: a new shape of arguments costs milliseconds of compiling.

A client may send a shape nobody has sent before with each request. Known shapes must not wait for
that: compiling has one thread, each shape is compiled once for all who wait, and the queue is
bounded.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

from gateway.errors import Code, RequestError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from gateway.planning.outline import Outline
    from gateway.planning.steps import Plan

_Key: TypeAlias = "tuple[Outline, tuple[Hashable, ...]]"

TURN = 0.0005
"""Seconds after which the compiling thread yields the interpreter to the event loop."""

_FULL = "Too many new kinds of requests at once; try again later."
_LATE = "The request could not be planned in time."


class Compiling:
    """Makes plans; at most `waiting` of them are under way or in line."""

    def __init__(self, *, waiting: int = 256) -> None:
        self._waiting = waiting
        self._making: dict[_Key, asyncio.Future[Plan]] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._turn = sys.getswitchinterval()

    async def plan(self, outline: Outline, shapes: tuple[Hashable, ...], deadline: float) -> Plan:
        """The plan of an outline for these shapes; a known one at once.

        `deadline` is absolute, in the event loop's clock. Raises what compiling raises, and
        RequestError where there is no time or no room for it.
        """
        known = outline.known(shapes)
        if known is not None:
            return known
        making = self._making.get((outline, shapes)) or self._start(outline, shapes)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(making)
        except TimeoutError:
            raise RequestError(_LATE, code=Code.SOURCE_TIMEOUT) from None

    def close(self) -> None:
        """Give up what is in line; idempotent."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    def figures(self) -> dict[str, float]:
        """Gauge: plans under way or in line."""
        return {"compiling": len(self._making)}

    def _start(self, outline: Outline, shapes: tuple[Hashable, ...]) -> asyncio.Future[Plan]:
        if len(self._making) >= self._waiting:
            raise RequestError(_FULL, code=Code.SOURCE_OVERLOADED)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(1, thread_name_prefix="plait-compiling")
        if not self._making:
            self._turn = sys.getswitchinterval()
            sys.setswitchinterval(TURN)
        loop = asyncio.get_running_loop()
        made = loop.run_in_executor(self._threads, outline.compiled, shapes)
        self._making[outline, shapes] = made
        made.add_done_callback(lambda done: self._end(outline, shapes, done))
        return made

    def _end(
        self, outline: Outline, shapes: tuple[Hashable, ...], done: asyncio.Future[Plan]
    ) -> None:
        del self._making[outline, shapes]
        if not self._making:
            sys.setswitchinterval(self._turn)
        if not done.cancelled() and done.exception() is None:
            outline.keep(shapes, done.result())
