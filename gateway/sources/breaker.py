"""Spares a source that fails, and those who would wait for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


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
