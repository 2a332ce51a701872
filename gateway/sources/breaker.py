"""Spares a source that fails, and those who would wait for it."""

from __future__ import annotations

from gateway.errors import SourceUnavailable


class Breaker:
    """Opens after `failures` in a row; then lets one call through every `pause` seconds.

    Times are the event loop's clock. A call that gets through and succeeds closes it again.
    """

    __slots__ = ("_count", "_failures", "_next", "_pause")

    def __init__(self, failures: int = 5, pause: float = 1.0) -> None:
        self._failures = failures
        self._pause = pause
        self._count = 0
        self._next = 0.0

    def check(self, name: str, now: float) -> None:
        """Let the call pass, or raise `SourceUnavailable` naming the source."""
        if self._count < self._failures:
            return
        if now < self._next:
            raise SourceUnavailable(f"{name} has not answered lately; it is being spared.")
        self._next = now + self._pause

    def failed(self, now: float) -> None:
        """A call did not come through."""
        self._count += 1
        if self._count >= self._failures:
            self._next = now + self._pause

    def succeeded(self) -> None:
        """The source answered."""
        self._count = 0
