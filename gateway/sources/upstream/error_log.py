"""An upstream's own errors in the log, for an operator who has asked for them.

Only then: their words often quote what a client sent, which no log of ours holds otherwise.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.sources.upstream.answers import RemoteError

SECONDS = 1.0
"""Between two lines about one upstream."""
_MOST_ERRORS = 3
_MOST_TEXT = 200
_MOST_STEPS = 20
_LOG = logging.getLogger(__name__)


class ErrorLog:
    """Tells of the answers of one upstream that have errors: a line a second at most."""

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._next = 0.0
        self._passed_over = 0

    def note(self, errors: Sequence[RemoteError]) -> None:
        """Log the first of an answer's errors, and how many answers were passed over since."""
        now = self._clock()
        if now < self._next:
            self._passed_over += 1
            return
        fields = {
            "upstream": self._name,
            "passedOver": self._passed_over,
            "errors": [_shown(error) for error in errors[:_MOST_ERRORS]],
        }
        self._next, self._passed_over = now + SECONDS, 0
        _LOG.warning("an upstream reported errors", extra={"fields": fields})


def _shown(error: RemoteError) -> dict[str, object]:
    code = str((error.extensions or {}).get("code", ""))[:_MOST_TEXT]
    path = [str(step)[:_MOST_TEXT] for step in (error.path or [])[:_MOST_STEPS]]
    return {"code": code, "path": ".".join(path), "message": error.message[:_MOST_TEXT]}
