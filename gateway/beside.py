"""Work beside the event loop: what is done once for each new thing, and costs milliseconds.

A client may bring something nobody has brought before with each request. What is known must not
wait for that: such work has one thread, each thing is made once for all who wait, and the line is
bounded.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from gateway.errors import Code, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

TURN = 0.0005
"""Seconds after which the thread yields the interpreter to the event loop."""

_FULL = "Too many new kinds of requests at once; try again later."
_LATE = "The request could not be checked and planned in time."


class Beside:
    """Makes things in its thread; at most `waiting` of them are under way or in line."""

    def __init__(self, *, waiting: int = 256) -> None:
        self._waiting = waiting
        self._making: dict[Hashable, asyncio.Future[Any]] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._turn = sys.getswitchinterval()

    def __len__(self) -> int:
        return len(self._making)

    async def made(
        self, key: Hashable, make: Callable[[], T], keep: Callable[[T], None], deadline: float
    ) -> T:
        """What `make` makes of `key`; `keep` gets it, in the event loop, whoever still waits.

        `deadline` is absolute, in the event loop's clock. Raises what `make` raises, and
        RequestError where there is no time or no room for it.
        """
        making = self._making.get(key) or self._start(key, make, keep)
        try:
            async with asyncio.timeout_at(deadline):
                made: T = await asyncio.shield(making)
                return made
        except TimeoutError:
            raise RequestError(_LATE, code=Code.SOURCE_TIMEOUT) from None

    def close(self) -> None:
        """Give up what is in line; idempotent."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    def _start(
        self, key: Hashable, make: Callable[[], T], keep: Callable[[T], None]
    ) -> asyncio.Future[T]:
        if len(self._making) >= self._waiting:
            raise RequestError(_FULL, code=Code.SOURCE_OVERLOADED)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(1, thread_name_prefix="plait-beside")
        if not self._making:
            self._turn = sys.getswitchinterval()
            sys.setswitchinterval(TURN)
        making = asyncio.get_running_loop().run_in_executor(self._threads, make)
        self._making[key] = making
        making.add_done_callback(lambda done: self._end(key, keep, done))
        return making

    def _end(self, key: Hashable, keep: Callable[[T], None], done: asyncio.Future[T]) -> None:
        del self._making[key]
        if not self._making:
            sys.setswitchinterval(self._turn)
        if not done.cancelled() and done.exception() is None:
            keep(done.result())
