"""The warm-up: one node at a time, its lock kept while it works, given up only by its owner."""

from __future__ import annotations

import asyncio

import pytest
from caching.conftest import until

from gateway.caching.warmup import LOCK, WarmUp
from gateway.errors import ConfigurationError
from gateway.sources.redis.cache import RedisCacheStore


@pytest.fixture
async def store(engines, prefix):
    made = RedisCacheStore("cache", engines.urls.redis, prefix=prefix, timeout=5.0)
    yield made
    await made.close()


class Work:
    """A round that ends when it is told to."""

    def __init__(self):
        self.begun = 0
        self.ended = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self):
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1


def warm_up(store, work, node, lock_seconds=30.0, interval=1.0):
    return WarmUp(
        store, work, node=node, interval=interval, lock_seconds=lock_seconds, hard_ttl=100.0
    )


async def test_one_node_at_a_time(store):
    """While one is at it another leaves at once; afterwards it may."""
    first, second = Work(), Work()
    running = asyncio.ensure_future(warm_up(store, first, "a").once())
    await until(lambda: first.begun)
    assert await warm_up(store, second, "b").once() is False
    first.go.set()
    assert await running is True
    second.go.set()
    assert await warm_up(store, second, "b").once() is True
    assert (first.ended, second.ended) == (1, 1)


async def test_the_lock_is_kept_while_the_work_lasts(store):
    """Work that takes many times the lock's time is still alone at its end."""
    work = Work()
    running = asyncio.ensure_future(warm_up(store, work, "a", lock_seconds=0.2).once())
    await until(lambda: work.begun)
    for _ in range(20):
        assert await store.acquire(LOCK, "b", 1.0) is False
        await asyncio.sleep(0.05)
    work.go.set()
    assert await running is True


async def test_a_lost_lock_aborts_the_round(store):
    """Somebody else has it: the work is cancelled, and their lock is left alone."""
    work = Work()
    running = asyncio.ensure_future(warm_up(store, work, "a", lock_seconds=0.2).once())
    await until(lambda: work.begun)
    assert await store.release(LOCK, "a")
    assert await store.acquire(LOCK, "b", 30.0)
    assert await running is False
    assert (work.ended, work.cancelled) == (0, 1)
    assert await store.extend(LOCK, "b", 30.0)


async def test_a_lock_that_is_ours_already(store):
    """The store took it, and its answer was lost: the next round need not wait for its end."""
    assert await store.acquire(LOCK, "a", 30.0)
    work = Work()
    work.go.set()
    assert await warm_up(store, work, "b").once() is False
    assert await warm_up(store, work, "a").once() is True
    assert await store.acquire(LOCK, "b", 30.0)


async def test_a_dead_holder_is_followed(store):
    """A node that died with the lock: another one finishes after its time."""
    assert await store.acquire(LOCK, "dead", 0.2)
    work = Work()
    work.go.set()
    other = warm_up(store, work, "b")
    for _ in range(500):
        if await other.once():
            break
        await asyncio.sleep(0.01)
    assert work.ended == 1


async def test_the_loop_goes_on_after_a_failure(store):
    """A round that fails is logged, and the next one comes."""
    rounds = []

    async def work():
        rounds.append(1)
        raise RuntimeError("no")

    loop = warm_up(store, work, "a", interval=0.01)
    loop.start()
    await until(lambda: len(rounds) > 2)
    await loop.close()
    assert await store.acquire(LOCK, "b", 1.0)


def test_the_interval_must_be_below_the_hard_ttl():
    """Start-up fails, naming both settings."""
    with pytest.raises(ConfigurationError, match=r"warmup_interval.*hard_ttl"):
        warm_up(None, Work(), "a", interval=100.0)
