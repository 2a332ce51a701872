"""Launches our Qdrant engine process, `python -m gateway.embedded.qdrant`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import gateway
from gateway.embedded.engine import environment, package_folder
from gateway.embedded.ports import LOOPBACK
from gateway.embedded.process import Account, Command

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from gateway.embedded.process import EngineProcess, Member


class Qdrant:
    """Runs as the owner; serves gRPC."""

    name: ClassVar = "qdrant"
    stop_signal: ClassVar = signal.SIGTERM
    stop_seconds: ClassVar = 20.0

    def __init__(self, folder: Path, *, durable: bool) -> None:
        del durable  # the engine writes its log ahead in either case
        self._data = folder / self.name

    def prepare(self, keeper: Executor, previous: Member | None) -> None:
        """Make the folder; the engine recovers by itself."""
        del keeper, previous
        package_folder("qdrant_edge")
        self._data.mkdir(mode=0o700, exist_ok=True)

    def command(self, port: int) -> Command:
        """Python on this very `gateway` package, wherever it was imported from."""
        source = str(Path(gateway.__file__).parent.parent)
        inherited = os.environ.get("PYTHONPATH")
        search = os.pathsep.join([source, inherited] if inherited else [source])
        return Command(
            program=[
                sys.executable,
                *("-m", "gateway.embedded.qdrant"),
                *("--data", str(self._data), "--port", str(port)),
            ],
            cwd=self._data,
            stop_signal=self.stop_signal,
            account=Account.own(),
            environment={**environment(), "PYTHONPATH": search, "PYTHONUNBUFFERED": "1"},
        )

    def ready(self, process: EngineProcess, port: int) -> bool:
        """Whether it has said `ready`."""
        del port
        return "ready" in process.log.said().splitlines()

    def url(self, port: int) -> str:
        """The address; it takes gRPC alone."""
        return f"http://{LOOPBACK}:{port}"
