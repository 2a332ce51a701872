"""PostgreSQL as the demo runs it."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from embedded.life import as_root, fetch

from gateway.embedded import postgres, start
from gateway.embedded.process import Member, wait_until
from gateway.embedded.records import Records
from gateway.errors import ConfigurationError


def owner_of(pid):
    """The account a process runs as."""
    return Path(f"/proc/{pid}").stat().st_uid


def begin(folder, *, durable=False):
    """Start PostgreSQL alone."""
    return start(folder, names=("postgres",), durable=durable)


async def test_the_database_is_unicode_everywhere_alike(postgres_url):
    """UTF8 with PostgreSQL's own C.UTF-8: the same order and letters on every machine."""
    row = await fetch(
        postgres_url,
        "SELECT (pg_encoding_to_char(encoding), datlocprovider, datlocale)::text "
        "FROM pg_database WHERE datname = 'plait'",
    )
    assert row == "(UTF8,b,C.UTF-8)"
    assert await fetch(postgres_url, "SELECT upper('é')") == "É"


@pytest.mark.parametrize("durable", [True, False])
async def test_durability_is_a_choice(folder, durable):
    """The demo syncs its commits, the tests do not."""
    with begin(folder, durable=durable) as engines:
        setting = "on" if durable else "off"
        assert await fetch(engines.urls.postgres, "SHOW fsync") == setting
        assert await fetch(engines.urls.postgres, "SHOW full_page_writes") == setting
        assert await fetch(engines.urls.postgres, "SHOW synchronous_commit") == "on"


async def test_only_loopback_is_listened_to(postgres_url):
    """One TCP address, no socket file, room for a hundred connections."""
    assert await fetch(postgres_url, "SHOW listen_addresses") == "127.0.0.1"
    assert await fetch(postgres_url, "SHOW unix_socket_directories") == ""
    assert await fetch(postgres_url, "SHOW max_connections") == "100"


async def test_the_password_counts(postgres_url):
    """Scram with the generated password; without it nobody comes in."""
    parts = urlsplit(postgres_url)
    wrong = parts._replace(netloc=f"plait:wrong@127.0.0.1:{parts.port}").geturl()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await fetch(wrong, "SELECT 1")
    stored = await fetch(postgres_url, "SELECT rolpassword FROM pg_authid WHERE rolname = 'plait'")
    assert stored.startswith("SCRAM-SHA-256$")


def test_the_password_is_for_the_owner_only(engines):
    """The file with it is readable by one account, as the data is."""
    file = engines.folder / "postgres.password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((engines.folder / "postgres").stat().st_mode) == 0o700


def test_no_password_in_the_command_line_or_the_log(engines):
    """Others of the machine can read command lines."""
    password = (engines.folder / "postgres.password").read_text().strip()
    process = engines.processes["postgres"]
    assert password not in Path(f"/proc/{process.pid}/cmdline").read_text()
    assert password not in process.log.path.read_text()


async def test_statements_stay_out_of_the_log(postgres_url, engines):
    """A failing statement is logged without its text and values."""
    with pytest.raises(asyncpg.DataError):
        await fetch(postgres_url, "SELECT 'hush-hush'::text, ('secret-' || 'value')::int")
    log = engines.processes["postgres"].log.path.read_text()
    assert "hush-hush" not in log


@as_root
def test_root_does_not_run_it(engines):
    """As root the server is another, powerless account's."""
    status = Path(f"/proc/{engines.processes['postgres'].pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert "0" not in fields["Uid"].split()
    assert "0" not in fields["Gid"].split()
    assert fields["Groups"].split() == []
    assert int(fields["CapEff"], 16) == 0


@pytest.mark.parametrize("extension", ["pg_trgm", "vector", "hstore", "citext", "btree_gin"])
async def test_extensions(fresh_database, extension):
    """What the schema may use is there."""
    url = await fresh_database()
    await fetch(url, f"CREATE EXTENSION {extension}")


async def test_a_lost_password_is_replaced(folder):
    """The data is more than the password: a new one is set."""
    begin(folder).stop()
    (folder / "postgres.password").unlink()
    with begin(folder) as engines:
        assert await fetch(engines.urls.postgres, "SELECT 1") == 1


def test_a_damaged_cluster_without_its_password(folder):
    """What the tool that should help complains of is in the error, with the folder."""
    begin(folder).stop()
    (folder / "postgres.password").unlink()
    (folder / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(ConfigurationError, match=rf"postgres failed in {folder}: .*pg_control"):
        begin(folder)


def test_what_an_interrupted_first_start_left(folder):
    """A half-made cluster is removed, not used."""
    folder.mkdir()
    (folder / "postgres.new-abc" / "base").mkdir(parents=True)
    begin(folder).stop()
    assert not list(folder.glob("postgres.new-*"))


async def test_a_stale_lock_whose_number_was_given_away(folder):
    """After a crash the number in the lock file may be another living process's."""
    with begin(folder) as engines:
        await fetch(engines.urls.postgres, "CREATE TABLE kept (id int)")
        process = engines.processes["postgres"]
        account = (folder / "postgres").stat().st_uid
        with subprocess.Popen(["sleep", "60"], user=account) as other:  # noqa: ASYNC220 - lives on
            try:
                lock = (folder / "postgres" / "postmaster.pid").read_text()
                process.kill()
                # As if the number of the dead server had been given to `other`.
                old = Records(folder).get("postgres")
                given = Member(other.pid, old.member.born)
                engines._records.put("postgres", type(old)(given, old.port))
                _, rest = lock.split("\n", 1)
                (folder / "postgres" / "postmaster.pid").write_text(f"{other.pid}\n{rest}")
                engines.restart("postgres")
                assert other.poll() is None
            finally:
                other.kill()
        assert await fetch(engines.urls.postgres, "SELECT count(*) FROM kept") == 0


async def test_children_of_a_killed_server_are_waited_for(folder, monkeypatch):
    """No second server starts on data that a backend of the first still holds."""
    monkeypatch.setattr(postgres, "_SHARED_MEMORY_SECONDS", 0.2)
    with begin(folder) as engines:
        connection = await asyncpg.connect(engines.urls.postgres, timeout=10)
        backend = Member.of(connection.get_server_pid())
        backend.send(signal.SIGSTOP)
        process = engines.processes["postgres"]
        process.member.send(signal.SIGKILL)
        assert wait_until(lambda: not process.alive, 5)
        with pytest.raises(ConfigurationError, match=f"earlier PostgreSQL still use {folder}"):
            engines.restart("postgres")
        backend.send(signal.SIGKILL)
        monkeypatch.undo()
        engines.restart("postgres")
        assert await fetch(engines.urls.postgres, "SELECT 1") == 1
        connection.terminate()


@as_root
async def test_data_that_root_copied(folder, tmp_path):
    """A data folder copied by root is given to the account that runs the server."""
    with begin(folder) as engines:
        await fetch(engines.urls.postgres, "CREATE TABLE kept (id int)")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "engines.json").unlink()
    with begin(copy) as engines:
        assert await fetch(engines.urls.postgres, "SELECT count(*) FROM kept") == 0


@as_root
async def test_data_of_a_plain_user_started_by_root(folder):
    """Root runs the server as the owner of the data, so that the owner can use it again."""
    begin(folder).stop()
    data = folder / "postgres"
    for path in (data, *data.rglob("*")):
        os.chown(path, 1234, 1234)
    with begin(folder) as engines:
        assert owner_of(engines.processes["postgres"].pid) == 1234
    assert data.stat().st_uid == 1234


async def test_times_are_utc(postgres_url):
    """The machine's time zone does not show."""
    assert await fetch(postgres_url, "SHOW timezone") == "UTC"
