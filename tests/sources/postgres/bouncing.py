"""A real PgBouncer in transaction mode, where the machine has one; the tests install none."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.embedded.ports import LOOPBACK, free_port
from gateway.embedded.process import wait_until

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
"""Where it is; Debian puts it where only root looks."""
MISSING = "there is no pgbouncer on PATH (Debian: apt-get install pgbouncer)"
_TRACKING = (1, 21)
"""The version from which named statements may be kept track of."""


def version() -> tuple[int, ...]:
    """What it is: (1, 25, 2)."""
    said = subprocess.run([str(PROGRAM), "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"PgBouncer (\d+)\.(\d+)\.(\d+)", said.stdout)
    assert found, said.stdout
    return tuple(map(int, found.groups()))


def tracks() -> bool:
    """Whether this version can keep named statements."""
    return version() >= _TRACKING


@dataclass
class Bouncer:
    """A PgBouncer in front of `server`, with at most `size` connections to it.

    `statements`: how many named ones it keeps track of for each connection; 0: none.
    """

    folder: Path
    server: str
    size: int = 3
    statements: int = 0
    options: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """What a client connects to."""
        return f"postgresql://anyone@{LOOPBACK}:{self.port}{urlsplit(self.server).path}"

    def start(self) -> None:
        """Start it on its port."""
        own = self.folder / "pgbouncer.ini"
        own.write_text(self._settings(), encoding="utf-8")
        for place in (self.folder, own):
            place.chmod(0o755)  # PgBouncer will not run as root, and then reads it as another
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        self._process = subprocess.Popen(
            [str(PROGRAM), "-q", *user, str(own)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        assert wait_until(self._listens, 10.0), "PgBouncer does not come up"

    def kill(self) -> None:
        """End it in mid-work, its connections with it."""
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0

    def _settings(self) -> str:
        target = urlsplit(self.server)
        place = f"host={target.hostname} port={target.port}"
        lines = {
            "listen_addr": LOOPBACK,
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": str(self.size),
            "max_client_conn": "200",
            **({"max_prepared_statements": str(self.statements)} if tracks() else {}),
            **self.options,
        }
        return (
            f"[databases]\n* = {place} user={target.username} password={target.password}\n"
            "[pgbouncer]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())
        )
