"""`python -m gateway.embedded.qdrant --data DIR --port PORT`.

The process needs the messages of `qdrant_client.grpc` only. The package's own `__init__` would also
load the client with its models: two seconds and 50 MB for nothing. So an empty package stands in
its place, from which submodules are imported as usual.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path

from gateway.embedded.engine import package_folder

PACKAGE = "qdrant_client"
GIVES_WAY = 10
"""By how much the engine is nicer than others: exact searches are milliseconds of both processors,
and a gateway on the same machine that waits for them answers nobody.
"""
_SESSION = Path("/proc/self/autogroup")
"""Where the kernel groups processes by session, a process is nice only to those of its own; this
is how nice the session is to others. proc_pid_autogroup(5), sched(7).
"""
SESSION_GIVES_WAY = 5
"""Less than `GIVES_WAY`: others may be many, and a third of what one of them gets is enough."""


def stand_in() -> None:
    """Put an empty package in the place of the client's; raises `ConfigurationError` without it."""
    spec = importlib.machinery.ModuleSpec(PACKAGE, None, is_package=True)
    spec.submodule_search_locations = [str(package_folder(PACKAGE))]
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)


def give_way() -> None:
    """Be nice to all others, by oneself and, where this process leads one, as a session."""
    os.nice(GIVES_WAY)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # not every kernel groups sessions
            _SESSION.write_text(f"{SESSION_GIVES_WAY}\n", encoding="ascii")


def main() -> int:
    """Read the command line and serve; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.embedded.qdrant",
        description="Serve Qdrant's gRPC on 127.0.0.1 over the embedded engine.",
    )
    parser.add_argument("--data", type=Path, required=True, help="directory of the collections")
    parser.add_argument("--port", type=int, required=True, help="TCP port of gRPC")
    options = parser.parse_args()
    give_way()
    stand_in()
    from gateway.embedded.qdrant.serving import run  # noqa: PLC0415 - behind the stand-in

    return run(options.data, options.port)


if __name__ == "__main__":
    sys.exit(main())
