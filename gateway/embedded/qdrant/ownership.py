"""One living process per data directory."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_LOCK_FILE = "owner.pid"


class Ownership:
    """The right to use a data directory, held by a file lock.

    The kernel lets go of the lock when its process ends, however it ends; so a directory is never
    left locked, and the number in the file is only there to be told.
    """

    def __init__(self, directory: Path) -> None:
        """Take `directory`, creating it. Raises `ConfigurationError` when a process owns it."""
        directory.mkdir(parents=True, exist_ok=True)
        self._file = os.open(directory / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise ConfigurationError(
                f"{directory} is in use by another embedded Qdrant (process {owner}); "
                "stop that one or choose another directory"
            ) from None
        os.truncate(self._file, 0)
        os.pwrite(self._file, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let another process have the directory."""
        os.close(self._file)
