"""A primary and a hot standby that streams from it, both real."""

from __future__ import annotations

import dataclasses
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg

from gateway.embedded import start
from gateway.embedded.ports import free_port
from gateway.embedded.postgres import Postgres
from gateway.embedded.process import EngineProcess, Log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.embedded import Engines

ACCESS = "host replication all 127.0.0.1/32 scram-sha-256\n"


class Standby:
    """A server that follows the one at `primary`."""

    def __init__(self, folder: Path, primary: str, port: int) -> None:
        self._server = Postgres(folder, durable=False)
        self._folder = folder
        self._primary = primary
        self._port = port
        self.url = self._server.url(port)
        self.process = self._started()

    def restart(self) -> None:
        """Start it again on its port."""
        self._server.prepare(None, self.process.member)  # type: ignore[arg-type]  # nothing is run
        self.process = self._started()

    def _started(self) -> EngineProcess:
        command = self._server.command(self._port)
        follow = ["-c", f"primary_conninfo={self._primary}", "-c", "hot_standby=on"]
        command = dataclasses.replace(command, program=[*command.program, *follow])
        return EngineProcess(command, Log(self._folder / "standby.log"))


@contextmanager
def pair(folder: Path) -> Iterator[tuple[Engines, Standby]]:
    """A running primary, and a standby that was copied from it while it lay still."""
    near, far = folder / "primary", folder / "standby"
    near.mkdir()
    far.mkdir()
    for place in (folder, near, far):
        place.chmod(0o755)
    with start(near, names=("postgres",), durable=False):
        pass
    data = near / "postgres"
    with (data / "pg_hba.conf").open("a", encoding="ascii") as file:
        file.write(ACCESS)
    owner = data.stat()
    shutil.copytree(data, far / "postgres")
    shutil.copy(near / "postgres.password", far / "postgres.password")
    (far / "postgres" / "standby.signal").touch()
    for path in (far / "postgres", *(far / "postgres").rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    with start(near, names=("postgres",), durable=False) as engines:
        standby = Standby(far, engines.urls.postgres, free_port())
        try:
            yield engines, standby
        finally:
            standby.process.stop(10.0)


async def reachable(url: str) -> bool:
    """Whether a server answers there."""
    try:
        connection = await asyncpg.connect(url, timeout=2)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True
