"""Starting, stopping and sharing the engines of a folder."""

from __future__ import annotations

import os
import shutil
import socket
import threading

import pytest
from embedded.life import NAMES, fetch, last_engines, remember, remembered

from gateway.embedded import Engines, EngineUrls, start
from gateway.embedded import engines as engines_module
from gateway.embedded.ports import free_port
from gateway.embedded.records import Records
from gateway.errors import ConfigurationError


def begin(folder, *names, durable=False):
    """Start PostgreSQL and Valkey, or what is named."""
    return start(folder, names=names or NAMES, durable=durable)


async def test_data_and_addresses_survive_a_run(folder):
    """A second run finds the data, the password and, if they are free, the ports of the first."""
    with begin(folder, durable=True) as first:
        await remember(first.urls.postgres, first.urls.redis, "one")
    with begin(folder, durable=True) as second:
        assert second.urls == first.urls
        assert await remembered(second.urls.postgres, second.urls.redis) == ["one"]


async def test_durable_and_hasty_runs_read_each_other(folder):
    """`durable` changes what a crash of the machine may cost, not where data is."""
    for word, durable in (("one", True), ("two", False), ("three", True)):
        with begin(folder, durable=durable) as engines:
            await remember(engines.urls.postgres, engines.urls.redis, word)
            assert (await remembered(engines.urls.postgres, engines.urls.redis))[-1] == word


def test_stop_ends_every_process(folder):
    """Nothing of the engines runs after `stop`, and a second `stop` is no error."""
    engines = begin(folder)
    members = [process.member for process in engines.processes.values()]
    assert all(member.alive() for member in members)
    engines.stop()
    engines.stop()
    assert not any(member.alive() for member in members)


def test_a_stop_is_clean(folder):
    """PostgreSQL shuts down fast and Valkey saves: neither has anything to recover."""
    with begin(folder):
        pass
    with begin(folder) as engines:
        said = engines.processes["postgres"].log.said()
    assert "database system was shut down at" in said
    assert "not properly shut down" not in said
    assert "ready to exit" in engines.processes["valkey"].log.said()


def test_a_second_owner_is_refused(folder):
    """One folder has one owner at a time; the error names the folder and the owner."""
    with begin(folder, "valkey"):
        with pytest.raises(ConfigurationError) as raised:
            begin(folder, "valkey")
        assert str(folder) in str(raised.value)
        assert str(os.getpid()) in str(raised.value)
    begin(folder, "valkey").stop()


async def test_two_folders_do_not_meet(tmp_path):
    """Engines of two folders run beside each other on ports of their own."""
    with begin(tmp_path / "a") as one, begin(tmp_path / "b") as other:
        await remember(one.urls.postgres, one.urls.redis, "a")
        await remember(other.urls.postgres, other.urls.redis, "b")
        assert await remembered(one.urls.postgres, one.urls.redis) == ["a"]


def test_a_name_that_is_no_engine(folder):
    """The error lists what there is, and nothing is created."""
    with pytest.raises(ConfigurationError, match="postgres, valkey, qdrant"):
        start(folder, names=("oracle",))
    assert not folder.exists()


def test_what_was_not_started_has_no_address(folder):
    """An address left empty cannot be mistaken for one."""
    with begin(folder, "valkey") as engines:
        assert engines.urls == EngineUrls(redis=engines.urls.redis)


def test_a_folder_that_is_a_file(tmp_path):
    """An unusable folder is named."""
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigurationError, match=str(tmp_path / "data")):
        begin(tmp_path / "data")


def test_an_engine_that_does_not_start(folder):
    """The error repeats what the engine complained of; the others are stopped, the lock is free."""
    begin(folder).stop()
    (folder / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigurationError, match=r"postgres did not start in .*incompatible"):
        begin(folder)
    assert not any(member.alive() for member in last_engines(folder).values())
    (folder / "postgres" / "PG_VERSION").write_text("18\n")
    begin(folder).stop()


async def test_a_port_taken_in_the_meantime(folder):
    """Where another program has the port of the last run, the engine gets another one."""
    begin(folder, "valkey").stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", Records(folder).get("valkey").port))
        other.listen()
        with begin(folder, "valkey") as engines:
            assert engines.urls.redis != f"redis://127.0.0.1:{other.getsockname()[1]}/0"


def test_a_port_taken_between_choice_and_start(folder, monkeypatch):
    """Where another program is faster, the engine is started again on another port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        ports = iter([taken, taken, free_port()])
        monkeypatch.setattr(engines_module, "free_port", lambda _=None: next(ports))
        with begin(folder, "valkey") as engines:
            assert str(taken) not in engines.urls.redis
            assert engines.processes["valkey"].alive


def test_a_restart_whose_port_is_gone(folder, monkeypatch):
    """A restart keeps the port or says that it cannot."""
    monkeypatch.setattr(engines_module, "_PORT_SECONDS", 0.1)
    with begin(folder, "valkey") as engines, socket.socket() as other:
        engines.processes["valkey"].kill()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", Records(folder).get("valkey").port))
        other.listen()
        with pytest.raises(ConfigurationError, match="valkey was taken by another program"):
            engines.restart("valkey")


def test_a_restart_that_fails(folder):
    """The error says what the engine complained of."""
    with begin(folder, "valkey") as engines:
        engines.processes["valkey"].kill()
        shutil.rmtree(folder / "valkey" / "appendonlydir")
        (folder / "valkey" / "appendonlydir").write_text("")
        with pytest.raises(ConfigurationError, match="valkey did not start"):
            engines.restart("valkey")


@pytest.mark.parametrize("name", NAMES)
async def test_restart_after_a_crash(folder, name):
    """A killed engine comes back at the same address with what it had acknowledged."""
    with begin(folder) as engines:
        urls = engines.urls
        await remember(urls.postgres, urls.redis, "kept")
        engines.processes[name].kill()
        assert not engines.processes[name].alive
        engines.restart(name)
        assert engines.urls == urls
        assert await remembered(urls.postgres, urls.redis) == ["kept"]


@pytest.mark.parametrize("name", NAMES)
async def test_freeze_and_thaw(folder, name):
    """A frozen engine accepts connections and answers nothing; thawed it goes on."""
    with begin(folder) as engines:
        urls = engines.urls
        await remember(urls.postgres, urls.redis, "kept")
        engines.processes[name].freeze()
        port = Records(folder).get(name).port
        with socket.create_connection(("127.0.0.1", port), timeout=0.2) as connection:
            connection.sendall(b"PING\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(1)
        engines.processes[name].thaw()
        assert await remembered(urls.postgres, urls.redis) == ["kept"]


def test_frozen_engines_can_be_stopped(folder):
    """`stop` wakes what was frozen, so that it can end cleanly."""
    engines = begin(folder)
    for process in engines.processes.values():
        process.freeze()
    engines.stop()
    assert not any(process.alive for process in engines.processes.values())
    assert "database system is shut down" in engines.processes["postgres"].log.said()


async def test_engines_outlive_the_thread_that_started_them(folder):
    """`start` may be called in a worker thread that ends."""
    made: list[Engines] = []
    worker = threading.Thread(target=lambda: made.append(begin(folder)))
    worker.start()
    worker.join()
    with made[0] as engines:
        await remember(engines.urls.postgres, engines.urls.redis, "kept")
        assert all(process.alive for process in engines.processes.values())


def test_unreadable_records_are_no_obstacle(folder):
    """A damaged engines.json costs what it held: the ports of the last run."""
    begin(folder, "valkey").stop()
    (folder / "engines.json").write_text('{"valkey": [1')
    begin(folder, "valkey").stop()


async def test_a_long_path_is_no_obstacle(tmp_path):
    """No socket file limits the length of the folder's path."""
    folder = tmp_path / ("x" * 120)
    with begin(folder, "postgres") as engines:
        assert await fetch(engines.urls.postgres, "SELECT 1") == 1
