"""The embedded Qdrant as a process of a test's own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import gateway
from gateway.embedded.ports import free_port

SOURCE = Path(gateway.__file__).parent.parent


@contextmanager
def serving(folder, port=None, **options):
    """The process on `folder`; yields it with its gRPC endpoint once it is ready."""
    port = port or free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gateway.embedded.qdrant"),
            *("--data", str(folder), "--port", str(port)),
        ],
        cwd=SOURCE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    with process:
        try:
            line = process.stdout.readline()
            assert line == "ready\n", process.stderr.read()
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def refused_start(folder, port=None):
    """What the process says on standard error where it cannot start, in one line."""
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "gateway.embedded.qdrant"),
            *("--data", str(folder), "--port", str(port or free_port())),
        ],
        cwd=SOURCE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr
