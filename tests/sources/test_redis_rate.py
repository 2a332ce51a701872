"""The rate as Redis counts it: what passes, what waits, and for how long."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from gateway.embedded import start
from gateway.errors import SourceError
from gateway.sources.redis.ratelimit import RedisRate

_clients = itertools.count(1)


@pytest.fixture
def client():
    return f"rate-test-{next(_clients)}"


@pytest.fixture
async def make(redis_url):
    made = []

    def one(requests=3, seconds=3_000.0, burst=3, url=redis_url, timeout=10.0):
        rate = RedisRate(
            "rate",
            url,
            requests=requests,
            seconds=seconds,
            burst=burst,
            timeout=timeout,
            connect_timeout=timeout,
        )
        made.append(rate)
        return rate

    yield one
    for rate in made:
        await rate.close()


async def test_a_burst_passes_and_the_next_one_waits(make, client):
    """As many as may come at once; then the wait is the time of one request, and it is no debt."""
    rate = make()
    assert [await rate.take(client, 1) for _ in range(3)] == [0, 0, 0]
    for _ in range(5):
        assert 900 < await rate.take(client, 1) <= 1_000


async def test_clients_do_not_share(make, client):
    """One that used up its own leaves the others theirs."""
    rate = make()
    await rate.take(client, 3)
    assert await rate.take(client, 1)
    assert not await rate.take(f"{client}-other", 1)


async def test_replicas_share(make, client):
    """Two gateways count together, and at once: of many none passes too many."""
    one, other = make(requests=10, burst=10), make(requests=10, burst=10)
    waits = await asyncio.gather(*(rate.take(client, 1) for rate in (one, other) * 20))
    assert waits.count(0) == 10


async def test_several_count_as_several(make, client):
    """A batch passes as a whole or not at all; one larger than a burst counts as a burst."""
    rate = make()
    assert not await rate.take(client, 2)
    assert await rate.take(client, 2)
    assert not await rate.take(client, 1)
    assert not await rate.take(f"{client}-more", 50)
    assert await rate.take(f"{client}-more", 1)


async def test_time_gives_back(make, client):
    """What was used up comes back, one request after the other, at the rate."""
    rate = make(requests=1_000, seconds=10.0, burst=1)
    assert not await rate.take(client, 1)
    wait = await rate.take(client, 1)
    while wait:
        assert wait <= 0.01
        wait = await rate.take(client, 1)


async def test_keys_go_by_themselves(make, client, redis_url):
    """A client that stays away leaves nothing behind."""
    from redis.asyncio import Redis  # noqa: PLC0415 - the test looks behind the adapter

    await make(requests=1, seconds=5.0, burst=1).take(client, 1)
    async with Redis.from_url(redis_url) as store:
        left = await store.pttl(f"plait:rate:{client}")
    assert 0 < left <= 5_001


async def test_a_server_that_is_away_or_lost_its_scripts(tmp_path, make, client):
    """A restart costs nothing but the counts; without a server it is an error, in time."""
    with start(tmp_path, names=("valkey",), durable=False) as engines:
        rate = make(url=engines.urls.redis, timeout=5.0)
        assert not await rate.take(client, 3)
        from redis.asyncio import Redis  # noqa: PLC0415 - the test looks behind the adapter

        async with Redis.from_url(engines.urls.redis) as store:
            await store.script_flush()
        assert await rate.take(client, 1)
    with pytest.raises(SourceError):
        await rate.take(client, 1)
