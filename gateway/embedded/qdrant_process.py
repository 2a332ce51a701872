"""Launches our Qdrant engine process, `python -m gateway.embedded.qdrant`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import gateway
from gateway.embedded.engine import Engine, own_command, package_folder
from gateway.embedded.ports import LOOPBACK

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from gateway.embedded.process import Command, EngineProcess, Member


class Qdrant(Engine):
    """Serves gRPC. Durable in either case: the engine writes its log ahead, and recovers by it."""

    name: ClassVar = "qdrant"

    def prepare(self, keeper: Executor, previous: Member | None) -> None:
        """See `Engine`."""
        package_folder("qdrant_edge")
        super().prepare(keeper, previous)

    def command(self, port: int) -> Command:
        """Python on this very `gateway` package, wherever it was imported from."""
        source = str(Path(gateway.__file__).parent.parent)
        inherited = os.environ.get("PYTHONPATH")
        search = os.pathsep.join([source, inherited] if inherited else [source])
        serve = (sys.executable, "-m", "gateway.embedded.qdrant")
        return own_command(
            [*serve, "--data", str(self.data), "--port", str(port)],
            self.data,
            self.stop_signal,
            {"PYTHONPATH": search, "PYTHONUNBUFFERED": "1"},
        )

    def ready(self, process: EngineProcess, port: int) -> bool:
        """Whether it has said `ready`."""
        del port
        return "ready" in process.log.said().splitlines()

    def url(self, port: int) -> str:
        """The address; it takes gRPC alone."""
        return f"http://{LOOPBACK}:{port}"
