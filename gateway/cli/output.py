"""What commands say to a person: results to standard output, everything else to standard error."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError, PlaitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

FAILED = 1
MISUSED = 2


def console() -> Console:
    """A console on standard error, coloured where it is a terminal."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


class _Plain(logging.Formatter):
    """A record's message alone: a traceback may quote what nobody should see."""

    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage().partition("\n")[0]


def log_plainly() -> None:
    """Tell a person of warnings, a line each; a command that serves sets up the log itself."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain())
    logging.getLogger().handlers[:] = [handler]


@contextmanager
def failing_plainly() -> Iterator[None]:
    """Turn an error of ours into a message and an exit code: 2 for a setting, otherwise 1.

    Ctrl-C ends with 130, as shells expect, and without a traceback.
    """
    try:
        yield
    except PlaitError as error:
        from rich.text import Text

        console().print(Text.assemble(("error: ", "bold red"), error.message))
        sys.exit(MISUSED if isinstance(error, ConfigurationError) else FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
