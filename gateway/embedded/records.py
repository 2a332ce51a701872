"""What outlives a run in the data folder: the lock of its owner, and who its engines were."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.embedded.process import Member
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
        # What cannot be read is as good as unknown.
        with suppress(FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._records = {
                str(name): Record(Member(int(one["pid"]), str(one["born"])), int(one["port"]))
                for name, one in stored.items()
            }

    def get(self, name: str) -> Record | None:
        """What is known of the last start of an engine."""
        return self._records.get(name)

    def put(self, name: str, record: Record) -> None:
        """Remember a start."""
        with self._mutex:
            self._records[name] = record
            text = json.dumps(
                {
                    key: {"pid": one.member.pid, "born": one.member.born, "port": one.port}
                    for key, one in self._records.items()
                }
            )
            written = self._path.with_suffix(".written")
            written.write_text(text, encoding="utf-8")
            written.rename(self._path)
