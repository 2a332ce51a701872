"""What tests of `plait serve` share: waiting, and looking whether somebody listens."""

from __future__ import annotations

import socket
import time

SECONDS = 60


def until(condition) -> None:
    """Poll; give up after a minute."""
    give_up = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether a connection to the port is taken."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port that nobody holds at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
