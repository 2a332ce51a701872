"""One replica follows another: what a process was asked before SIGTERM it still answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from cli.processes import free_port, listens, until

GATED = """
import asyncio
from pathlib import Path
from gateway import Domain, field, queries

@queries
class Q:
    @field()
    async def gated(self, name: str) -> str:
        Path(f"begun-{name}").touch()
        while not Path("open").exists():
            await asyncio.sleep(0.01)
        return name

domain = Domain(entities=[], queries=[Q])
"""
QUERY = "query ($name: String!) { gated(name: $name) }"
ROUNDS, REQUESTS = 2, 20


def asked(port: int, name: str) -> object:
    """The body of an answer, on a connection of its own."""
    body = {"query": QUERY, "variables": {"name": name}}
    return httpx.post(f"http://127.0.0.1:{port}/graphql", json=body, timeout=60).json()


@pytest.fixture
def replica(environment, tmp_path):
    """Starts `plait serve`; gives the process and its port."""
    (tmp_path / "gated.py").write_text(GATED)
    own = {"PLAIT_RESOLVERS": "gated", "PLAIT_SERVE_DEADLINE_SECONDS": "60"}
    own["PLAIT_SERVE_DRAIN_SECONDS"] = "60"
    started = []

    def start():
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "serve", "--port", str(port)],
            cwd=tmp_path,
            env=environment | own,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        until(lambda: process.poll() is not None or listens(port))
        return process, port

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        process.stderr.close()


def test_sigterm_loses_no_request(replica, tmp_path):
    """Round by round: the successor is up, the old one gets SIGTERM, answers, and leaves no task."""
    process, port = replica()
    with ThreadPoolExecutor(REQUESTS) as pool:
        for turn in range(ROUNDS):
            names = [f"{turn}-{number}" for number in range(REQUESTS)]
            answers = [pool.submit(asked, port, name) for name in names]
            until(lambda names=names: all((tmp_path / f"begun-{name}").exists() for name in names))
            successor = replica()
            process.send_signal(signal.SIGTERM)
            until(lambda port=port: not listens(port))
            (tmp_path / "open").touch()
            told = [answer.result(60) for answer in answers]
            assert told == [{"data": {"gated": name}} for name in names]
            _, logged = process.communicate(timeout=60)
            for line in logged.splitlines():
                assert json.loads(line)["level"] == "info", line
            (tmp_path / "open").unlink()
            process, port = successor
