"""A feed when PostgreSQL hangs, dies, restarts or is not what it seems; on an engine of its own."""

from __future__ import annotations

import asyncio
import os
import struct
import subprocess
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from feeding import changes, connected, following, listening, prepare, until, until_lost

from gateway.embedded import Engines, start
from gateway.embedded.postgres import Postgres
from gateway.errors import ConfigurationError
from gateway.sources.contract import Budget
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.feed import ChangeFeed, Loss

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'plait plait_changes'"
END = """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE application_name = $1"""
QUICK = {"probe_interval": 0.05, "probe_timeout": 0.5, "connect_timeout": 1.0}


def soon(seconds: float = 10.0) -> Budget:
    return Budget(asyncio.get_running_loop().time() + seconds)


@pytest.fixture(scope="module")
async def own_engines(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engines]:
    folder = tmp_path_factory.mktemp("feed")
    with start(folder, names=("postgres",), durable=False) as running:
        await prepare(running.urls.postgres)
        yield running


@pytest.fixture
def url(own_engines: Engines) -> Iterator[str]:
    return own_engines.urls.postgres


async def add(url: str) -> int:
    """Write a row from outside."""
    async with connected(url) as writer:
        return await writer.fetchval("INSERT INTO things (name) VALUES ('x') RETURNING id")


async def test_a_killed_server_that_comes_back(own_engines: Engines, url: str) -> None:
    """The feed says that it is deaf, then `Lost`, then every change again; by itself."""
    async with listening(url, **QUICK) as feed:
        with feed.subscribe(["things"]) as events:
            first = await add(url)
            assert (await following(events)).keys == ((first,),)
            own_engines.processes["postgres"].kill()
            await until(lambda: not feed.live)
            assert not (await feed.check(soon())).ready
            assert len(events) == 0
            late = feed.subscribe()
            await asyncio.to_thread(own_engines.restart, "postgres")
            lost = await until_lost(events, Loss.CONNECTED)
            assert lost.tables == {"things"}
            await until_lost(late, Loss.CONNECTED)
            assert (await feed.check(soon())).ready
            for _ in range(3):
                row = await add(url)
                assert (await following(events)).keys == ((row,),)


async def test_a_terminated_backend(url: str) -> None:
    """A connection an operator ends costs one `Lost`; what was committed meanwhile is not told."""
    connect, reachable = Connector(url, application_name="operated"), asyncio.Event()

    async def when_reachable() -> asyncpg.Connection:
        await reachable.wait()
        return await connect()

    reachable.set()
    async with listening(when_reachable, probe_interval=600.0) as feed, connected(url) as writer:
        with feed.subscribe() as events:
            for _ in range(3):
                reachable.clear()
                await writer.execute(END, "operated")
                await writer.execute("INSERT INTO things (name) VALUES ('unheard')")
                reachable.set()
                await until_lost(events, Loss.CONNECTED)
                assert await changes(events, writer) == []
        assert feed.figures()["connected"] == 4


async def test_a_silent_server_is_noticed(own_engines: Engines, url: str) -> None:
    """A stopped server says nothing and refuses nothing: the probe's deadline finds out."""
    async with listening(url, **QUICK) as feed:
        with feed.subscribe(["things"]) as events:
            process = own_engines.processes["postgres"]
            process.freeze()
            try:
                await until(lambda: not feed.live)
                assert not (await feed.check(soon(0.1))).ready
            finally:
                process.thaw()
            await until_lost(events, Loss.CONNECTED)
            row = await add(url)
            assert (await following(events)).keys == ((row,),)


async def test_a_short_silence_loses_nothing(own_engines: Engines, url: str) -> None:
    """A server that answers within the probe's deadline keeps the connection and the promise."""
    async with listening(url, probe_interval=0.05, probe_timeout=30.0) as feed:
        with feed.subscribe(["things"]) as events:
            process = own_engines.processes["postgres"]
            process.freeze()
            try:
                assert not (await feed.check(soon(0.2))).ready
            finally:
                process.thaw()
            assert (await feed.check(soon())).ready
            row = await add(url)
            assert (await following(events)).keys == ((row,),)
        assert feed.figures()["connected"] == 1


async def test_closing_while_the_server_hangs_or_is_gone(own_engines: Engines, url: str) -> None:
    """Closing ends in bounded time whatever the server does, and ends the iterations."""
    process = own_engines.processes["postgres"]
    hung, gone = ChangeFeed(url, **QUICK), ChangeFeed(url, **QUICK)
    await hung.open()
    await gone.open()
    events = gone.subscribe()
    process.freeze()
    try:
        async with asyncio.timeout(10):
            await hung.close()
    finally:
        process.thaw()
    process.kill()
    await until(lambda: not gone.live)
    async with asyncio.timeout(10):
        await gone.close()
    assert await anext(events, None) is None
    await asyncio.to_thread(own_engines.restart, "postgres")


async def test_no_connection_stays_behind(url: str) -> None:
    """However often it was opened and closed, the server knows of none of its sessions."""
    for _ in range(5):
        async with listening(url):
            pass
    async with connected(url) as watcher, asyncio.timeout(20):
        while await watcher.fetch(BACKENDS):  # noqa: ASYNC110 - nothing tells when it does
            await asyncio.sleep(0.01)


async def test_a_pooler_is_refused(url: str) -> None:
    """Behind a pooler messages get lost unnoticed: start-up says so, and how it knows is right."""
    for disguised in (True, False):
        async with _proxy(url, disguised=disguised) as address:
            feed = ChangeFeed(address)
            if disguised:
                with pytest.raises(ConfigurationError, match="direct connection"):
                    await feed.open()
            else:
                await feed.open()
                assert (await feed.check(soon())).ready
            await feed.close()


async def test_a_standby_is_refused(tmp_path: Path) -> None:
    """A server in recovery announces nothing: start-up says so."""
    with start(tmp_path, names=("postgres",), durable=False) as engines:
        url = engines.urls.postgres
    data = tmp_path / "postgres"
    (data / "standby.signal").touch()
    os.chown(data / "standby.signal", data.stat().st_uid, data.stat().st_gid)
    command = Postgres(tmp_path, durable=False).command(urlsplit(url).port)
    with command.popen(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as standby:
        try:
            async with asyncio.timeout(20):
                while not await _reachable(url):  # noqa: ASYNC110 - nothing tells when it is
                    await asyncio.sleep(0.02)
            with pytest.raises(ConfigurationError, match="primary server"):
                await ChangeFeed(url).open()
        finally:
            standby.send_signal(command.stop_signal)


async def _reachable(url: str) -> bool:
    try:
        async with connected(url):
            return True
    except (OSError, asyncpg.PostgresError):
        return False


@asynccontextmanager
async def _proxy(url: str, *, disguised: bool) -> AsyncIterator[str]:
    """An address that leads to `url`; `disguised`: with another process id, as poolers do."""
    target = urlsplit(url)
    links: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, upward = await asyncio.open_connection(target.hostname, target.port)
        links.extend((writer, upward))
        await asyncio.gather(_copy(reader, upward), _copy(onward, writer, disguised=disguised))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield urlunsplit(target._replace(netloc=f"{target.netloc.rpartition(':')[0]}:{port}"))
    finally:
        for link in links:
            link.close()
        server.close()
        await server.wait_closed()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, disguised: bool = False
) -> None:
    """Hand on what comes; `disguised` adds one to the process id in the server's greeting."""
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            place = data.find(b"K\x00\x00\x00") if disguised else -1
            if place >= 0:
                (pid,) = struct.unpack_from("!I", data, place + 5)
                data = data[: place + 5] + struct.pack("!I", pid + 1) + data[place + 9 :]
            writer.write(data)
            await writer.drain()
        writer.close()
