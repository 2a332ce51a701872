"""Engines that are killed under a load, and the locks of the cache."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp

from bench.soak_stage import Load, Row, asked, p99_ms
from gateway.caching.answers import Want
from gateway.caching.assembly import Options, make_cache
from gateway.caching.key import entry_key
from gateway.caching.policy import Policy
from gateway.sources.redis.cache import RedisCacheStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bench.servers import Server
    from bench.soak_stage import Stage
    from gateway.caching.cache import Cache

SECONDS = 5.0
"""Before an engine is killed, without it, and after."""
MORE_MS = 50.0
BACK_SECONDS = 1.0
PAUSES, AT_ONCE = 1_000, 50
TTL = 0.02


async def redis_loss(stage: Stage) -> AsyncIterator[Row]:
    """The cache's Redis is killed, and comes back."""
    document = "query ($first: Int!) { trends(first: $first) { nodes { id title } } }"
    bodies = [asked(document, first=1 + number) for number in range(40)]
    async with stage.plait(PLAIT_CACHE_ENABLED="true") as server:
        load = Load([server.url], bodies)
        async with load.running():
            await asyncio.sleep(2)
            begun = time.monotonic()
            await asyncio.sleep(SECONDS)
            killed = time.monotonic()
            await asyncio.to_thread(stage.engines.processes["valkey"].kill)
            await asyncio.sleep(SECONDS)
            await stage.restart("valkey")
            back = time.monotonic()
            seconds = await _ready(server, ("redis", "cache"))
            await asyncio.sleep(SECONDS)
    failed = sum(not answer.whole for answer in load.answers)
    before, without = p99_ms(load.between(begun, killed)), p99_ms(load.between(killed, back))
    total = len(load.answers)
    yield Row("redis-loss", f"{total:,} requests, kill -9", f"{failed} failed", "0", not failed)
    yield Row(
        "redis-loss",
        "p99 before, and without it",
        f"{before:.1f} → {without:.1f} ms",
        "+ ≤ 50 ms",
        without <= before + MORE_MS,
    )
    yield Row(
        "redis-loss",
        "used again after its start",
        f"within {seconds:.2f} s",
        "≤ 1 s",
        seconds <= BACK_SECONDS,
    )


async def _ready(server: Server, names: Sequence[str]) -> float:
    """Seconds until these sources are ready by the gateway's own word."""
    begun = time.monotonic()
    async with aiohttp.ClientSession() as client, asyncio.timeout(30):
        while True:
            async with client.get(server.url.replace(server.path, "/health/ready")) as response:
                sources = (await response.json())["sources"]
            if all(sources[name]["ready"] for name in names):
                return time.monotonic() - begun
            await asyncio.sleep(0.02)


async def postgres_loss(stage: Stage) -> AsyncIterator[Row]:
    """PostgreSQL is killed, and comes back."""
    document = "query ($id: ID!) { trend(id: $id) { id title topic { title } } }"
    bodies = [asked(document, id=str(1 + number)) for number in range(500)]
    async with stage.plait() as server:
        load = Load([server.url], bodies)
        async with load.running():
            await asyncio.sleep(2)
            killed = time.monotonic()
            await asyncio.to_thread(stage.engines.processes["postgres"].kill)
            await asyncio.sleep(2)
            await stage.restart("postgres")
            ready = time.monotonic()
            await asyncio.sleep(SECONDS)
    during = load.between(killed, ready)
    after = load.between(ready + BACK_SECONDS, time.monotonic())
    failed = sum(not answer.whole for answer in after)
    unanswered = sum(not answer.status for answer in during)
    last = max((one.begun - ready for one in load.answers if not one.whole), default=0.0)
    yield Row(
        "postgres-loss",
        f"kill -9; {len(after)} requests from 1 s after it is ready",
        f"{failed} failed; the last failure {last * 1000:+.0f} ms from ready",
        "0",
        not failed,
    )
    yield Row(
        "postgres-loss",
        f"{len(during)} requests without it",
        f"{unanswered} without an answer",
        "0",
        not unanswered,
    )


async def lock(stage: Stage) -> AsyncIterator[Row]:
    """Who fills, or warms, pauses until its lock is over, and somebody else has been there."""
    url = stage.engines.urls.redis
    stores = [RedisCacheStore("soak", url, prefix="plait:soak:lock", timeout=5.0) for _ in range(2)]
    options = Options(fill_seconds=TTL, lease_seconds=1.0, early_refresh=0.0, memory_bytes=0)
    paused, other = caches = [make_cache(options, store) for store in stores]
    stale = foreign = 0
    try:
        for one in caches:
            await one.open()
        for start in range(0, PAUSES, AT_ONCE):
            places = range(start, start + AT_ONCE)
            stale += sum(await asyncio.gather(*(_late_fill(paused, other, n) for n in places)))
            foreign += sum(await asyncio.gather(*(_late_release(stores, n) for n in places)))
    finally:
        for one in caches:
            await one.close()
    title = f"{PAUSES:,} holders that pause beyond their time"
    yield Row("lock", title, f"{stale} stale writes", "0", not stale)
    yield Row("lock", title, f"{foreign} released or extended others' locks", "0", not foreign)


async def _late_fill(paused: Cache, other: Cache, number: int) -> bool:
    """Whether what one read before its pause stands where another wrote what is newer."""
    want = Want(entry_key(b"soak", (), (number,)), (f"Soak:{number}",))
    policy = Policy(max_age=600.0)
    deadline = asyncio.get_running_loop().time() + 30
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def old(places: Sequence[int], _deadline: float) -> list[bytes]:
        reading.set()
        await go_on.wait()
        return [b'"old"' for _ in places]

    async def new(places: Sequence[int], _deadline: float) -> list[bytes]:
        return [b'"new"' for _ in places]

    late = asyncio.ensure_future(paused.fetch([want], policy, old, deadline))
    await reading.wait()
    await asyncio.sleep(2 * TTL)
    await other.invalidate([f"Soak:{number}"])
    await other.fetch([want], policy, new, deadline)
    go_on.set()
    await late
    found = [await one.fetch([want], policy, new, deadline) for one in (other, paused)]
    return any(b'"old"' in str(one).encode() for one in found)


async def _late_release(stores: Sequence[RedisCacheStore], number: int) -> bool:
    """Whether a lock that another has taken can be extended, or given up, by its last holder."""
    first, second = stores
    name, one, another = f"soak-{number}", "one", "another"
    if not await first.acquire(name, one, TTL):
        raise RuntimeError("a lock that nobody has was refused")
    await asyncio.sleep(2 * TTL)
    taken = await second.acquire(name, another, 30.0)
    touched = await first.extend(name, one, 30.0) or await first.release(name, one)
    kept = await second.release(name, another)
    return touched or not taken or not kept
