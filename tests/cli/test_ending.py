"""How `plait serve` ends: told by a signal, left behind by its parent, or never begun."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import psutil
import pytest
from cli.processes import SECONDS, free_port, listens, until

DOMAIN = """
import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import strawberry
from gateway import Domain, field, queries, subscriptions

@queries
class Q:
    @field()
    async def gated(self) -> str:
        Path("begun").touch()
        while not Path("open").exists():
            await asyncio.sleep(0.01)
        return "answered"

@subscriptions
class S:
    @strawberry.subscription
    async def ticks(self) -> AsyncGenerator[int, None]:
        Path("subscribed").touch()
        yield 1
        await asyncio.Event().wait()

domain = Domain(entities=[], queries=[Q], subscriptions=[S])
"""
pytestmark = pytest.mark.timeout(2 * SECONDS)


class Served:
    """A `plait serve` in a session of its own, with a request and an event stream under way."""

    def __init__(self, folder, environment, *arguments, before=()):
        self.folder = folder
        self.port = free_port()
        command = [sys.executable, "-m", "gateway.cli", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*before, *command, *arguments],
            cwd=folder,
            env=environment | {"PLAIT_RESOLVERS": "mine"},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pool = ThreadPoolExecutor(2)

    def begin(self):
        """Wait until it serves, and ask; the answers to come."""
        until(lambda: self.process.poll() is not None or listens(self.port))
        answer = self.pool.submit(self.ask, "{ gated }")
        events = self.pool.submit(self.ask, "subscription { ticks }", accept="text/event-stream")
        until(lambda: all((self.folder / name).exists() for name in ("begun", "subscribed")))
        return answer, events

    def ask(self, query, **headers):
        url = f"http://127.0.0.1:{self.port}/graphql"
        return httpx.post(url, json={"query": query}, headers=headers, timeout=SECONDS)

    def end(self):
        """The exit status, and what was logged: lines of JSON."""
        _, logged = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, [json.loads(line) for line in logged.splitlines()]


@pytest.fixture
def serve(environment, tmp_path):
    (tmp_path / "mine.py").write_text(DOMAIN)
    own = {"PLAIT_SERVE_DEADLINE_SECONDS": "60", "PLAIT_SERVE_DRAIN_SECONDS": "60"}
    started = []

    def start(*arguments, before=(), **variables):
        served = Served(tmp_path, environment | own | variables, *arguments, before=before)
        started.append(served)
        return served

    yield start
    for served in started:
        if served.process.poll() is None:
            os.killpg(served.process.pid, signal.SIGKILL)
            served.process.wait(SECONDS)
        served.process.stderr.close()
        served.pool.shutdown()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_closed_terminal_loses_no_request(serve, tmp_path, workers):
    """SIGHUP to all its processes: what was asked is answered, streams end, nothing is left."""
    served = serve("--workers", workers)
    answer, events = served.begin()
    family = psutil.Process(served.process.pid).children(recursive=True)
    os.killpg(served.process.pid, signal.SIGHUP)
    until(lambda: not listens(served.port))
    (tmp_path / "open").touch()
    assert answer.result(SECONDS).json() == {"data": {"gated": "answered"}}
    assert events.result(SECONDS).text.count("event: next") == 1
    status, lines = served.end()
    assert status == 0
    assert {line["level"] for line in lines} == {"info"}
    assert psutil.wait_procs(family, timeout=SECONDS)[1] == []


def test_nohup_keeps_it_serving(serve, tmp_path):
    """Where whoever started it has SIGHUP ignored, a closing terminal changes nothing."""
    served = serve("--workers", "2", before=["nohup"])
    until(lambda: listens(served.port))
    (tmp_path / "open").touch()
    assert served.ask("{ gated }").status_code == 200
    os.killpg(served.process.pid, signal.SIGHUP)
    assert served.ask("{ gated }").status_code == 200
    served.process.send_signal(signal.SIGTERM)
    _, logged = served.process.communicate(timeout=SECONDS)
    assert "SIGHUP" not in logged
    assert served.process.returncode == 0


def test_a_second_ctrl_c_waits_for_nobody(serve):
    """What is under way is answered 503 with a code; no traceback, and the status of Ctrl-C."""
    served = serve()
    answer, events = served.begin()
    served.process.send_signal(signal.SIGINT)
    until(lambda: not listens(served.port))
    served.process.send_signal(signal.SIGINT)
    status, lines = served.end()
    assert status == 130
    assert {line["level"] for line in lines} == {"info"}
    refused = answer.result(SECONDS)
    assert refused.status_code == 503
    assert refused.json()["errors"][0]["extensions"] == {"code": "SOURCE_UNAVAILABLE"}
    assert events.result(SECONDS).text.count("event: next") == 1


def test_who_outlasts_the_drain_is_told(serve):
    """After `drain_seconds` a request that is still under way is answered 503 with a code."""
    served = serve(PLAIT_SERVE_DRAIN_SECONDS="1")
    answer, _ = served.begin()
    served.process.send_signal(signal.SIGTERM)
    assert answer.result(SECONDS).status_code == 503
    status, lines = served.end()
    assert status == 0
    assert [line["message"] for line in lines if line["level"] == "error"] == [
        "Cancel 1 running task(s), timeout graceful shutdown exceeded"
    ]


def test_workers_do_not_outlive_their_parent(serve, tmp_path):
    """Killed outright, it tells them nothing; they end all the same and free the port."""
    served = serve("--workers", "2")
    (tmp_path / "open").touch()
    served.begin()
    family = psutil.Process(served.process.pid).children(recursive=True)
    served.process.kill()
    assert psutil.wait_procs(family, timeout=SECONDS)[1] == []
    assert not listens(served.port)


BROKEN = {
    "import nothing_of_that_name": "No module named 'nothing_of_that_name', at ",
    "def f(:": "invalid syntax, at ",
    "raise ValueError('hunter2')": "ValueError, at ",
}


@pytest.mark.parametrize(
    ("text", "workers", "expected"), [*((text, "1", 2) for text in BROKEN), ("def f(:", "2", 3)]
)
def test_a_domain_that_cannot_be_imported_is_said(serve, tmp_path, text, workers, expected):
    """What and where, in a line with a code, without a traceback; several workers do not try on."""
    (tmp_path / "mine.py").write_text(text)
    status, lines = serve("--workers", workers).end()
    assert status == expected
    told = next(line for line in lines if line.get("code"))
    assert told["code"] == "CONFIGURATION"
    assert told["message"].startswith("resolvers (PLAIT_RESOLVERS): module mine cannot be imported")
    assert f"{BROKEN[text]}{tmp_path / 'mine.py'}:1" in told["message"]
    assert "hunter2" not in json.dumps(lines)


def test_a_worker_without_work_says_so_in_its_log(plait, tmp_path):
    """A line of JSON with a code, as all that it logs."""
    (tmp_path / "mine.py").write_text(DOMAIN)
    done = plait("worker", PLAIT_RESOLVERS="mine")
    assert done.returncode == 2
    (line,) = map(json.loads, done.stderr.splitlines())
    assert line["code"] == "CONFIGURATION"
    assert line["message"].startswith("there are no jobs")


WAITING = """
import time
from pathlib import Path
Path("importing").touch()
{pause}
"""


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("pause", ["", "time.sleep(600)"], ids=["opening", "importing"])
def test_one_that_has_not_started_ends_at_once(serve, tmp_path, number, workers, pause):
    """Before its sources answer or are given up, or its domain is imported, with no error said."""
    (tmp_path / "mine.py").write_text(WAITING.format(pause=pause) + DOMAIN)
    with ExitStack() as closing, socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        waits = {"REDIS_CONNECT_TIMEOUT": "60", "REDIS_SOCKET_TIMEOUT": "60"}
        served = serve("--workers", workers, REDIS_URL=url, **waits)
        silent.settimeout(SECONDS)
        if pause:
            until((tmp_path / "importing").exists)
        else:
            closing.enter_context(silent.accept()[0])
        os.killpg(served.process.pid, number)
        status, lines = served.end()
    assert status == (130 if number == signal.SIGINT else 0)
    assert {line["level"] for line in lines} == {"info"}
    assert not any("startup complete" in line["message"] for line in lines)
