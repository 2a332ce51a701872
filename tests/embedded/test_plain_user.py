"""The engines without root's powers. (A plain user's own test run shows it everywhere.)"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest
from embedded.life import OWNER, SOURCE, as_root, gone, remember, remembered, run_owner, run_python

PLAIN = {"user": "nobody", "group": "nogroup", "extra_groups": ()}


def owner_of(pid):
    """The account a process runs as."""
    return Path(f"/proc/{pid}").owner()


@pytest.fixture(scope="module")
def place():
    """A folder that a plain user may walk to, with a copy of the package in it."""
    found = Path(tempfile.mkdtemp(prefix="plait-plain-"))
    found.chmod(0o755)
    shutil.copytree(
        SOURCE / "gateway", found / "gateway", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(OWNER, found)
    for path in found.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield found
    shutil.rmtree(found)


@pytest.fixture(scope="module")
def plain(place):
    """What `run_owner` needs to run as a plain user: a Python and packages it may read."""
    path = os.pathsep.join((str(place), sysconfig.get_path("purelib")))
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        try:
            done = run_python("import asyncpg, gateway.embedded", python=python, path=path, **PLAIN)
        except (PermissionError, FileNotFoundError):
            continue
        if done.returncode == 0:
            return {"python": python, "script": place / "owner.py", "path": path, **PLAIN}
    pytest.skip("no Python and packages that the user nobody may read")


@as_root
async def test_a_plain_user_has_it_all(place, plain):
    """Start, kill -9 of the owner, start again: as for root, and every process is the user's."""
    data = place / "data"
    data.mkdir()
    shutil.chown(data, "nobody")
    with run_owner(data, **plain) as owner:
        await remember(owner.urls["postgres"], owner.urls["redis"], "kept")
        for member in owner.engines.values():
            assert owner_of(member.pid) == "nobody"
        owner.process.kill()
        owner.process.wait(20)
        await gone(*owner.engines.values())
    with run_owner(data, **plain) as owner:
        assert await remembered(owner.urls["postgres"], owner.urls["redis"]) == ["kept"]


@as_root
def test_a_folder_of_somebody_else(place, plain):
    """A folder that the user may not write to is named in the error."""
    code = (
        "import sys, pathlib\n"
        "from gateway.embedded import start\n"
        "from gateway.errors import ConfigurationError\n"
        "try:\n"
        "    start(pathlib.Path(sys.argv[1]))\n"
        "except ConfigurationError as error:\n"
        "    print(error)\n"
    )
    closed = place / "closed"
    closed.mkdir(mode=0o755)
    done = run_python(code, closed, python=plain["python"], path=plain["path"], **PLAIN)
    assert str(closed) in done.stdout, done.stderr
