"""A service beside the engines: served while it is wanted, and a clear word where it cannot be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import psutil
import pytest

from gateway.embedded.process import wait_until
from gateway.embedded.service import serving
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

APP = """
import os

async def app(scope, receive, send):
    body = str(os.getpid()).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
OWNER = """
import sys, time
from pathlib import Path
from gateway.embedded.service import serving

with serving("lonely", Path(sys.argv[1]), Path(sys.argv[2])) as url:
    print(url, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as the engines make it."""
    (tmp_path / "logs").mkdir()
    return tmp_path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An application that answers with its process."""
    found = tmp_path / "answering.py"
    found.write_text(APP)
    return found


def pid_at(url: str) -> int:
    """Who answers there."""
    assert url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - the address is our own
        return int(response.read())


def test_it_is_served_while_the_block_runs(file: Path, folder: Path) -> None:
    """By a process of its own on loopback, which is gone afterwards; and again on another run."""
    for _ in range(2):
        with serving("answering", file, folder) as url:
            pid = pid_at(url)
            assert pid != os.getpid()
            assert psutil.pid_exists(pid)
        assert not psutil.pid_exists(pid)


def test_it_ends_with_its_owner(file: Path, folder: Path) -> None:
    """Also when the owner is killed and can say goodbye to nobody."""
    command = [sys.executable, "-c", OWNER, str(file), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = pid_at(owner.stdout.readline().strip())
        owner.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not psutil.pid_exists(pid), 20)


def test_one_that_fails_says_why(tmp_path: Path, folder: Path) -> None:
    """The message names the service, the reason and the log."""
    broken = tmp_path / "broken.py"
    broken.write_text('raise RuntimeError("no desks today")')
    with (
        pytest.raises(ConfigurationError, match=r"broken did not start: .*no desks today.*\.log"),
        serving("broken", broken, folder),
    ):
        pass
