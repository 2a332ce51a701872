"""A store that has gone back, by a snapshot or a replica that lagged, gives nothing of before."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest
from caching.conftest import Table, in_redis, read, until, want
from redis.asyncio import Redis

from gateway.caching.answers import State
from gateway.caching.assembly import Options, make_cache
from gateway.embedded import start
from gateway.sources.redis.cache import RedisCacheStore

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.embedded import Engines

TAKE = """
local kept = {}
for _, name in ipairs(redis.call('KEYS', ARGV[1])) do
  kept[#kept + 1] = name
  kept[#kept + 1] = redis.call('DUMP', name)
end
return kept
"""
BRING_BACK = """
for _, name in ipairs(redis.call('KEYS', ARGV[1])) do
  redis.call('DEL', name)
end
for n = 2, #ARGV, 2 do
  redis.call('RESTORE', ARGV[n], 60000, ARGV[n + 1])
end
"""


class Snapshot:
    """All keys of a prefix as they are at one moment."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self.client = client
        self.pattern = b"{%b}:*" % prefix.encode()
        self.kept: list[bytes] = []

    async def take(self):
        self.kept = await self.client.eval(TAKE, 0, self.pattern)

    async def bring_back(self):
        """What a crashed server has read anew, or a promoted replica has."""
        await self.client.eval(BRING_BACK, 0, self.pattern, *self.kept)


class OlderData:
    """The data of an embedded Valkey as they are at one moment."""

    def __init__(self, engines: Engines, kept: Path) -> None:
        self.engines = engines
        self.data = engines.folder / "valkey" / "appendonlydir"
        self.kept = kept
        shutil.copytree(self.data, kept)

    def start(self):
        """Kill the server, and start it on these; a last line that was cut short is left out."""
        self.engines.processes["valkey"].kill()
        shutil.rmtree(self.data)
        self.kept.rename(self.data)
        self.engines.restart("valkey")


@pytest.fixture
async def snapshot(engines, prefix):
    async with Redis.from_url(engines.urls.redis) as client:
        yield Snapshot(client, prefix)


async def stored(cache, name):
    for _ in range(1_000):
        if await in_redis(cache, want(name).key):
            return
    raise AssertionError("never stored")


@pytest.mark.parametrize("way", ["memory", "shared"])
async def test_an_invalidation_that_the_store_forgot(make, snapshot, way):
    """Whoever heard of it takes nothing older, and then nobody does: not even a new replica."""
    table = Table(a="old", b="b")
    here, there = await make(), await make()
    await read(here, table, "a", "b")
    await stored(here, "a")
    await snapshot.take()
    table.rows["a"] = "new"
    assert await here.invalidate(["Row:a"]) is True
    await snapshot.bring_back()
    for cache in (there, here):
        if way == "shared":
            cache.memory.forget_all()
        assert (await read(cache, table, "a"))[0].value == b"new"
    late = await make()
    assert (await read(late, table, "a"))[0].value == b"new"


async def test_the_lease_tells_of_it_too(make, snapshot):
    """Nobody looks anything up: the next renewal of one who knows ends what came back."""
    table = Table(a="old")
    here = await make()
    await read(here, table, "a")
    await stored(here, "a")
    await snapshot.take()
    await here.invalidate(["Row:a"])
    epoch = here._coherence._epoch
    await snapshot.bring_back()
    await until(lambda: here._coherence._epoch not in {epoch, ""})
    table.rows["a"] = "new"
    late = await make()
    (answer,) = await read(late, table, "a")
    assert (answer.value, answer.state) == (b"new", State.MISS)


async def test_a_write_into_a_store_that_went_back(make, snapshot):
    """The invalidation itself finds it: what it does not name ends as well."""
    table = Table(a="old", b="b")
    here = await make()
    await read(here, table, "a")
    await stored(here, "a")
    await snapshot.take()
    table.rows["a"] = "new"
    for _ in range(3):
        await here.invalidate(["Row:a"])
    await here._coherence.close()  # no renewal of this node comes in between
    await snapshot.bring_back()
    assert await here.invalidate(["Row:b"]) is True
    late = await make()
    assert (await read(late, table, "a"))[0].value == b"new"


async def test_a_store_that_went_on_is_believed(make):
    """Numbers only grow: of ordinary writes nothing but what they name ends."""
    table = Table(a="1", b="2")
    here, there = await make(), await make()
    await read(here, table, "a", "b")
    await stored(here, "b")
    for _ in range(20):
        await here.invalidate(["Row:a"])
        await there.invalidate(["Row:a"])
    epochs = {here._coherence._epoch, there._coherence._epoch}
    there.memory.forget_all()
    assert (await read(there, table, "b"))[0].state is State.SHARED
    assert len(epochs) == 1


@pytest.fixture
def own(tmp_path):
    """A Valkey for one test, whose data are put back."""
    with start(tmp_path, names=("valkey",), durable=False) as engines:
        yield engines


async def neighbour(stack, url, prefix):
    """Another cache on the same server, in full use: what the server learns of it says nothing."""
    made = make_cache(Options(), RedisCacheStore("cache", url, prefix=prefix, timeout=5.0))
    stack.push_async_callback(made.close)
    await read(made, Table(a="1"), "a")
    await until(lambda: made.leased)
    assert await made.invalidate(["Row:a"]) is True


@pytest.mark.parametrize("first", ["looks", "invalidates", "listens"])
async def test_nobody_is_left_who_heard_of_it(make, own, stack, tmp_path, prefix, first):  # noqa: PLR0913, PLR0917 - all that takes part
    """A server that starts from older data gives nothing of them, whoever comes to it first."""
    table = Table(a="old", b="b")
    here, there = [await make(url=own.urls.redis) for _ in range(2)]
    await read(here, table, "a", "b")
    await stored(here, "a")
    await there._coherence.close()
    older = OlderData(own, tmp_path / "kept")
    table.rows["a"] = "new"
    assert await here.invalidate(["Row:a"]) is True
    await here.close()
    await asyncio.to_thread(older.start)
    await neighbour(stack, own.urls.redis, f"{prefix}-next")
    await neighbour(stack, own.urls.redis.removesuffix("/0") + "/1", prefix)
    if first == "looks":
        assert (await read(there, table, "a"))[0].value == b"new"
    elif first == "invalidates":
        assert await there.invalidate(["Row:b"]) is True
    late = await make(url=own.urls.redis)
    assert (await read(late, table, "a"))[0].value == b"new"


async def test_the_same_server_is_not_taken_for_another(make, own):
    """Scripts that it has forgotten are learnt again, and what is there is served."""
    table = Table(a="1")
    here, there = [await make(url=own.urls.redis) for _ in range(2)]
    await read(here, table, "a")
    await stored(here, "a")
    async with Redis.from_url(own.urls.redis) as client:
        await client.script_flush()
    assert (await read(there, table, "a"))[0].state is State.SHARED
    late = await make(url=own.urls.redis)
    assert (await read(late, table, "a"))[0].state is State.SHARED
