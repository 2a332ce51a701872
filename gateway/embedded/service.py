"""Runs a service of the domain's own beside the engines: an ASGI application in a Python file."""

from __future__ import annotations

import re
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.embedded.engine import own_command
from gateway.embedded.ports import LOOPBACK
from gateway.embedded.process import EngineProcess, Log, keeper, wait_until
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 5.0
_LISTENS = re.compile(rf"running on (http://{re.escape(LOOPBACK)}:\d+)")


@contextmanager
def serving(name: str, file: Path, folder: Path) -> Iterator[str]:
    """Serve the `app` of `file` while the block runs; gives the address, on a free loopback port.

    It is a process of its own, which ends with this one however that ends, and what it says goes to
    `logs` in the engines' `folder`. The file is loaded alone, without the package it lies in.
    Raises `ConfigurationError` where it does not come up.
    """
    log = Log(folder.resolve() / "logs" / f"{name}.log")
    serve = (sys.executable, "-m", "uvicorn", f"{file.stem}:app", "--app-dir", str(file.parent))
    options = ("--host", LOOPBACK, "--port", "0", "--no-access-log", "--lifespan", "off")
    command = own_command(
        [*serve, *options], folder.resolve(), signal.SIGTERM, {"PYTHONDONTWRITEBYTECODE": "1"}
    )
    with keeper() as starting:
        process = starting.submit(EngineProcess, command, log).result()
        try:
            yield _address(name, process)
        finally:
            process.stop(STOP_SECONDS)


def _address(name: str, process: EngineProcess) -> str:
    """Where it listens, once it does."""
    log = process.log
    wait_until(lambda: not process.alive or bool(_LISTENS.search(log.said())), START_SECONDS)
    found = _LISTENS.search(log.said())
    if not process.alive or found is None:
        reason = log.complaint() or "no reason given"
        raise ConfigurationError(f"{name} did not start: {reason} (see {log.path})")
    return found[1]
