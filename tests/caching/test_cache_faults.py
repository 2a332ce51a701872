"""A sick store costs nothing but hits: Redis away, killed, frozen, full, read-only, and foreign."""

from __future__ import annotations

import asyncio
import logging

import pytest
from caching.conftest import Table, in_redis, read, until, want
from redis.asyncio import Redis

from gateway.caching.answers import State
from gateway.caching.assembly import Options
from gateway.embedded import start

FAST = Options(early_refresh=0.0, breaker_failures=2, breaker_seconds=0.2)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A Valkey for these tests alone."""
    with start(tmp_path_factory.mktemp("valkey"), names=("valkey",), durable=False) as engines:
        yield engines


@pytest.fixture
async def client(own):
    async with Redis.from_url(own.urls.redis) as connection:
        yield connection


def entry_name(prefix, name):
    return b"{%b}:e:%b" % (prefix.encode(), want(name).key.hex().encode())


async def test_away_from_the_start(make):
    """Nobody listens there: opened all the same, every read goes to the source."""
    table = Table(a="1")
    cache = await make(url="redis://127.0.0.1:1/0", lease=False, options=FAST)
    for _ in range(5):
        (answer,) = await read(cache, table, "a")
        assert (answer.value, answer.state) == (b"1", State.BYPASS)
    assert not cache.ready
    assert await cache.invalidate(["Row:a"]) is False


async def test_killed_under_load_and_back(make, own):
    """No read fails while it is gone, and it is used again soon after it is back."""
    table = Table(a="1", b="1")
    cache = await make(url=own.urls.redis, options=FAST)
    await read(cache, table, "a")
    answers = []
    stop = asyncio.Event()

    async def load():
        while not stop.is_set():
            answers.extend(await read(cache, table, "a", "b"))
            await asyncio.sleep(0.001)

    readers = [asyncio.ensure_future(load()) for _ in range(8)]
    own.processes["valkey"].kill()
    try:
        await until(lambda: sum(one.state is State.BYPASS for one in answers) > 100)
    finally:
        await asyncio.to_thread(own.restart, "valkey")
    await until(lambda: cache.leased)
    seen = len(answers)
    await until(lambda: State.MEMORY in {one.state for one in answers[seen:]})
    stop.set()
    await asyncio.gather(*readers)
    assert {one.value for one in answers} == {b"1"}


async def test_it_is_used_as_soon_as_the_lease_is_back(make, own):
    """Looks and stores alike: nobody waits for the breaker's next attempt, which is in an hour."""
    table = Table(a="1")
    hourly = Options(early_refresh=0.0, breaker_failures=2, breaker_seconds=3_600.0)
    cache = await make(url=own.urls.redis, options=hourly)
    own.processes["valkey"].kill()
    try:
        while cache.ready or cache._shared._writes.allows():
            assert (await read(cache, table, "a"))[0].value == b"1"
            cache._shared._writes.failed()  # what is not looked for is not stored either
        await until(lambda: not cache.leased)
        assert (await read(cache, table, "a"))[0].state is State.BYPASS
    finally:
        await asyncio.to_thread(own.restart, "valkey")
    await until(lambda: cache.leased)
    assert cache.ready
    assert (await read(cache, table, "a"))[0].state is State.MISS
    await until_stored(cache, "a")


async def test_the_log_says_that_it_is_gone_and_that_it_is_back(make, own, caplog):
    """Once each, and only after a second: a renewal that comes late harms nobody."""
    caplog.set_level(logging.INFO, "gateway.caching.coherence")

    def told():
        return [record.getMessage().partition(":")[2][:12] for record in caplog.records]

    cache = await make(url=own.urls.redis, options=FAST)
    own.processes["valkey"].kill()
    try:
        await until(lambda: not cache.leased)
        assert told() == []
        await until(lambda: told() == [" out of touc"])
    finally:
        await asyncio.to_thread(own.restart, "valkey")
    await until(lambda: cache.leased)
    assert told() == [" out of touc", " in touch wi"]


async def test_a_write_while_it_is_gone_is_made_up_for(make, own):
    """What could not be invalidated is not served here meanwhile, nor anywhere afterwards."""
    table = Table(a="old")
    here = await make(url=own.urls.redis, options=FAST)
    await read(here, table, "a")
    own.processes["valkey"].freeze()
    try:
        table.rows["a"] = "new"
        assert await here.invalidate(["Row:a"]) is False
        assert [one.value for one in await read(here, table, "a")] == [b"new"]
    finally:
        own.processes["valkey"].thaw()
    await until(lambda: here.leased and not here._coherence._owed)
    there = await make(url=own.urls.redis, options=FAST)
    for cache in (here, there):
        assert [one.value for one in await read(cache, table, "a")] == [b"new"]


async def test_a_silent_server(make, own):
    """Frozen: reads take the bounded time until the breaker opens, and then none of it."""
    table = Table(a="1")
    cache = await make(url=own.urls.redis, options=FAST, patience=0.05)
    own.processes["valkey"].freeze()
    try:
        clock = asyncio.get_running_loop().time
        for _ in range(3):
            assert (await read(cache, table, "a"))[0].value == b"1"
        await until(lambda: not cache.ready)
        begun = clock()
        answers = [(await read(cache, table, "a"))[0] for _ in range(200)]
        # One of them at most is the probe of its period: it alone waits.
        probes = 1 + (clock() - begun) / FAST.breaker_seconds
        assert clock() - begun < 0.05 * probes + 1.0
    finally:
        own.processes["valkey"].thaw()
    assert {one.value for one in answers} == {b"1"}
    await until(lambda: cache.leased)


async def test_a_full_server_still_reads_and_invalidates(make, own, client):
    """OOM: what is there is served, nothing new is kept, and a write still reaches everybody."""
    table = Table(a="1", b="1")
    here, there = await make(url=own.urls.redis), await make(url=own.urls.redis)
    await read(here, table, "a")
    await until_stored(here, "a")
    await client.config_set("maxmemory", "1mb")
    await client.config_set("maxmemory-policy", "noeviction")
    try:
        assert (await read(there, table, "a"))[0].state is State.SHARED
        assert (await read(there, table, "b"))[0].value == b"1"
        table.rows["a"] = "2"
        assert await here.invalidate(["Row:a"]) is True
        for cache in (here, there):
            assert (await read(cache, table, "a"))[0].value == b"2"
    finally:
        await client.config_set("maxmemory", "0")


async def test_a_read_only_server_still_reads(make, own, client):
    """A replica: entries are served under checked versions; a write that cannot tell says so."""
    table = Table(a="1", b="1")
    cache = await make(url=own.urls.redis, options=FAST)
    await read(cache, table, "a")
    await until_stored(cache, "a")
    # A replica of nothing: it keeps what it has, and refuses writes.
    await client.config_set("replica-serve-stale-data", "yes")
    await client.replicaof("127.0.0.1", "1")
    try:
        await until(lambda: not cache.leased)
        (a, b) = await read(cache, table, "a", "b")
        assert (a.value, a.state) == (b"1", State.SHARED)
        assert b.value == b"1"
        assert await cache.invalidate(["Row:a"]) is False
        assert (await read(cache, table, "a"))[0].state is State.BYPASS
    finally:
        await client.replicaof("NO", "ONE")
    await until(lambda: cache.leased and not cache._coherence._owed)


@pytest.mark.parametrize("harm", ["noise", "cut", "foreign", "empty"])
async def test_a_bad_entry_is_a_miss_and_is_replaced(make, own, client, prefix, harm):
    """Whatever stands under the key, the source answers, and the entry is good again."""
    table = Table(a="1", b="2")
    here, there = await make(url=own.urls.redis), await make(url=own.urls.redis)
    await read(here, table, "a", "b")
    await until_stored(here, "a", "b")
    good = await client.get(entry_name(prefix, "a"))
    bad = {
        "noise": b"\x00\xffnoise" * 20,
        "cut": good[:-1],
        "foreign": await client.get(entry_name(prefix, "b")),
        "empty": b"",
    }[harm]
    await client.set(entry_name(prefix, "a"), bad)
    (answer,) = await read(there, table, "a")
    assert (answer.value, answer.state) == (b"1", State.MISS)
    third = await make(url=own.urls.redis)
    await until_replaced(client, entry_name(prefix, "a"), bad)
    assert (await read(third, table, "a"))[0].state is State.SHARED


async def test_a_key_of_another_type_is_a_miss(make, own, client, prefix):
    """A list under the entry's key: MGET takes it for absent, and the fill overwrites it."""
    table = Table(a="1")
    cache = await make(url=own.urls.redis, options=Options(memory_bytes=0, early_refresh=0.0))
    await client.rpush(entry_name(prefix, "a"), "x")
    assert (await read(cache, table, "a"))[0].state is State.MISS
    await until_stored(cache, "a")
    assert (await read(cache, table, "a"))[0].state is State.SHARED


async def test_a_server_that_lost_everything(make, own, client):
    """FLUSHALL: entries, tags and leases are gone; nothing old comes back afterwards."""
    table = Table(a="1")
    here, there = await make(url=own.urls.redis), await make(url=own.urls.redis)
    await read(here, table, "a")
    await client.flushall()
    table.rows["a"] = "2"
    assert await there.invalidate(["Row:a"]) is True
    for cache in (here, there):
        assert (await read(cache, table, "a"))[0].value == b"2"


async def test_a_user_who_may_not_ask_which_server_it_is(make, own, client):
    """`INFO` is refused: entries are shared all the same."""
    rights = ("on", ">secret", "~*", "&*", "+@all", "-info")
    await client.execute_command("ACL", "SETUSER", "plain", *rights)
    url = own.urls.redis.replace("redis://", "redis://plain:secret@")
    table = Table(a="1")
    here, there = await make(url=url), await make(url=url)
    await client.script_flush()
    await read(here, table, "a")
    await until_stored(here, "a")
    assert (await read(there, table, "a"))[0].state is State.SHARED


async def test_odd_names(make, own):
    """Keys and tags with colons, spaces, braces, line ends and other scripts."""
    names = ["a:b", "a b", "{x}", "r\r\nGET k", "ключ", "鍵", "🔑", "*", "[a]", "\\"]
    table = Table(**dict.fromkeys(names, '"v"'))
    here, there = await make(url=own.urls.redis), await make(url=own.urls.redis)
    await read(here, table, *names)
    for name in names:
        table.rows[name] = '"w"'
        await there.invalidate([f"Row:{name}"])
        before = len(table.calls)
        assert [one.value for one in await read(here, table, *names)].count(b'"w"') == (
            names.index(name) + 1
        )
        assert table.calls[before:] == [[name]]


async def until_stored(cache, *names):
    keys = [want(name).key for name in names]
    for _ in range(1_000):
        if all([await in_redis(cache, key) for key in keys]):
            return
        await asyncio.sleep(0.002)
    raise AssertionError("never stored")


async def until_replaced(client, name, bad):
    for _ in range(1_000):
        if await client.get(name) != bad:
            return
        await asyncio.sleep(0.002)
    raise AssertionError("never replaced")
