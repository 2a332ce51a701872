"""Valkey in other shapes than one server: a cluster, and a pair behind sentinels."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import RedisError

from gateway.embedded.valkey import _binary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 60.0


class Server:
    """One `valkey-server` of the test's own, on a free port of loopback."""

    def __init__(self, folder: Path, *options: str, port: int, sentinel: bool = False) -> None:
        self.port = port
        self._words = [_binary()]
        if sentinel:
            self._words += [str(folder / "sentinel.conf"), "--sentinel"]
        self._words += ["--port", str(port), "--bind", "127.0.0.1", *options]
        self._folder = folder
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(
            self._words, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(lambda: self.ask("PING"))

    def ask(self, *words: Any) -> Any:
        """One command on a connection of its own; raises RedisError."""
        with Redis("127.0.0.1", self.port, socket_timeout=5) as client:
            return client.execute_command(*words)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Neither runs nor dies."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Runs on."""
        self.process.send_signal(signal.SIGCONT)


def until(holds: Callable[[], Any]) -> None:
    """Wait for a condition; an error of the server's counts as no."""
    last = time.monotonic() + PATIENCE
    while time.monotonic() < last:
        try:
            if holds():
                return
        except (RedisError, OSError):
            pass
        time.sleep(0.02)
    raise TimeoutError("the servers did not get there")


def free_port() -> int:
    """A port that nobody listens on, and whose cluster bus port exists."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            if port < 50_000:
                return port


@contextmanager
def cluster(folder: Path) -> Iterator[list[Server]]:
    """Three servers that share the slots."""
    with ExitStack() as stack:
        servers = []
        for _ in range(3):
            port = free_port()
            own = folder / str(port)
            own.mkdir()
            options = ("--cluster-enabled", "yes", "--save", "", "--cluster-node-timeout", "5000")
            servers.append(
                Server(own, *options, "--cluster-require-full-coverage", "no", port=port)
            )
            stack.callback(servers[-1].kill)
        step = REDIS_CLUSTER_HASH_SLOTS // 3 + 1
        for place, server in enumerate(servers):
            last = min((place + 1) * step, REDIS_CLUSTER_HASH_SLOTS) - 1
            server.ask("CLUSTER", "ADDSLOTSRANGE", place * step, last)
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
            servers[0].ask("CLUSTER", "MEET", "127.0.0.1", server.port)
        for server in servers:
            until(lambda server=server: _agreed(server))
        yield servers


def _agreed(server: Server) -> bool:
    info = server.ask("CLUSTER", "INFO")
    text = info.decode() if isinstance(info, bytes) else str(info)
    return "cluster_state" in text and "ok" in text and str(REDIS_CLUSTER_HASH_SLOTS) in text


def node_id(server: Server) -> str:
    """The server's name within the cluster."""
    found = server.ask("CLUSTER", "MYID")
    return found.decode() if isinstance(found, bytes) else str(found)


def owner(key: bytes) -> int:
    """The place of the server that holds a key at first."""
    return key_slot(key) // (REDIS_CLUSTER_HASH_SLOTS // 3 + 1)


@contextmanager
def watched_pair(folder: Path) -> Iterator[tuple[list[Server], list[Server]]]:
    """A primary, its replica, and three sentinels that know them as `state`."""
    with ExitStack() as stack:
        first = Server(folder, "--save", "", port=free_port())
        stack.callback(first.kill)
        second = Server(
            folder, "--save", "", "--replicaof", f"127.0.0.1 {first.port}", port=free_port()
        )
        stack.callback(second.kill)
        until(lambda: b"slave" in second.ask("ROLE") or "slave" in str(second.ask("ROLE")))
        watchers = []
        for number in range(3):
            own = folder / f"sentinel{number}"
            own.mkdir()
            (own / "sentinel.conf").write_text(
                f"sentinel monitor state 127.0.0.1 {first.port} 2\n"
                "sentinel down-after-milliseconds state 500\n"
                "sentinel failover-timeout state 3000\n"
            )
            watchers.append(Server(own, port=free_port(), sentinel=True))
            stack.callback(watchers[-1].kill)
        for watcher in watchers:
            until(lambda watcher=watcher: _knows_all(watcher))
        yield [first, second], watchers


def _knows_all(watcher: Server) -> bool:
    told = watcher.ask("SENTINEL", "MASTER", "state")
    pairs = told.items() if isinstance(told, dict) else zip(told[::2], told[1::2], strict=True)
    found = {name.decode() if isinstance(name, bytes) else name: of for name, of in pairs}
    return int(found["num-slaves"]) == 1 and int(found["num-other-sentinels"]) == 2
