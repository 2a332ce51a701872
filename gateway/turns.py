"""Fair turns of the event loop: what is due goes on next turn once this one has lasted too long.

Many requests or replies may be ready in one turn. Each is a fraction of a millisecond of work, but
timers, new connections and quick requests wait for all of them together. Where such work begins it
awaits `fair()`, which costs a microsecond while the turn is young. And `undisturbed()`: work that
the collector of cycles stays away from.
"""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the collector away from work that makes very many objects: a start, a check.

    What a start makes stays, and looking through it again and again is a quarter of its time.
    Validation leaves thousands of objects in cycles. Seen while they are in use they would be
    promoted, and pile up in the oldest generation, until one unlucky request waits for all of them
    together. Afterwards the collector's next look finds them, in its own time: were they collected
    here, its count would begin anew with every check, and it would never come to what is older.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
