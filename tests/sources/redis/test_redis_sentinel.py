"""The adapter behind real sentinels."""

from __future__ import annotations

import asyncio

import pytest
from sources.redis.servers import watched_pair
from state.cabinet import cabinet

from gateway.errors import ConfigurationError, SourceError
from gateway.sources.contract import Budget
from gateway.sources.redis import RedisSource


@pytest.fixture
def pair(tmp_path):
    with watched_pair(tmp_path) as running:
        yield running


async def test_writes_follow_a_failover(pair):
    """The primary dies: typed errors, then the promoted replica takes over what was replicated."""
    (first, second), watchers = pair
    hosts = ",".join(f"127.0.0.1:{watcher.port}" for watcher in watchers)
    async with cabinet(f"redis+sentinel://{hosts}/state", "p:", socket_timeout=0.5) as store:
        assert await store.change('incrementState(namespace: NOTES, key: "n")') == "1"
        assert first.ask("GET", "p:n:n") == b"1"
        first.ask("WAIT", 1, 10_000)
        first.kill()
        body = await store.ask('{ state(namespace: NOTES) { counter(key: "n") } }', seconds=2.0)
        assert body["errors"][0]["extensions"]["code"] in {"SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"}
        for _ in range(600):
            body = await store.ask('mutation { incrementState(namespace: NOTES, key: "n") }')
            if "errors" not in body:
                break
            await asyncio.sleep(0.05)
        assert int(body["data"]["incrementState"]) >= 2
        assert second.ask("GET", "p:n:n") == body["data"]["incrementState"].encode()
        assert await store.state('counter(key: "n")') == {"counter": body["data"]["incrementState"]}


async def test_a_service_that_nobody_knows(pair):
    """Not reachable, and never another service's server."""
    _, watchers = pair
    source = RedisSource("state", f"redis+sentinel://127.0.0.1:{watchers[0].port}/other")
    with pytest.raises((SourceError, ConfigurationError)):
        await source.open()
    assert not (await source.check(Budget(asyncio.get_running_loop().time() + 2))).ready
    await source.close()


async def test_sentinels_that_are_away():
    """An error in time."""
    source = RedisSource("state", "redis+sentinel://127.0.0.1:1,127.0.0.1:2/state")
    with pytest.raises(SourceError):
        await source.open()
    await source.close()
