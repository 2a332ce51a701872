"""What a run of the sync did, and how long each of its stages was at work."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES = ("read", "embed", "store", "record")


@dataclass(slots=True)
class Stage:
    """`items` that went through, and the seconds in which at least one of its calls was under way.

    Stages work at the same time: their seconds are more than the run's.
    """

    items: int = 0
    seconds: float = 0.0
    _active: int = 0
    _since: float = 0.0

    @property
    def speed(self) -> float:
        """Items a second while it was at work."""
        return self.items / self.seconds if self.seconds else 0.0

    @contextmanager
    def working(self, items: int) -> Iterator[None]:
        """Count the time of the block, and its items."""
        if not self._active:
            self._since = time.perf_counter()
        self._active += 1
        try:
            yield
            self.items += items
        finally:
            self._active -= 1
            if not self._active:
                self.seconds += time.perf_counter() - self._since


@dataclass(slots=True)
class Figures:
    """How many rows were embedded, got another payload, needed nothing, lost their point, failed.

    `cut` of the embedded had a text over the model's limit.
    """

    embedded: int = 0
    payloads: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: int = 0
    cut: int = 0
    stages: dict[str, Stage] = field(default_factory=lambda: {name: Stage() for name in STAGES})

    @property
    def done(self) -> int:
        """The rows that were looked at, whatever came of it."""
        return self.embedded + self.payloads + self.unchanged + self.removed + self.failed
