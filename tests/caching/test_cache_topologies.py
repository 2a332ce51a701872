"""The shared level on a cluster, and on a server that sentinels name."""

from __future__ import annotations

import asyncio

import pytest
from caching.conftest import Answers, Table, read, until
from sources.redis.servers import cluster, node_id, owner, watched_pair
from sources.redis.servers import until as eventually

from gateway.caching.answers import State
from gateway.caching.assembly import Options

FAST = Options(early_refresh=0.0, breaker_failures=2, breaker_seconds=0.2)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def url(servers):
    return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers[:2])


async def shared(cache, table, *names):
    """Read until Redis has answered for all of them."""
    for _ in range(1_000):
        cache.memory.forget_all()
        answers = await read(cache, table, *names)
        if {one.state for one in answers} == {State.SHARED}:
            return [one.value for one in answers]
        await asyncio.sleep(0.005)
    raise AssertionError("never shared")


async def test_on_a_cluster(make, url):
    """Entries of one replica serve another; a write is heard before it is acknowledged."""
    table = Table(a="1", b="1")
    here, there = await make(url=url), await make(url=url)
    await read(here, table, "a", "b")
    assert await shared(there, table, "a", "b") == [b"1", b"1"]
    assert table.calls == [["a", "b"]]
    for number in range(2, 22):
        table.rows["a"] = str(number)
        assert await here.invalidate(["Row:a"]) is True
        for cache in (there, here):
            assert (await read(cache, table, "a"))[0].value == str(number).encode()
    assert (await read(there, table, "b"))[0].value == b"1"
    assert await here.invalidate_like("Row:*") == 2
    assert (await read(there, table, "b"))[0].state is not State.MEMORY


async def test_what_an_answer_shows_on_a_cluster(make, url):
    """The store reads the versions of tags that only the entries name."""
    here, there = await make(url=url), await make(url=url)
    source = Answers(7, 8)
    await source.read(here)
    await until(lambda: here._shared._keeper is None)
    assert await source.read(there) == (State.SHARED, b"1")
    await here.invalidate(["Row:9"])
    assert await source.read(there) == (State.MEMORY, b"1")
    await here.invalidate(["Row:8"])
    assert await source.read(there) == (State.MISS, b"2")


async def test_one_call_over_two_replicas(make, url):
    """Fifty readers on each side of a cluster: the source is asked once."""
    table = Table(hot="1")
    caches = [await make(url=url), await make(url=url)]
    table.gate.clear()
    readers = [asyncio.ensure_future(read(cache, table, "hot")) for cache in caches * 50]
    await until(lambda: table.calls)
    await asyncio.sleep(0.05)
    table.gate.set()
    answers = await asyncio.gather(*readers)
    assert {answer.value for (answer,) in answers} == {b"1"}
    assert table.calls == [["hot"]]


async def test_the_slot_moves_to_another_server(make, url, servers, prefix):
    """What was there is a miss or a hit; nothing fails, and it is used again where it is now."""
    table = Table(a="1")
    cache = await make(url=url, options=FAST)
    await read(cache, table, "a")
    key = b"{%b}:state" % prefix.encode()
    place = owner(prefix.encode())
    slot = servers[0].ask("CLUSTER", "KEYSLOT", key)
    target = servers[(place + 1) % 3]

    def moved():
        servers[place].ask("FLUSHALL")  # a server keeps a slot in which it has keys
        for server in servers:
            server.ask("CLUSTER", "SETSLOT", slot, "NODE", node_id(target))
        return True

    await asyncio.to_thread(eventually, moved)
    table.rows["a"] = "2"
    await until_told(cache)
    assert (await read(cache, table, "a"))[0].value == b"2"
    assert await shared(cache, table, "a") == [b"2"]


async def until_told(cache):
    for _ in range(500):
        if await cache.invalidate(["Row:a"]):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("never told")


@pytest.mark.timeout(90)
async def test_behind_sentinels(make, tmp_path):
    """The primary dies: reads go on from the source; then the promoted replica is used."""
    with watched_pair(tmp_path) as ((first, _), watchers):
        hosts = ",".join(f"127.0.0.1:{watcher.port}" for watcher in watchers)
        table = Table(a="1")
        cache = await make(url=f"redis+sentinel://{hosts}/state", options=FAST)
        await read(cache, table, "a")
        assert await shared(cache, table, "a") == [b"1"]
        first.kill()
        assert {(await read(cache, table, "a"))[0].value for _ in range(20)} == {b"1"}
        await until(lambda: cache.leased, seconds=60)
        table.rows["a"] = "2"
        await until_told(cache)
        assert (await read(cache, table, "a"))[0].value == b"2"
        assert await shared(cache, table, "a") == [b"2"]
