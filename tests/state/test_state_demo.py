"""The demo's counters come from its data, and counting goes on where it was."""

from __future__ import annotations

import asyncpg
from operations.stage import HERE, MIGRATIONS
from redis.asyncio import Redis

from gateway.sources.postgres.migrate import upgrade
from gateway.sources.redis import RedisSource
from resolvers.demo import seed_views


async def test_views_are_seeded_once(fresh_database, redis_url):
    """Each trend has as many as items; a counter that counts already is left alone."""
    database = await fresh_database()
    await upgrade(database, MIGRATIONS)
    connection = await asyncpg.connect(database)
    await connection.execute((HERE / "rows.sql").read_text("utf-8"))
    rows = await connection.fetch("SELECT id, item_count FROM trends")
    await connection.close()
    assert any(row["item_count"] for row in rows)
    redis = f"{redis_url.rpartition('/')[0]}/14"
    source = RedisSource("redis", redis, socket_timeout=5.0)
    async with Redis.from_url(redis) as client:
        await client.flushdb()
        await client.set("views:trend_1", 5)
        assert await seed_views(database, source) == len(rows) - 1
        for row in rows:
            expected = 5 if row["id"] == 1 else row["item_count"]
            assert int(await client.get(f"views:trend_{row['id']}")) == expected
        assert await seed_views(database, source) == 0
        await client.flushdb()
    await source.close()
