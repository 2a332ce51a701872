"""A source that can take no more: who is one too many is told at once, and the others are served."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
from telemetry.shelf import ask, served

if TYPE_CHECKING:
    import httpx
    from conftest import FreshDatabase

QUERY = "query ($t: String!) { hello books(where: {title: {eq: $t}}) { nodes { title } } }"
SETTINGS = {
    "POSTGRES_POOL_SIZE": "1",
    "PLAIT_GROUPING_MAX_WAITING": "1",
    "PLAIT_TELEMETRY_METRICS": "true",
}


async def until(client: httpx.AsyncClient, line: str) -> None:
    """Wait for a figure to say so."""
    async with asyncio.timeout(20):
        while line not in (await client.get("/metrics")).text.splitlines():  # noqa: ASYNC110 - figures offer no event
            await asyncio.sleep(0.01)


async def test_an_exhausted_pool_refuses_at_once(fresh_database: FreshDatabase) -> None:
    """With the only connection busy and the queue full a read fails with SOURCE_OVERLOADED.

    It does not wait for its turn or its deadline, other fields of its request are there, and those
    that were in line are answered when the connection is free.
    """
    database = await fresh_database()
    async with served(database, **SETTINGS) as client:
        holder = await asyncpg.connect(database, timeout=10)
        try:
            held = holder.transaction()
            await held.start()
            await holder.execute("lock table books in access exclusive mode", timeout=10)
            running = asyncio.create_task(ask(client, QUERY, variables={"t": "book 1"}))
            await until(client, 'plait_group_flying{source="postgres"} 1.0')
            waiting = asyncio.create_task(ask(client, QUERY, variables={"t": "book 2"}))
            await until(client, 'plait_group_waiting{source="postgres"} 1.0')
            refused = await ask(client, QUERY, variables={"t": "book 3"})
            assert not running.done()
            assert not waiting.done()
            assert refused["data"] == {"hello": "hello", "books": None}
            assert refused["errors"][0]["extensions"]["code"] == "SOURCE_OVERLOADED"
            await held.rollback()
            for n, task in enumerate((running, waiting), 1):
                answer = await task
                assert answer["data"]["books"]["nodes"] == [{"title": f"book {n}"}]
        finally:
            await holder.close()
