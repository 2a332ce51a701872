"""Free loopback ports for the engines."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LOWEST = 15_000
_TRIES = 100


def free_port(preferred: int | None = None) -> int:
    """A TCP port on which 127.0.0.1 is free now: `preferred` if it is.

    Chosen below the ports the kernel gives to outgoing connections: a client that keeps trying to
    reach a restarting engine could otherwise be given the engine's own port, and take it.
    """
    below = _first_outgoing_port()
    candidates = [preferred] if preferred else []
    if below - _LOWEST > _TRIES:
        candidates += random.sample(range(_LOWEST, below), _TRIES)
    for port in candidates:
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the engines do
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _first_outgoing_port() -> int:
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    return int(text.split()[0])
