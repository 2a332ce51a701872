"""Processes: identified beyond doubt, ended with their children, started on a leash."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.embedded.ports import free_port, is_free
from gateway.embedded.process import (
    Account,
    Command,
    EngineProcess,
    Log,
    Member,
    end,
    freeze,
    keeper,
    kill,
    thaw,
    wait_until,
)
from gateway.embedded.records import FolderLock, Record, Records
from gateway.errors import ConfigurationError

PARENT = (
    "import subprocess, time; subprocess.Popen(['sleep', '60']); print(flush=True); time.sleep(60)"
)
DEAF = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); "
    "print('on', flush=True); time.sleep(60)"
)


@pytest.fixture
def parent():
    """A process with a child, in a group that nothing is left of."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        process.stdout.readline()
        yield process
        if Member.of(process.pid) is not None:
            os.killpg(process.pid, signal.SIGKILL)


def command(tmp_path, *program, stop_signal=signal.SIGTERM):
    """A command as the engines give it, run as this user."""
    return Command(
        program=program,
        cwd=tmp_path,
        stop_signal=stop_signal,
        account=Account.own(),
        environment=dict(os.environ),
    )


def test_a_zombie_does_not_live():
    """What has ended and was not waited for is gone."""
    with subprocess.Popen(["true"]) as process:
        member = Member.started(process.pid)
        assert wait_until(lambda: not member.alive(), 5)


def test_a_number_given_away_is_another_process():
    """A process is its number and its birth: a later owner of the number is never signalled."""
    with subprocess.Popen(["sleep", "60"]) as process:
        real = Member.of(process.pid)
        former = Member(process.pid, "an-earlier-boot:1")
        assert not former.alive()
        former.send(signal.SIGKILL)
        kill(former)
        end(former, signal.SIGTERM, 1)
        assert real.alive()
        process.kill()


def test_kill_takes_the_children_along(parent):
    """No child of a killed engine is left."""
    family = freeze(Member.of(parent.pid))
    assert len(family) == 2
    thaw(family[0])
    kill(family[0])
    assert not any(member.alive() for member in family)


def test_end_is_by_force_when_asking_does_not_help():
    """A process that ignores its stop signal is killed after its time."""
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        end(Member.of(process.pid), signal.SIGTERM, 0.1)
        assert process.wait(5) == -signal.SIGKILL


def test_stop_is_by_force_when_asking_does_not_help(tmp_path):
    """The same for an engine of ours."""
    starting = keeper()
    log = Log(tmp_path / "engine.log")
    process = starting.submit(
        EngineProcess, command(tmp_path, sys.executable, "-c", DEAF), log
    ).result()
    assert wait_until(lambda: "on" in log.said(), 10)
    process.stop(0.1)
    assert not process.alive
    starting.shutdown()


def test_the_leash_holds_from_any_thread(tmp_path):
    """An engine lives as long as the keeper's thread, whichever thread asked for it."""
    starting = keeper()
    log = Log(tmp_path / "engine.log")
    made = []
    asker = threading.Thread(
        target=lambda: made.append(
            starting.submit(EngineProcess, command(tmp_path, "/bin/sleep", "60"), log).result()
        )
    )
    asker.start()
    asker.join()
    assert wait_until(lambda: _name(made[0].pid) == "sleep", 10)
    assert made[0].alive
    starting.shutdown()
    assert wait_until(lambda: not made[0].alive, 10)


def test_what_a_program_gets_from_the_leash(tmp_path):
    """Default signals, an empty signal mask, a closed umask, a session of its own."""
    starting = keeper()
    log = Log(tmp_path / "engine.log")
    shell = "grep -E 'SigBlk|SigIgn|Umask' /proc/self/status; ps -o sid= -p $$ | tr -d ' '; echo $$"
    process = starting.submit(
        EngineProcess, command(tmp_path, "/bin/sh", "-c", shell), log
    ).result()
    assert wait_until(lambda: not process.alive, 10)
    words = log.said().split()
    assert words[:2] == ["Umask:", "0077"]
    standard = (1 << 31) - 1  # the signals behind these are libc's own
    assert not any(int(mask, 16) & standard for mask in (words[3], words[5]))
    assert words[6] == words[7] == str(process.pid)
    starting.shutdown()


def test_a_log_is_bounded_and_begins_with_the_start(tmp_path):
    """`said` is what came since this start; a file grown large is put aside."""
    path = tmp_path / "engine.log"
    path.write_text("FATAL: of last week\n")
    log = Log(path)
    with path.open("a") as file:
        file.write("starting\nERROR: no room\nbye\n")
    assert log.said() == "starting\nERROR: no room\nbye\n"
    assert log.complaint() == "ERROR: no room"
    path.write_bytes(b"x" * 5_000_001)
    Log(path)
    assert not path.exists()
    assert path.with_suffix(".old.log").stat().st_size == 5_000_001


def test_ports_are_free_and_not_those_of_outgoing_connections():
    """A port that the kernel may hand to a client could be lost between stop and restart."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = free_port()
    assert is_free(port)
    assert port < first or first < 15_200


def test_the_preferred_port_if_it_is_free():
    """The last port is kept where it can be."""
    port = free_port()
    assert free_port(port) == port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        assert not is_free(port)
        assert free_port(port) != port


def test_a_lock_ends_with_its_holder(tmp_path):
    """Released or dead, the holder leaves the folder to the next."""
    lock = FolderLock(tmp_path)
    with pytest.raises(ConfigurationError, match=str(tmp_path)):
        FolderLock(tmp_path)
    lock.release()
    FolderLock(tmp_path).release()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"valkey": {"pid": "x"}}', '{"valkey": {"pid": 1}}']
)
def test_records_that_make_no_sense_are_none(tmp_path, text):
    """A damaged file is as good as none."""
    (tmp_path / "engines.json").write_text(text)
    assert Records(tmp_path).get("valkey") is None


def test_records_are_found_again(tmp_path):
    """What was put is there for the next run."""
    record = Record(Member(7, "boot:1"), 1234)
    Records(tmp_path).put("valkey", record)
    assert Records(tmp_path).get("valkey") == record
    assert Records(tmp_path).get("postgres") is None


def _name(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()
