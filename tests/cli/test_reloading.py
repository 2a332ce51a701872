"""`plait serve --reload`: what is saved is served, and what is wrong is said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import httpx
import psutil
import pytest
from cli.processes import SECONDS, free_port, until

DOMAIN = """
from gateway import Domain, field, queries

@queries
class Q:
    @field()
    async def word(self) -> str:
        return {word}

domain = Domain(entities=[], queries=[Q])
"""
READING = """
from pathlib import Path
WORDS = ["none", *(one.read_text() for one in Path(__file__).parent.glob("texts/*.txt"))]
"""
SCHEMA = "{ __schema { queryType { name } } }"

pytestmark = pytest.mark.timeout(3 * SECONDS)


class Reloading:
    """A `plait serve --reload` in a folder, and what it has logged so far."""

    def __init__(self, folder, environment):
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "serve", "--reload", "--port", str(self.port)],
            cwd=folder,
            env=environment | {"PLAIT_RESOLVERS": "mine"},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.logged: list[dict] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.logged.append(json.loads(line))

    def asked(self, query="{ word }"):
        """The answer's data or its first code; None while nobody answers."""
        url = f"http://127.0.0.1:{self.port}/graphql"
        try:
            body = httpx.post(url, json={"query": query}, timeout=SECONDS).json()
        except httpx.HTTPError:
            return None
        return body["errors"][0]["extensions"]["code"] if "errors" in body else body["data"]

    def codes(self):
        """How often something was refused."""
        return sum("code" in line for line in self.logged)


@pytest.fixture
def reloading(environment, tmp_path):
    """Starts one in `tmp_path`, once the domain lies there."""
    started = []

    def start():
        started.append(Reloading(tmp_path, environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait(SECONDS)
        one.reader.join()
        one.process.stderr.close()


def test_what_is_saved_is_served(reloading, tmp_path):
    """A file of the package, of whatever kind, in a new folder too; then the settings file.

    Ctrl-C ends it with its status, and nothing is left.
    """
    package = tmp_path / "mine"
    package.mkdir()
    domain = package / "__init__.py"
    domain.write_text(DOMAIN.format(word="'first'"))
    served = reloading()
    until(lambda: served.asked() == {"word": "first"})
    domain.write_text(DOMAIN.format(word="WORDS[-1]") + READING)
    until(lambda: served.asked() == {"word": "none"})
    (package / "texts").mkdir()
    (package / "texts" / "one.txt").write_text("second")
    until(lambda: served.asked() == {"word": "second"})
    assert "__schema" in served.asked(SCHEMA)
    (tmp_path / "plait.toml").write_text("[serve]\nintrospection = false\n")
    until(lambda: isinstance(served.asked(SCHEMA), str))
    family = psutil.Process(served.process.pid).children(recursive=True)
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(SECONDS) == 130
    assert psutil.wait_procs(family, timeout=SECONDS)[1] == []
    assert not served.codes()


def test_what_is_wrong_is_said_and_waited_for(reloading, tmp_path):
    """With a code and a place; the next change is served. Other files of the folder are none."""
    domain = tmp_path / "mine.py"
    domain.write_text("def f(:")
    served = reloading()
    until(lambda: served.codes() == 1)
    told = next(line for line in served.logged if "code" in line)
    assert told["code"] == "CONFIGURATION"
    assert f"at {domain}:1" in told["message"]
    domain.write_text(DOMAIN.format(word="'mended'"))
    until(lambda: served.asked() == {"word": "mended"})
    (tmp_path / "plait.toml").write_text("[limits]\nbatch = 'many'\n")
    until(lambda: served.codes() == 2)
    (tmp_path / "notes.txt").write_text("none of the domain")
    assert served.process.poll() is None
    (tmp_path / "plait.toml").unlink()
    until(lambda: served.asked() == {"word": "mended"})
    reloads = [line for line in served.logged if "detected changes" in line["message"]]
    assert not any("notes.txt" in line["message"] for line in reloads)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(SECONDS) == 0


def test_a_domain_that_is_nowhere_cannot_be_watched(plait):
    """An error at once, as there is nothing that a change could mend."""
    done = plait("serve", "--reload", "--port", "0", PLAIT_RESOLVERS="nothing_here")
    assert done.returncode == 2
    assert json.loads(done.stderr.splitlines()[-1])["code"] == "CONFIGURATION"
    assert "there is no module nothing_here" in done.stderr


def test_it_serves_by_one_process(plait):
    """Several would have to be told one by one."""
    done = plait("serve", "--reload", "--workers", "2")
    assert done.returncode == 2
    assert "leave --workers out" in done.stderr


def test_without_the_watcher_it_says_what_is_missing(plait, tmp_path):
    """The extra that brings it."""
    (tmp_path / "mine.py").write_text(DOMAIN.format(word="''"))
    (tmp_path / "watchfiles.py").write_text("raise ModuleNotFoundError")
    done = plait("serve", "--reload", "--port", "0", PLAIT_RESOLVERS="mine")
    assert done.returncode == 2
    assert "needs the package watchfiles, which the extra `demo` brings" in done.stderr
