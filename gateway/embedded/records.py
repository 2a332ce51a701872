"""What outlives a run in the data folder: the lock of its owner, and who its engines were."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from gateway.embedded.process import Member  # noqa: TC001 - msgspec reads annotations at run time
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


class FolderLock:
    """Makes this process the only owner of a data folder. The kernel frees it when we end."""

    def __init__(self, folder: Path) -> None:
        """Take the lock; raises `ConfigurationError` naming the folder when another has it."""
        self._file = (folder / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise ConfigurationError(
                f"the folder {folder} is in use by another Plait (process {owner}); "
                "stop that one, or choose another folder"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let others have the folder."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Record:
    """An engine as it was started last: its process and its port."""

    member: Member
    port: int


class Records:
    """`engines.json`: written at each start, so that a later run finds what was left behind."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "engines.json"
        self._mutex = threading.Lock()
        self._records: dict[str, Record] = {}
        with suppress(FileNotFoundError, msgspec.MsgspecError):  # what cannot be read is unknown
            self._records = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Record])

    def get(self, name: str) -> Record | None:
        """What is known of the last start of an engine."""
        return self._records.get(name)

    def put(self, name: str, record: Record) -> None:
        """Remember a start."""
        with self._mutex:
            self._records[name] = record
            written = self._path.with_suffix(".written")
            written.write_bytes(msgspec.json.encode(self._records))
            written.rename(self._path)
