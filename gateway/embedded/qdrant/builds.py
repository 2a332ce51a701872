"""Indexes are built in a process of their own: the engine would let nobody else run meanwhile.

Its library holds Python's lock for as long as a call takes, and a build takes seconds. So a copy
of the shard is built beside it, catches up with what was written in between, and takes its place.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import gateway
from gateway.embedded import leash

if TYPE_CHECKING:
    from gateway.embedded.qdrant.collection import Collection

NOTHING_TO_BUILD = 3
"""Exit status of a builder that found the shard as it should be."""

_log = logging.getLogger(__name__)


class Builder:
    """Builds one collection, whenever it is asked to; one build after another."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._note = collection.directory / "build"
        self._state = threading.Lock()
        self._wanted = self._stopped = False
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def busy(self) -> bool:
        """Whether a build is under way or about to begin."""
        return self._thread is not None

    def request(self) -> None:
        """Build the indexes as the collection's record says now, in the background.

        A note on disk says so first: a build that is cut off is begun again at the next opening.
        """
        with self._state:
            if self._stopped:
                return
            self._note.touch()
            self._wanted = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="build", daemon=True)
                self._thread.start()

    def resume(self) -> None:
        """Begin again what was cut off, if anything was."""
        if self._note.exists():
            self.request()

    def stop(self) -> None:
        """End a build under way at once; the note stays."""
        with self._state:
            self._stopped = True
            thread = self._thread
            if self._process is not None:
                self._process.kill()
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while self._next():
            try:
                self._build()
            except Exception:  # noqa: BLE001 - the engine raises plain Exception
                _log.exception("the indexes of %r were not built", self._collection.name)
                self._collection.forget()

    def _next(self) -> bool:
        with self._state:
            if self._wanted and not self._stopped:
                self._wanted = False
                return True
            if not self._stopped:
                self._note.unlink(missing_ok=True)
            self._thread = None
            return False

    def _build(self) -> None:
        target = self._collection.fork()
        with self._state:
            if self._stopped:
                return
            self._process = process = _start(target)
        status = process.wait()
        with self._state:
            self._process = None
            if self._stopped:
                return
        if status == 0:
            self._collection.switch(target)
            return
        if status != NOTHING_TO_BUILD:
            _log.error("building %r ended with status %s", self._collection.name, status)
        self._collection.forget()


def _start(target: Path) -> subprocess.Popen[bytes]:
    """A builder of the shard in `target`, which ends with this thread."""
    source = str(Path(gateway.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    search = os.pathsep.join([source, inherited] if inherited else [source])
    tie = map(str, (os.getpid(), signal.SIGKILL.value, os.getuid(), os.getgid()))
    return subprocess.Popen(  # noqa: S603 - our own program, no shell
        [
            *(sys.executable, "-I", "-S", leash.__file__, *tie),
            *(sys.executable, "-m", "gateway.embedded.qdrant_start", "--build", str(target)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": search},
    )
