"""Engines never stay behind, however their owner ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest
from embedded.life import (
    NAMES,
    SOURCE,
    gone,
    last_engines,
    remember,
    remembered,
    run_owner,
    run_python,
)

from gateway.embedded import start


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_engines_end_with_their_owner(folder, number):
    """Killed, terminated or interrupted: the engines shut down cleanly, the data is there."""
    with run_owner(folder) as owner:
        await remember(owner.urls["postgres"], owner.urls["redis"], "kept")
        owner.process.send_signal(number)
        owner.process.wait(20)
        await gone(*owner.engines.values())
    with start(folder, names=NAMES) as engines:
        assert await remembered(engines.urls.postgres, engines.urls.redis) == ["kept"]
        assert "not properly shut down" not in engines.processes["postgres"].log.said()


async def test_a_start_on_the_heels_of_a_killed_owner(folder):
    """A start while the old engines still shut down waits for them and finds their data."""
    with run_owner(folder) as owner:
        await remember(owner.urls["postgres"], owner.urls["redis"], "kept")
        owner.process.kill()
        owner.process.wait(20)
        with start(folder, names=NAMES) as engines:
            assert not any(member.alive() for member in owner.engines.values())
            assert await remembered(engines.urls.postgres, engines.urls.redis) == ["kept"]


async def test_engines_that_could_not_hear_the_end_of_their_owner(folder):
    """Frozen when the owner was killed, they are left; the next start ends them."""
    with run_owner(folder) as owner:
        await remember(owner.urls["postgres"], owner.urls["redis"], "kept")
        for member in owner.engines.values():
            member.send(signal.SIGSTOP)
        owner.process.kill()
        owner.process.wait(20)
        assert all(member.alive() for member in owner.engines.values())
        with start(folder, names=NAMES) as engines:
            assert not any(member.alive() for member in owner.engines.values())
            assert await remembered(engines.urls.postgres, engines.urls.redis) == ["kept"]


async def test_killed_together_with_their_owner(folder):
    """After kill -9 of everything the next start recovers what was acknowledged."""
    with run_owner(folder) as owner:
        await remember(owner.urls["postgres"], owner.urls["redis"], "kept")
        for member in owner.engines.values():
            member.send(signal.SIGKILL)
        owner.process.kill()
        owner.process.wait(20)
        with start(folder, names=NAMES) as engines:
            assert await remembered(engines.urls.postgres, engines.urls.redis) == ["kept"]


@contextmanager
def starting(folder):
    """A program that starts engines; the block runs when it is about to."""
    code = (
        "import sys, pathlib\n"
        "from gateway.embedded import start\n"
        "print(flush=True)\n"
        "with start(pathlib.Path(sys.argv[1]), names=('postgres', 'valkey')): pass\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    ) as process:
        process.stdout.readline()
        yield process


def test_an_owner_killed_while_it_starts(folder):
    """At whatever moment of the first start the owner is killed, the next one succeeds."""
    moments = [0.02, 0.1, 0.25, 0.5, 0.7]
    for moment in moments:
        with starting(folder) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            process.kill()
    start(folder, names=NAMES).stop()
    assert not list(folder.glob("postgres.new-*"))


def test_ctrl_c_reaches_the_owner_only(folder):
    """Engines have sessions of their own: the terminal's Ctrl-C leaves their end to the owner."""
    with run_owner(folder) as owner:
        sessions = {os.getsid(member.pid) for member in owner.engines.values()}
        assert os.getsid(owner.process.pid) not in sessions


def test_a_fork_of_the_owner_ends_nothing(folder):
    """A forked child that exits leaves its parent's engines alone."""
    code = (
        "import os, sys, pathlib, warnings\n"
        "from gateway.embedded import start\n"
        "warnings.simplefilter('ignore')  # that forking beside threads is unwise is known\n"
        "engines = start(pathlib.Path(sys.argv[1]), names=('valkey',))\n"
        "if (child := os.fork()) == 0:\n"
        "    sys.exit()\n"
        "os.waitpid(child, 0)\n"
        "print(engines.processes['valkey'].alive)\n"
    )
    done = run_python(code, folder)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_an_owner_that_forgets_to_stop(folder):
    """The end of the program stops the engines, cleanly and without a word."""
    code = (
        "import sys, pathlib\n"
        "from gateway.embedded import start\n"
        "start(pathlib.Path(sys.argv[1]), names=('postgres', 'valkey'))\n"
    )
    done = run_python(code, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert not any(member.alive() for member in last_engines(folder).values())
    with start(folder, names=("postgres",)) as engines:
        assert "not properly shut down" not in engines.processes["postgres"].log.said()
