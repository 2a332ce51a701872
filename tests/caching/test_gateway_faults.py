"""Redis fails under a whole gateway: every request is answered, as if there were no cache."""

from __future__ import annotations

import asyncio

import pytest
from caching import library
from caching.conftest import until
from caching.test_cached_api import BOOKS
from redis.asyncio import Redis
from writes.stand import standing

from gateway.embedded import start
from gateway.sources.contract import Budget

QUERIES = [BOOKS, "{ book(id: 1) { title author { name } } }", "{ authors { nodes { name } } }"]
FAST = {"PLAIT_CACHE_TIMEOUT_SECONDS": "0.2", "REDIS_CONNECT_TIMEOUT": "0.2"}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A Valkey for these tests alone."""
    with start(tmp_path_factory.mktemp("valkey"), names=("valkey",), durable=False) as engines:
        yield engines


@pytest.fixture
async def stand(own, fresh_database, prefix, stack):
    addresses = {"POSTGRES_URL": await fresh_database(), "REDIS_URL": own.urls.redis}
    settings = {"PLAIT_CACHE_PREFIX": prefix, **FAST}
    made = await stack.enter_async_context(
        standing("caching.library", library.SCRIPT, addresses, **settings)
    )
    await until(lambda: made.gateway.cache.cache.leased)
    return made


class Load:
    """Eight clients that ask and write until they are stopped; every answer is looked at."""

    def __init__(self, stand):
        self.stand = stand
        self.answers = 0
        self.failed = []
        self._stop = asyncio.Event()
        self._clients = [asyncio.ensure_future(self._client(number)) for number in range(8)]

    async def _client(self, number):
        turn = number
        while not self._stop.is_set():
            turn += 1
            query = QUERIES[turn % len(QUERIES)]
            if turn % 20 == 0:
                query = f'mutation {{ setBook(id: {number + 10}, set: {{title: "t"}}) {{ id }} }}'
            body = await self.stand.ask(query)
            self.answers += 1
            if "errors" in body:
                self.failed.append(body["errors"])
            await asyncio.sleep(0.002)

    async def more(self, count):
        """Wait for so many further answers."""
        wanted = self.answers + count
        await until(lambda: self.answers >= wanted, seconds=60)

    async def stop(self):
        self._stop.set()
        await asyncio.gather(*self._clients)


@pytest.mark.parametrize("harm", ["kill", "freeze"])
async def test_no_request_fails(stand, own, harm):
    """Killed or silent under load: 0 failed requests, before, meanwhile and after."""
    process = own.processes["valkey"]
    load = Load(stand)
    try:
        await load.more(100)
        process.kill() if harm == "kill" else process.freeze()
        try:
            await load.more(200)
            health = await stand.gateway.check(Budget(asyncio.get_running_loop().time() + 5))
            assert not health["cache"].ready
            assert not health["cache"].required
        finally:
            await asyncio.to_thread(own.restart, "valkey") if harm == "kill" else process.thaw()
        await until(lambda: stand.gateway.cache.cache.leased, seconds=30)
        await load.more(100)
    finally:
        await load.stop()
    assert load.failed == []


@pytest.mark.parametrize("harm", ["full", "read-only"])
async def test_a_redis_that_takes_nothing(stand, own, harm):
    """Out of memory, or a replica: reads go on and writes through the gateway work."""
    async with Redis.from_url(own.urls.redis) as client:
        load = Load(stand)
        try:
            await load.more(50)
            if harm == "full":
                await client.config_set("maxmemory", "1mb")
                await client.config_set("maxmemory-policy", "noeviction")
            else:
                await client.replicaof("127.0.0.1", "1")
            try:
                await load.more(150)
                await stand.data('mutation { setBook(id: 1, set: {title: "new"}) { id } }')
                data = await stand.data("{ book(id: 1) { title } }")
                assert data == {"book": {"title": "new"}}
            finally:
                await client.config_set("maxmemory", "0")
                await client.replicaof("NO", "ONE")
        finally:
            await load.stop()
        assert load.failed == []
        await until(lambda: stand.gateway.cache.cache.leased, seconds=30)
