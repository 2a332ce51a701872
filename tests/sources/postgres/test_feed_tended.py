"""The feed as a gateway runs it: opened where tables are watched, lost and found again."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from feeding import connected, following, until, until_lost
from writes import shop_tables
from writes.stand import SETTINGS, Stand, standing

from gateway.composition import Gateway
from gateway.embedded import Engines, start
from gateway.settings import load
from gateway.sources.changes import Change, Loss, Lost, Operation
from gateway.sources.contract import Budget
from gateway.sources.postgres.feed import INSTALL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import asyncpg
    from conftest import FreshDatabase

SCRIPT = shop_tables.script(shop_tables.metadata, shop_tables.EXTRA)
ADD = "INSERT INTO shelves (code) VALUES ($1) RETURNING id"


def soon(seconds: float = 10.0) -> Budget:
    """A budget that ends that far away."""
    return Budget(asyncio.get_running_loop().time() + seconds)


async def install(connection: asyncpg.Connection, *tables: str) -> None:
    """The functions of the feed, and the triggers of some tables."""
    for statement in INSTALL:
        await connection.execute(statement)
    for table in tables:
        await connection.execute(f"SELECT plait_watch('{table}')")


@asynccontextmanager
async def shop(url: str, redis_url: str, *tables: str, **settings: str) -> AsyncIterator[Stand]:
    """The shop's gateway, with some tables watched when it starts."""
    async with connected(url) as owner:
        await owner.execute(SCRIPT)
        if tables:
            await install(owner, *tables)
    addresses = {"POSTGRES_URL": url, "REDIS_URL": f"{redis_url.rpartition('/')[0]}/10"}
    async with standing("writes.shop", "select 1", addresses, **settings) as stand:
        yield stand


async def test_what_others_write_is_heard(
    fresh_database: FreshDatabase, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A write past the gateway arrives, one of the gateway's own as well; the log says of what."""
    caplog.set_level(logging.INFO, "gateway")
    async with shop(await fresh_database(), redis_url, "shelves", "boxes") as stand:
        (line,) = [one for one in caplog.messages if "listens to" in one]
        assert "listens to 2 of 10 tables; unwatched: offers" in line
        with stand.gateway.changes["default"].subscribe(["shelves"]) as events:
            key = await stand.connection.fetchval(ADD, "outside")
            event = await following(events)
            assert isinstance(event, Change)
            assert (event.table, event.operation, event.keys) == (
                "shelves",
                Operation.INSERT,
                ((key,),),
            )
            await stand.data("mutation { updateShelf(id: 1, set: {rank: 3}) { id } }")
            event = await following(events)
            assert isinstance(event, Change)
            assert event.operation is Operation.UPDATE
        health = (await stand.gateway.check(soon()))["postgres:changes"]
        assert health.ready
        assert not health.required
        assert health.figures
        assert health.figures["messages"] >= 2


async def test_without_watched_tables_there_is_nothing_to_hear(
    fresh_database: FreshDatabase, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing listens, as the log says, and readiness is silent, unless the settings insist."""
    caplog.set_level(logging.INFO, "gateway")
    url = await fresh_database()
    async with shop(url, redis_url) as stand:
        (line,) = [one for one in caplog.messages if "is watched" in one]
        assert line.startswith("no table of postgres is watched (docs/change-feed.md)")
        assert not stand.gateway.changes["default"].live
        assert "postgres:changes" not in await stand.gateway.check(soon())
    for mode, there in (("on", True), ("off", False)):
        settings = {"POSTGRES_CHANGE_FEED": mode, "REDIS_URL": redis_url, "POSTGRES_URL": url}
        environment = {**SETTINGS, "PLAIT_RESOLVERS": "writes.shop", **settings}
        gateway = Gateway(load(environ=environment))
        await gateway.open()
        try:
            assert ("default" in gateway.changes) is there
            assert ("postgres:changes" in await gateway.check(soon())) is there
        finally:
            await gateway.close()


@pytest.fixture(scope="module")
def own_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with start(tmp_path_factory.mktemp("tended"), names=("postgres",), durable=False) as running:
        yield running


async def test_a_server_that_was_killed(own_engines: Engines, redis_url: str) -> None:
    """Readiness says that changes go unheard; back again, all must be read anew, and it goes on."""
    async with shop(own_engines.urls.postgres, redis_url, "shelves") as stand:
        changes = stand.gateway.changes["default"]
        with changes.subscribe(["shelves"]) as events:
            own_engines.processes["postgres"].kill()
            await until(lambda: not changes.live)
            health = (await stand.gateway.check(soon(1.0)))["postgres:changes"]
            assert (health.ready, health.required) == (False, False)
            await asyncio.to_thread(own_engines.restart, "postgres")
            lost = await until_lost(events, Loss.CONNECTED)
            assert lost.tables == {"shelves"}
            async with connected(own_engines.urls.postgres) as other:
                key = await other.fetchval(ADD, "later")
            event = await following(events)
            assert isinstance(event, Change)
            assert event.keys == ((key,),)
    assert await anext(events, None) is None


async def test_a_server_that_comes_later(own_engines: Engines, redis_url: str) -> None:
    """A gateway that starts before its database hears as soon as it can, from a `Lost` on."""
    url = own_engines.urls.postgres
    own_engines.processes["postgres"].kill()
    settings = {"POSTGRES_URL": url, "REDIS_URL": redis_url, "PLAIT_RESOLVERS": "writes.shop"}
    gateway = Gateway(load(environ={**SETTINGS, **settings}))
    await gateway.open()
    try:
        changes = gateway.changes["default"]
        with changes.subscribe() as events:
            assert not changes.live
            await asyncio.to_thread(own_engines.restart, "postgres")
            assert isinstance(await following(events), Lost)
            assert changes.live
    finally:
        await gateway.close()
