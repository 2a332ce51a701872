"""Launches our Qdrant engine process, `python -m gateway.embedded.qdrant`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import gateway
from gateway.embedded.engine import environment, package_folder
from gateway.embedded.ports import LOOPBACK, free_port
from gateway.embedded.process import Account, Command

if TYPE_CHECKING:
    from gateway.embedded.process import EngineProcess, Keeper, Member


class Qdrant:
    """Runs as the owner; serves gRPC on the port it is given, and REST on one of its own."""

    name: ClassVar = "qdrant"
    stop_signal: ClassVar = signal.SIGTERM
    stop_seconds: ClassVar = 20.0

    def __init__(self, folder: Path, *, durable: bool) -> None:
        del durable  # the engine writes its log ahead in either case
        self._data = folder / self.name
        self._rest_port: int | None = None

    def prepare(self, keeper: Keeper, previous: Member | None) -> None:
        """Make the folder; the engine recovers by itself."""
        del keeper, previous
        package_folder("qdrant_edge")
        self._data.mkdir(mode=0o700, exist_ok=True)

    def command(self, port: int) -> Command:
        """Python on this very `gateway` package, wherever it was imported from.

        The REST port is kept from one start to the next while it is free.
        """
        self._rest_port = free_port(self._rest_port)
        while self._rest_port == port:
            self._rest_port = free_port()
        source = str(Path(gateway.__file__).parent.parent)
        inherited = os.environ.get("PYTHONPATH")
        search = os.pathsep.join([source, inherited] if inherited else [source])
        return Command(
            program=[
                sys.executable,
                *("-m", "gateway.embedded.qdrant_start"),
                *("--data", str(self._data), "--port", str(port)),
                *("--rest-port", str(self._rest_port)),
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
        """The address of REST; gRPC listens on `port`."""
        del port
        return f"http://{LOOPBACK}:{self._rest_port}"
