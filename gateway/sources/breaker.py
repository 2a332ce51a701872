"""Spare a source that fails, and those who would wait for it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Breaker:
    """Opens after `failures` in a row; then lets one call through every `pause` seconds.

    Ask `allows` before a call, then report `succeeded` or `failed`; a call that gets through and
    succeeds closes it again. `clock` is monotonic, in seconds.
    """

    __slots__ = ("_clock", "_count", "_failures", "_pause", "_probe_at")

    def __init__(
        self, failures: int = 5, pause: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures = failures
        self._pause = pause
        self._clock = clock
        self._count = 0
        self._probe_at = 0.0

    @property
    def open(self) -> bool:
        """Whether calls are refused, but for the one that tries."""
        return self._count >= self._failures

    def allows(self) -> bool:
        """Whether a call may be made; while open, True once in every `pause`."""
        if not self.open:
            return True
        now = self._clock()
        if now < self._probe_at:
            return False
        self._probe_at = now + self._pause
        return True

    def failed(self) -> None:
        """A call did not come through."""
        self._count += 1
        if self.open:
            self._probe_at = self._clock() + self._pause

    def succeeded(self) -> None:
        """The source answered."""
        self._count = 0


class ProbedBreaker:
    """Opens when a call was late and the source is silent when it is asked again; then asks on.

    For sources whose calls may be slow by themselves. `probe` asks for a sign of life and raises
    where there is none; it gets `seconds`. Tell `suspect` of a late call; while `open`, make none:
    the probe is repeated every `pause` seconds, so that no caller is the one who tries. A source
    that did answer is not asked again for `rest` seconds.
    """

    __slots__ = (
        "_asked_until",
        "_closed",
        "_pause",
        "_probe",
        "_rest",
        "_seconds",
        "_task",
        "open",
    )

    def __init__(
        self,
        probe: Callable[[], Awaitable[object]],
        *,
        seconds: float = 1.0,
        pause: float = 0.25,
        rest: float = 1.0,
    ) -> None:
        self._probe = probe
        self._seconds = seconds
        self._pause = pause
        self._rest = rest
        self._asked_until = 0.0
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self.open = False

    def suspect(self) -> None:
        """A call was late: look whether the source is there, unless that is done already."""
        if self._closed:
            return
        if self._task is None and asyncio.get_running_loop().time() >= self._asked_until:
            self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Look no longer, once the probe under way has its answer; idempotent.

        It is not cut off: a driver that logs in may not take that well.
        """
        self._closed = True
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _watch(self) -> None:
        try:
            while not (await self._answers() or self._closed):
                self.open = True
                await asyncio.sleep(self._pause)
            self._asked_until = asyncio.get_running_loop().time() + self._rest
        finally:
            self.open = False
            self._task = None

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(self._seconds):
                await self._probe()
        except Exception:  # noqa: BLE001 - whatever it is, there was no sign of life
            return False
        return True
