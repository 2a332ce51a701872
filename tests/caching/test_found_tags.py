"""Answers that say themselves what they show: kept under tags that nobody knew beforehand."""

from __future__ import annotations

import asyncio

import pytest
from caching.conftest import SHOWN_KEY, Answers, in_redis, until

from gateway.caching.answers import State
from gateway.sources.cache import Sought


async def settled(cache):
    """Wait until what there is to store is stored."""
    await until(lambda: cache._shared._keeper is None)


@pytest.fixture
async def nodes(make):
    """Two caches over one store."""
    return await make(), await make()


async def test_the_rows_it_shows_end_it(nodes):
    """In memory and in Redis, on the node that invalidates and on the other."""
    here, there = nodes
    source = Answers(7, 8)
    await source.read(here)
    await settled(here)
    assert await source.read(there) == (State.SHARED, b"1")
    await here.invalidate(["Row:9", "Row[]"])
    for cache in nodes:
        assert await source.read(cache) == (State.MEMORY, b"1")
        cache.memory.forget_all()
        assert await source.read(cache) == (State.SHARED, b"1")
    await there.invalidate(["Row:8", "Row[]"])
    assert await source.read(here) == (State.MISS, b"2")
    await settled(here)
    assert await source.read(there) == (State.SHARED, b"2")


@pytest.mark.parametrize("tag", ["Row:7", "Row:9", "Row[]", "Row", "*"])
@pytest.mark.parametrize("alone", [True, False])
async def test_what_changes_on_the_way_is_not_kept(make, alone, tag):
    """Any row of the type may be one that it shows: it is answered, and read anew by the next."""
    cache, source = await make(alone=alone), Answers(7)
    source.gate.clear()
    reading = asyncio.ensure_future(source.read(cache))
    await until(lambda: source.calls)
    await cache.invalidate([tag])
    source.gate.set()
    assert await reading == (State.MISS, b"1")
    if not alone:
        await settled(cache)
        assert not await in_redis(cache, SHOWN_KEY)
    assert await source.read(cache) == (State.MISS, b"2")


async def test_what_another_node_changes_on_the_way_is_not_kept(nodes):
    """Neither here nor in Redis."""
    here, there = nodes
    source = Answers(7)
    source.gate.clear()
    reading = asyncio.ensure_future(source.read(here))
    await until(lambda: source.calls)
    await there.invalidate(["Row:7"])
    source.gate.set()
    await reading
    await settled(here)
    for cache, value in zip(nodes, (b"2", b"2"), strict=True):
        assert (await source.read(cache))[1] == value
        await settled(cache)


async def test_a_change_that_is_heard_before_what_was_found_is_not_missed(nodes, monkeypatch):
    """An entry leaves Redis, its row is changed, and then it arrives: not into memory."""
    here, there = nodes
    source = Answers(7)
    await source.read(here)
    await settled(here)
    look = there._shared.look

    async def late(wanted):
        found = await look(wanted)
        await here.invalidate(["Row:7"])
        return found

    with monkeypatch.context() as patched:
        patched.setattr(there._shared, "look", late)
        assert await source.read(there) == (State.SHARED, b"1")
    assert await source.read(there) == (State.MISS, b"2")


async def test_a_version_that_is_lost_ends_it(nodes):
    """Redis may forget any tag: what had it is no more."""
    here, there = nodes
    source = Answers(7, 8)
    await source.read(here)
    await settled(here)
    await here.store._one("DEL", here.store._tag("Row:8"))
    assert await source.read(there) == (State.MISS, b"2")


@pytest.mark.parametrize("place", [-1, -9])
async def test_a_version_that_was_changed_ends_it(nodes, place):
    """The store compares each of them."""
    here, there = nodes
    source = Answers(7, 8)
    await source.read(here)
    await settled(here)
    name = here.store._entry(SHOWN_KEY)
    data = bytearray(await here.store._one("GET", name))
    data[place] ^= 1
    await here.store._one("SET", name, bytes(data), "KEEPTTL")
    assert await source.read(there) == (State.MISS, b"2")


async def test_tags_outlive_what_was_found_with_them(nodes):
    """Else an entry would end before its time."""
    here, _ = nodes
    await Answers(7).read(here)
    await settled(here)
    left = [
        await here.store._one("PTTL", name)
        for name in (here.store._entry(SHOWN_KEY), here.store._tag("Row:7"))
    ]
    assert 0 < left[0] < left[1]


@pytest.mark.parametrize("pattern", ["Row:*", "R*7", "Row?7", "?ow:7", "*:7", "R*"])
async def test_a_pattern_reaches_rows_that_are_being_read(make, pattern):
    """Nobody has their tags yet."""
    cache, source = await make(), Answers(7)
    source.gate.clear()
    reading = asyncio.ensure_future(source.read(cache))
    await until(lambda: source.calls)
    await until(lambda: "Row[]" in cache.memory.tags())
    await cache.invalidate_like(pattern)
    source.gate.set()
    await reading
    assert await source.read(cache) == (State.MISS, b"2")


async def test_more_tags_than_an_entry_takes_stay_here(nodes):
    """It is kept in memory alone."""
    here, there = nodes
    source = Answers(*range(600))
    await source.read(here)
    await settled(here)
    assert await source.read(here) == (State.MEMORY, b"1")
    assert await source.read(there) == (State.MISS, b"2")


async def test_tags_are_kept_for_twice_as_long_as_asked(nodes):
    """So that few readers must see to it; but whoever needs more gets more, before and after."""
    store = nodes[0].store
    name = store._tag("Row:9")

    async def left_after(milliseconds):
        wanted = [Sought(b"k" * 20, (1,), 0)]
        await store._one("DEL", store._lock(b"k" * 20))
        times = {"now_ms": 0, "tag_ms": milliseconds, "lock_ms": 1_000}
        await store.look(["Row:9"], wanted, b"t" * 8, **times)
        return await store._one("PTTL", name)

    assert 30_000 < await left_after(20_000) <= 40_000
    assert await left_after(15_000) <= 40_000
    assert 60_000 < await left_after(50_000) <= 100_000
    await store.bump(["Row:9"], "here")
    assert 30_000 < await left_after(20_000) <= 40_000
    await store._one("DEL", name)  # lost, and nobody was told
    assert 30_000 < await left_after(20_000) <= 40_000
