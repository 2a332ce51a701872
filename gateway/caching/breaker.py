"""Keeps a sick store from costing time: after some failures in a row nothing is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Breaker:
    """Opens after `failures` in a row; every `seconds` later one call may try again.

    `clock` is monotonic, seconds. Ask `allows` before a call, then report `worked` or `failed`.
    """

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._probe_at = 0.0

    @property
    def open(self) -> bool:
        """Whether calls are refused, but for the one that tries."""
        return self._failures >= self._most

    def allows(self) -> bool:
        """Whether a call may be made; while open, True once in every period."""
        if not self.open:
            return True
        now = self._clock()
        if now < self._probe_at:
            return False
        self._probe_at = now + self._seconds
        return True

    def worked(self) -> None:
        """The call came back: closed again."""
        self._failures = 0

    def failed(self) -> None:
        """The call did not come back as it should."""
        self._failures += 1
        if self._failures == self._most:
            self._probe_at = self._clock() + self._seconds
