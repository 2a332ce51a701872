"""The time before a process serves: a signal that tells it to stop ends it at once.

uvicorn only notes the signal then, and looks at it when the application has started, which waits
for sources that are out of reach.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from uvicorn.lifespan.on import LifespanOn

if TYPE_CHECKING:
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Starting:
    """From `begin` to `end` the signals are ours; then they are whose they were before."""

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}

    def begin(self) -> None:
        """Take the signals, where this is the thread that gets them."""
        if threading.current_thread() is threading.main_thread():
            self._handlers = {
                number: signal.signal(number, _stop)
                for number in _SIGNALS
                if signal.getsignal(number) is not _stop
            }

    def end(self) -> None:
        """Give them back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}


def _stop(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(0)


class PromptLifespan(LifespanOn):
    """Starts the application up; its `config` has a `starting`, which ends with that."""

    async def startup(self) -> None:
        """Wait until the sources are open, or somebody does not want to wait any more."""
        try:
            await super().startup()
        finally:
            self.config.starting.end()  # type: ignore[attr-defined]  # a `ListenerConfig`
