"""Servers of the tests alone: MongoDB's protocol and S3's, from wheels, on free loopback ports."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.embedded.ports import LOOPBACK, free_port
from gateway.embedded.process import Account, Command, EngineProcess, Log, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BUCKET = "contexts"
KEY, SECRET = "plait", "plait-s3-secret"
_START_SECONDS = 60.0


@contextmanager
def mongodb(folder: Path) -> Iterator[str]:
    """SecantusDB: WiredTiger behind MongoDB's protocol."""
    (port,) = _ports(1)
    program = ["secantusd-py", "--host", LOOPBACK, "--port", str(port), "--standalone"]
    with _running(folder, [*program, "--storage-path", str(folder / "data")], {}, port):
        yield f"mongodb://{LOOPBACK}:{port}/plait"


@contextmanager
def s3(folder: Path) -> Iterator[str]:
    """SeaweedFS with one bucket."""
    main, *others = _ports(12)
    names = ("master", "volume", "filer", "admin")
    options = {"s3.port": main, "s3.port.iceberg": 0, "s3.port.lance": 0}
    for name in (*names, *(f"{name}.port.grpc" for name in names), "s3.port.grpc"):
        options[name if "." in name else f"{name}.port"] = others.pop()
    words = [f"-{name}={port}" for name, port in options.items()]
    (folder / "data").mkdir()
    program = ["weed", "mini", f"-dir={folder / 'data'}", f"-ip={LOOPBACK}", "-webdav=false"]
    secrets = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "S3_BUCKET": BUCKET}
    with _running(folder, [*program, f"-ip.bind={LOOPBACK}", *words], secrets, main):
        yield f"http://{KEY}:{SECRET}@{LOOPBACK}:{main}/{BUCKET}"


@contextmanager
def _running(
    folder: Path, program: Sequence[str], environment: Mapping[str, str], port: int
) -> Iterator[None]:
    """The program until the end of the block, once it takes connections."""
    command = Command(
        program=[str(Path(sys.executable).with_name(program[0])), *program[1:]],
        cwd=folder,
        stop_signal=signal.SIGTERM,
        account=Account.own(),
        environment={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
    )
    process = EngineProcess(command, Log(folder / "log"))
    try:
        if not wait_until(lambda: _answers(port) or not process.alive, _START_SECONDS):
            raise TimeoutError(process.log.said())
        yield
    finally:
        process.stop(10.0)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _ports(count: int) -> list[int]:
    """Different free ports."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)
