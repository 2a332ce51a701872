"""What is one engine's own: round trips, what others find there, faults and their end."""

import asyncio
import subprocess
import sys

import asyncpg
import orjson
import pytest
from context.kinds import bench
from redis.asyncio import Redis

from gateway.context.postgres import PostgresStore
from gateway.embedded import start
from gateway.errors import SourceError, SourceTimeout, SourceUnavailable

BATCH = {f"k-{n}": {"n": n} for n in range(1_000)}


async def test_redis_holds_plain_json(redis_url):
    """What another program finds is JSON, unless it is large; its life is Redis's own."""
    async with bench("redis", redis_url) as (made, source), Redis.from_url(redis_url) as client:
        await source.save("k", {"a": 1}, ttl=1_000)
        assert orjson.loads(await client.get(f"{made.prefix}k")) == {"a": 1}
        assert 990_000 < await client.pttl(f"{made.prefix}k") <= 1_000_000


async def test_a_batch_is_one_round_trip_to_redis(redis_url):
    """A thousand entries leave in one write of the connection, there and back."""
    async with bench("redis", redis_url) as (_, source):
        exchanges = []
        link = source._store._link
        exchange = link.exchange

        async def counted(commands):
            exchanges.append(len(commands))
            return await exchange(commands)

        link.exchange = counted
        await source.save_batch(BATCH)
        assert exchanges == [1_000]
        assert await source.load_batch(BATCH) == BATCH
        assert exchanges == [1_000, 1]


async def test_a_batch_is_one_statement_in_postgresql(postgres_url):
    """A thousand entries are written by one statement, and read by one."""
    asked = []
    async with bench("postgresql", postgres_url) as (_, source):
        store = source._store
        assert isinstance(store, PostgresStore)
        async with store._connection() as connection:
            raw = connection._con
        raw.add_query_logger(lambda query: asked.append(query.query))
        await source.save("k", 1)  # asks once for each connection how arrays are written
        asked.clear()
        async with asyncio.timeout(20):
            await source.save_batch(BATCH)
            assert await source.load_batch(BATCH) == BATCH
    assert [text.split()[0] for text in asked] == ["INSERT", "SELECT"]


async def test_two_gateways_make_one_table(fresh_database):
    """Starting at once, each finds or makes the table, and both use it."""
    url = await fresh_database()
    async with bench("postgresql", url) as (made, source):
        others = [made.made(table="made_at_once") for _ in range(6)]
        await asyncio.gather(*(one.connect() for one in others))
        await others[0].save("k", 1)
        assert await others[5].load("k") == 1
        assert await source.load("k") is None
        await asyncio.gather(*(one.disconnect() for one in others))
        connection = await asyncpg.connect(url)
        try:
            assert await connection.fetchval("select count(*) from made_at_once") == 1
        finally:
            await connection.close()


@pytest.mark.parametrize(("kind", "engine"), [("redis", "valkey"), ("postgresql", "postgres")])
async def test_an_engine_that_hangs_or_dies_costs_time_bounded_and_comes_back(
    tmp_path, kind, engine
):
    """Frozen: a typed timeout; dead: a typed error; back again: what was saved is there."""
    with start(tmp_path, names=(engine,)) as engines:
        url = engines.urls.redis if kind == "redis" else engines.urls.postgres
        async with bench(kind, url) as (made, first):
            await first.save("k", "kept")
            source = made.made(timeout_seconds=0.5)
            await source.connect()
            try:
                engines.processes[engine].freeze()
                found = await asyncio.gather(
                    *(source.load("k") for _ in range(20)), return_exceptions=True
                )
                assert {type(error) for error in found} <= {SourceTimeout, SourceUnavailable}
                assert not await source.is_connected()
                engines.processes[engine].thaw()
                engines.processes[engine].kill()
                with pytest.raises(SourceError):
                    await source.load("k")
                engines.restart(engine)
                for _ in range(100):
                    if await source.is_connected():
                        break
                    await asyncio.sleep(0.1)
                assert await source.load("k") == "kept"
            finally:
                await source.disconnect()


def test_nothing_is_loaded_that_is_not_configured():
    """A gateway without key-value sources imports no engine of them; with one, that alone."""
    code = """
import sys
from gateway import DatasourceQueries
from gateway.context.registry import datasource_of
from gateway.settings import Datasource
vendors = {"pymongo", "obstore", "asyncpg", "redis"}
print(sorted(vendors & sys.modules.keys()))
datasource_of("files", Datasource(type="filesystem", path="x"))
print(sorted(vendors & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
