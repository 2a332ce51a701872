"""Reads go to a real standby, writes and what follows them to the primary; the standby may go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from feeding import connected
from standby import Standby, pair, reachable
from writes import shop_tables
from writes.stand import Stand, standing

from gateway.sources.contract import Budget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gateway.embedded import Engines

LABEL = "{ shelf(id: 1) { label } }"
PAUSE = "select pg_wal_replay_pause()"
GO_ON = "select pg_wal_replay_resume()"


def soon(seconds: float = 10.0) -> Budget:
    """A budget that ends that far away."""
    return Budget(asyncio.get_running_loop().time() + seconds)


async def until(holds: Callable[[], Any]) -> None:
    """Poll until `holds` gives what is true."""
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110 - nothing tells when it does
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Engines, Standby]]:
    with pair(tmp_path_factory.mktemp("pair")) as both:
        await until(lambda: reachable(both[1].url))
        async with connected(both[0].urls.postgres) as owner:
            script = shop_tables.script(shop_tables.metadata, shop_tables.EXTRA)
            await owner.execute(script)
            await owner.execute("INSERT INTO shelves (label) VALUES ('first')")
        async with connected(both[1].url) as follower:
            await until(lambda: follower.fetchval("SELECT to_regclass('shelves') IS NOT NULL"))
        yield both


@pytest.fixture
async def stand(servers: tuple[Engines, Standby], redis_url: str) -> AsyncIterator[Stand]:
    """The shop's gateway, the standby caught up."""
    engines, standby = servers
    if not standby.process.alive:
        await asyncio.to_thread(standby.restart)
    await until(lambda: reachable(standby.url))
    addresses = {
        "POSTGRES_URL": engines.urls.postgres,
        "POSTGRES_REPLICA_URL": standby.url,
        "REDIS_URL": f"{redis_url.rpartition('/')[0]}/11",
    }
    async with connected(standby.url) as follower:
        await follower.execute(GO_ON)
        async with connected(engines.urls.postgres) as owner:
            await owner.execute("UPDATE shelves SET label = 'first'")
        await until(lambda: follower.fetchval("SELECT label = 'first' FROM shelves WHERE id = 1"))
    async with standing("writes.shop", "select 1", addresses) as made:
        yield made


async def test_reads_ask_the_standby(servers: tuple[Engines, Standby], stand: Stand) -> None:
    """What the standby has not replayed yet is not seen by a query."""
    async with connected(servers[1].url) as follower:
        await follower.execute(PAUSE)
        await stand.connection.execute("UPDATE shelves SET label = 'second'")
        assert await stand.data(LABEL) == {"shelf": {"label": "first"}}
        await follower.execute(GO_ON)

    async def seen() -> bool:
        return await stand.data(LABEL) == {"shelf": {"label": "second"}}

    await until(seen)


async def test_what_follows_a_write_asks_the_primary(
    servers: tuple[Engines, Standby], stand: Stand
) -> None:
    """A mutation sees what it wrote, in what it returns and in what plain resolvers fetch."""
    async with connected(servers[1].url) as follower:
        await follower.execute(PAUSE)
        for attempt in range(3):
            label = f"third {attempt}"
            made = await stand.data(
                """mutation ($label: String!) {
                    updateShelf(id: 1, set: {label: $label}) {
                        label shout boxes { nodes { name } } looks
                    }
                    again: updateShelf(id: 1, set: {rank: 8}) { label rank }
                }""",
                {"label": label},
            )
            assert made["updateShelf"]["label"] == label
            assert made["updateShelf"]["shout"] == label.upper()
            assert made["again"] == {"label": label, "rank": 8}
            together = await stand.data(
                """mutation @transaction {
                    a: updateShelf(id: 1, set: {label: "fourth"}) { label }
                    b: updateShelf(id: 1, set: {rank: 9}) { label rank }
                }"""
            )
            assert together["b"] == {"label": "fourth", "rank": 9}
        assert await stand.data(LABEL) == {"shelf": {"label": "first"}}
        await follower.execute(GO_ON)


async def test_the_primary_answers_while_the_standby_is_away(
    servers: tuple[Engines, Standby], stand: Stand
) -> None:
    """Killed under load: no read fails. Readiness tells of it, and of its return."""
    ended = asyncio.Event()

    async def ask() -> int:
        count = 0
        while not ended.is_set():
            assert (await stand.data(LABEL))["shelf"]
            count += 1
        return count

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    await asyncio.sleep(0)
    await asyncio.to_thread(servers[1].process.kill)
    health = await stand.gateway.check(soon())
    assert health["postgres"].ready
    assert not health["postgres:replica"].ready
    assert not health["postgres:replica"].required
    await stand.connection.execute("UPDATE shelves SET label = 'fresh'")
    assert await stand.data(LABEL) == {"shelf": {"label": "fresh"}}
    await asyncio.to_thread(servers[1].restart)

    async def back() -> bool:
        figures = (await stand.gateway.check(soon()))["postgres:replica"].figures
        return bool(figures) and figures["away"] == 0

    await until(back)
    ended.set()
    assert all(await asyncio.gather(*asking))


async def test_a_standby_that_hangs_is_left(servers: tuple[Engines, Standby], stand: Stand) -> None:
    """The reads it holds up end at their deadlines; those after them ask the primary."""
    process = servers[1].process
    process.freeze()
    try:

        async def answered() -> bool:
            body = await stand.ask(LABEL, seconds=0.2)
            return "errors" not in body

        await until(answered)
        assert await answered()
    finally:
        process.thaw()


async def test_without_its_standby_a_gateway_starts(
    servers: tuple[Engines, Standby], redis_url: str
) -> None:
    """A standby nobody reaches costs nothing but the message."""
    addresses = {
        "POSTGRES_URL": servers[0].urls.postgres,
        "POSTGRES_REPLICA_URL": "postgresql://plait@127.0.0.1:1/plait",
        "REDIS_URL": f"{redis_url.rpartition('/')[0]}/11",
    }
    async with standing("writes.shop", "select 1", addresses) as made:
        assert (await made.data(LABEL))["shelf"]
        assert not (await made.gateway.check(soon()))["postgres:replica"].ready
