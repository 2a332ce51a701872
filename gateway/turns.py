"""Fair turns of the event loop: what is due goes on next turn once this one has lasted too long.

Many requests or replies may be ready in one turn. Each is a fraction of a millisecond of work, but
timers, new connections and quick requests wait for all of them together. Where such work begins it
awaits `fair()`, which costs a microsecond while the turn is young.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TURN_SECONDS = 0.003
"""How long a turn may last before more work begins in it."""


class Turn:
    """The present turn of the running event loop, from when its first work asked on.

    `clock` gives seconds that only grow: those that this thread worked, so that a busy machine
    makes no turn old. Work goes on in the order in which it asked.
    """

    __slots__ = ("_began", "_clock", "_loop", "_seconds")

    def __init__(
        self, seconds: float = TURN_SECONDS, clock: Callable[[], float] = time.thread_time
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._began: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def fair(self) -> None:
        """Return in this turn while it is young, else in the first one that is."""
        loop = asyncio.get_running_loop()
        while self._began is not None and self._loop is loop:
            if self._clock() - self._began < self._seconds:
                return
            await asyncio.sleep(0)
        self._began = self._clock()
        self._loop = loop
        loop.call_soon(self._over)

    def _over(self) -> None:
        """Another turn has begun: what was called soon runs in the next one."""
        self._began = None


fair = Turn().fair
