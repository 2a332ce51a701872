"""`plait demo` comes up from nothing, answers, stops without a trace, and comes up faster again."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import psutil
import pytest

from gateway.cli.demo import PRINTED
from resolvers.examples import EXAMPLES

SECONDS = 100

pytestmark = pytest.mark.timeout(2 * SECONDS)


class Demo:
    """A running demo and what it said so far."""

    def __init__(self, environment, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "demo", "--port", "0", "--folder", str(folder)],
            env=environment | {"POSTGRES_HOST": "elsewhere", "REDIS_URL": "redis://elsewhere"},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.said = ""
        for line in self.process.stderr:
            self.said += line
            if "Ctrl-C stops" in line:
                break
        found = re.search(r"http://127\.0\.0\.1:\d+", self.said)
        assert found, self.said
        self.url = found[0]
        self.family = [
            self.process.pid,
            *(each.pid for each in psutil.Process(self.process.pid).children(recursive=True)),
        ]

    def ask(self, query, **headers):
        """The data that the gateway answers."""
        request = urllib.request.Request(  # noqa: S310 - the address is our own
            f"{self.url}/graphql",
            json.dumps({"query": query}).encode(),
            {"content-type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - likewise
            answer = json.load(response)
        assert "errors" not in answer
        return answer["data"]

    def stop(self, number):
        """Tell all of it to stop, as a terminal does; gives the exit code."""
        os.killpg(self.process.pid, number)
        with self.process.stderr:
            self.said += self.process.stderr.read()
        return self.process.wait(SECONDS)

    def leftovers(self):
        """What of its processes is still there."""
        return [pid for pid in self.family if psutil.pid_exists(pid)]


@contextlib.contextmanager
def demo(environment, folder):
    """A demo that is certainly gone after the block."""
    running = Demo(environment, folder)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait(SECONDS)
            running.process.stderr.close()


@pytest.fixture
def folder(tmp_path):
    """A folder for data that does not exist yet."""
    return tmp_path / "data"


def test_the_demo_serves_stops_and_serves_again(environment, folder):
    """Filled once; every example answers; Ctrl-C and a closed terminal leave no process behind.

    What it says without a terminal are plain lines, none filled up with blanks.
    """
    with demo(environment, folder) as first:
        assert first.ask("{ __typename }") == {"__typename": "Query"}
        assert re.search(rf"^ *{first.url}/mcp$", first.said, re.MULTILINE)
        titles = first.ask("{ trends(first: 3) { edges { node { title } } } }")
        assert len(titles["trends"]["edges"]) == 3
        headers = json.loads(re.search(r"^ *(\{\"X-API-Key\".*\})$", first.said, re.MULTILINE)[1])
        for number, (title, query) in enumerate(EXAMPLES.items()):
            assert (title in first.said) is (number < PRINTED)
            assert all(first.ask(query, **headers if "mutation" in query else {}).values())
        write = 'mutation { deletePlugin(id: "0") { id } }'
        assert first.ask(write, **headers) == {"deletePlugin": None}
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            first.ask(write)
        refused.value.close()
        for secret in ("api.key", "env"):
            assert (folder / secret).stat().st_mode & 0o077 == 0
        places = dict(
            re.findall(r"^export (\w+)=(\S+)$", (folder / "env").read_text(), re.MULTILINE)
        )
        doctor = [sys.executable, "-m", "gateway.cli", "doctor"]
        subprocess.run(doctor, env=environment | places, timeout=60, check=True)
        assert first.stop(signal.SIGINT) == 0
        assert not first.leftovers()
    with demo(environment, folder) as second:
        assert first.said.startswith("starting PostgreSQL")
        assert re.search(r"^embed: [\d,]+ done in [\d.]+ s$", first.said, re.MULTILINE)
        assert re.search(r"^migrate: done in [\d.]+ s$", first.said, re.MULTILINE)
        assert not re.search(r" $", first.said, re.MULTILINE)
        assert "embed" not in second.said
        assert second.ask("{ trends(first: 3) { edges { node { title } } } }") == titles
        assert headers["X-API-Key"] in second.said
        assert second.stop(signal.SIGHUP) == 0
        assert not second.leftovers()
        assert second.said.rstrip().endswith("stopped")


def test_a_taken_port_is_said_before_anything_starts(plait, folder):
    """The message names the port and `--port`, and no engine was begun."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = plait("demo", "--port", port, "--folder", str(folder))
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert not folder.exists()
