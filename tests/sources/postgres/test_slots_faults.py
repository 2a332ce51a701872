"""Slots when PostgreSQL hangs, dies and comes back; each test harms an engine of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.embedded import Engines, start
from gateway.errors import ConfigurationError, SourceError, SourceTimeout, SourceUnavailable
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.connections.slots import Slots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

SIZE = 3


def soon(seconds: float = 10.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - nothing tells when it does
            await asyncio.sleep(0.01)


async def load(slots: Slots, calls: int = SIZE, seconds: float = 10.0) -> list[object]:
    """Values or errors of as many calls at once."""
    work = [slots.run_value("select $1::int", (n,), soon(seconds)) for n in range(calls)]
    return await asyncio.gather(*work, return_exceptions=True)


@pytest.fixture(scope="module")
def own_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    folder: Path = tmp_path_factory.mktemp("slots")
    with start(folder, names=("postgres",), durable=False) as running:
        yield running


@pytest.fixture
async def slots(own_engines: Engines) -> AsyncIterator[Slots]:
    made = Slots(Connector(own_engines.urls.postgres, connect_timeout=2.0), SIZE)
    await made.open()
    assert await load(made) == list(range(SIZE))
    yield made
    await made.close()


async def test_a_hung_server_costs_the_deadline_only(own_engines: Engines, slots: Slots) -> None:
    """Calls to a stopped server end in time; when it goes on, so do the slots, by themselves."""
    process = own_engines.processes["postgres"]
    process.freeze()
    try:
        async with asyncio.timeout(8):
            for _ in range(3):
                failed = await load(slots, SIZE * 3, seconds=0.2)
                assert {type(error) for error in failed} == {SourceTimeout}
            await until(lambda: slots.figures()["mending"] == 0)
    finally:
        process.thaw()
    assert slots.figures()["lost"] >= 1
    await until(lambda: not slots.breaker.open)
    assert await load(slots, SIZE * 3) == list(range(SIZE * 3))
    assert slots.figures()["live"] <= SIZE


async def test_a_silent_server_is_spared(own_engines: Engines, slots: Slots) -> None:
    """Late, and silent to who would log in: calls fail at once, until it answers again."""
    process = own_engines.processes["postgres"]
    process.freeze()
    try:
        assert {type(error) for error in await load(slots, 1, seconds=0.1)} == {SourceTimeout}
        await until(lambda: slots.breaker.open)
        async with asyncio.timeout(8):
            failed = await load(slots, SIZE * 3, seconds=60)
        assert {type(error) for error in failed} == {SourceUnavailable}
        assert slots.figures()["breaker_open"] == 1
    finally:
        process.thaw()
    await until(lambda: not slots.breaker.open)
    assert await load(slots, SIZE * 3) == list(range(SIZE * 3))


async def test_late_statements_of_a_server_that_is_there(slots: Slots) -> None:
    """They are late by themselves: those beside them and after them are run."""
    for _ in range(2):
        late = [slots.run_value("select pg_sleep(60)", (), soon(0.1)) for _ in range(SIZE * 2)]
        failed = await asyncio.gather(*late, return_exceptions=True)
        assert {type(error) for error in failed} == {SourceTimeout}
        assert await load(slots) == list(range(SIZE))
    assert not slots.breaker.open


async def test_a_short_hang_keeps_the_connections(own_engines: Engines, slots: Slots) -> None:
    """A server that goes on within the grace acknowledges what was cancelled; nothing is lost."""
    process = own_engines.processes["postgres"]
    process.freeze()
    try:
        assert {type(error) for error in await load(slots, 1, seconds=0.05)} == {SourceTimeout}
    finally:
        process.thaw()
    await until(lambda: slots.figures()["mending"] == 0)
    assert slots.figures()["lost"] == 0
    assert await load(slots) == list(range(SIZE))


async def test_a_killed_server_that_comes_back(own_engines: Engines, slots: Slots) -> None:
    """While it is down calls fail at once; once it has been up for a second none fails."""
    process = own_engines.processes["postgres"]
    process.kill()
    async with asyncio.timeout(8):
        for _ in range(5):
            failed = await load(slots, SIZE * 3)
            assert {type(error) for error in failed} == {SourceUnavailable}
    await asyncio.to_thread(own_engines.restart, "postgres")
    ready = soon(1.0)
    while soon(0.0) < ready:
        assert all(
            isinstance(value, SourceUnavailable | int) for value in await load(slots, SIZE * 3)
        )
        await asyncio.sleep(0.05)
    for _ in range(10):
        assert await load(slots, SIZE * 3) == list(range(SIZE * 3))


async def test_a_kill_in_mid_statement(own_engines: Engines, slots: Slots) -> None:
    """Statements under way fail as unavailable, not by their deadlines."""
    work = [asyncio.create_task(slots.run("select pg_sleep(60)", (), soon(50))) for _ in range(2)]
    await until(lambda: slots.figures()["idle"] == SIZE - 2)
    own_engines.processes["postgres"].kill()
    async with asyncio.timeout(8):
        failed = await asyncio.gather(*work, return_exceptions=True)
    assert {type(error) for error in failed} == {SourceUnavailable}
    await asyncio.to_thread(own_engines.restart, "postgres")


async def test_a_server_that_is_down_at_start_up(own_engines: Engines) -> None:
    """Opening tells that it cannot be reached, and opens when it can."""
    own_engines.processes["postgres"].kill()
    slots = Slots(Connector(own_engines.urls.postgres), 1)
    with pytest.raises(SourceUnavailable):
        await slots.open()
    await asyncio.to_thread(own_engines.restart, "postgres")
    await slots.open()
    assert await load(slots, 1) == [0]
    await slots.close()


async def test_a_wrong_password_is_a_configuration_error(own_engines: Engines) -> None:
    """Credentials that the server refuses are told at start-up, without repeating them."""
    scheme, rest = own_engines.urls.postgres.split("://")
    user, place = rest.split(":", 1)[0], rest.split("@")[1]
    slots = Slots(Connector(f"{scheme}://{user}:hunter2@{place}"), 1)
    with pytest.raises(ConfigurationError) as refused:
        await slots.open()
    assert "hunter2" not in refused.value.message
    assert not isinstance(refused.value, SourceError)
