"""Server processes are weighed and stopped, whatever happens between."""

import os
import sys
from pathlib import Path

import pytest

from bench.load import LoadError
from bench.measure import checked_size
from bench.replies import ReplyError
from bench.servers import ServerError, free_port, running
from bench.stage import clean_environment, uvicorn_command


def floor(folder, port):
    command = [sys.executable, "-m", *uvicorn_command("bench.floor:app", port)]
    log = folder / "floor.log"
    return running("floor", command, port=port, log=log, environment=clean_environment())


def test_a_server_answers_is_weighed_and_is_gone_after_an_error(tmp_path):
    """Its process does not outlive the block, not even when the block fails."""
    with pytest.raises(LoadError), floor(tmp_path, free_port()) as server:  # noqa: PT012 - the block is the test
        assert server.rss_mb() > 5
        assert server.cpu_seconds() > 0
        raise LoadError
    assert not Path(f"/proc/{server.pid}").exists()


def test_a_server_that_does_not_start_is_reported_with_its_log(tmp_path):
    """The reason stands in the message."""
    command = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    port = free_port()
    with (
        pytest.raises(ServerError, match="no such luck"),
        running("bad", command, port=port, log=tmp_path / "log", environment=dict(os.environ)),
    ):
        pass


def test_equal_replies_give_their_size_and_others_are_refused(tmp_path):
    """The run stops before any load when an answer is not an answer."""
    with floor(tmp_path, free_port()) as server:
        assert 0 < checked_size(["{}", "{}"], server, server) <= 31
        gone = free_port()
        other = type(server)("gone", server.pid, gone)
        with pytest.raises((ReplyError, OSError)):
            checked_size(["{}"], server, other)


def test_settings_of_the_callers_environment_do_not_reach_the_servers(monkeypatch):
    """A forgotten variable cannot turn grouping off or point at another database."""
    monkeypatch.setenv("PLAIT_GROUPING_ENABLED", "false")
    monkeypatch.setenv("POSTGRES_URL", "postgresql://elsewhere/db")
    kept = clean_environment()
    assert not {"PLAIT_GROUPING_ENABLED", "POSTGRES_URL"} & set(kept)
    assert kept["PATH"] == os.environ["PATH"]
