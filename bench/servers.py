"""Server processes: started on loopback, asked for a sign of life, weighed, and stopped by pid."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.replies import ReplyError, ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

START_SECONDS = 60.0
STOP_SECONDS = 10.0
PROBE = '{"query":"{ __typename }"}'


class ServerError(Exception):
    """A server did not start."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its name in the tables, its process and its endpoint."""

    name: str
    pid: int
    port: int
    path: str = "/graphql"

    @property
    def url(self) -> str:
        """Where it takes GraphQL requests."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    def rss_mb(self) -> float:
        """Resident memory of the process and its children, in MB of 1,000,000 bytes."""
        return sum(_resident_kb(pid) for pid in _family(self.pid)) * 1024 / 1e6

    def cpu_seconds(self) -> float:
        """Processor time that the process and its children have used so far."""
        return sum(_cpu_ticks(pid) for pid in _family(self.pid)) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    log: Path,
    environment: Mapping[str, str],
) -> Iterator[Server]:
    """Start `command` with just this `environment`, and wait until it answers on `port`.

    It is stopped at the end whatever happens. Raises `ServerError` with the end of its log when
    it exits or stays silent.
    """
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches the bench alone, which then stops its servers.
        process = subprocess.Popen(  # noqa: S603 - the bench's own commands
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=environment,
        )
    try:
        server = Server(name, process.pid, port)
        _wait_until_it_answers(server, process, log)
        yield server
    finally:
        _stop(process)


def _wait_until_it_answers(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with suppress(OSError, ReplyError):
            ask(server.port, server.path, PROBE)
            return
        time.sleep(0.05)
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise ServerError(f"{server.name} did not start; its log ends with:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)


def _family(pid: int) -> list[int]:
    """`pid` and all its descendants (a server may put its workers into children)."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found.extend(int(child) for child in (task / "children").read_text().split())
    return found


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    line = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(line[1]) if line else 0


def _cpu_ticks(pid: int) -> int:
    """What the process used, and those of its children that ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0  # it has just ended: its parent has its time
    # The second field is the program's name in brackets and may hold spaces.
    return sum(map(int, fields.rpartition(")")[2].split()[11:15]))
