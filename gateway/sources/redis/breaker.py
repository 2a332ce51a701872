"""A breaker: a server that keeps failing is left alone for a moment, and its fields fail fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURES = 3
"""Conversations in a row that must fail before it opens."""
SECONDS = 0.25
"""How long it stays open before one conversation is let through to try."""


class Breaker:
    """Counts failures in a row; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    @property
    def open(self) -> bool:
        """Whether nothing may be asked now; the first who finds it closed again is the probe."""
        if self._failures < FAILURES:
            return False
        now = self._clock()
        if now < self._until:
            return True
        self._until = now + SECONDS
        return False

    def failed(self) -> None:
        """A conversation found nobody, or was lost."""
        self._failures += 1
        self._until = self._clock() + SECONDS

    def succeeded(self) -> None:
        """A conversation came to its end."""
        self._failures = 0
