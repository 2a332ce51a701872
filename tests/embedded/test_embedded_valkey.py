"""Valkey as the demo runs it."""

from __future__ import annotations

import signal

import pytest
from redis.asyncio import Redis

from gateway.embedded import start


@pytest.mark.parametrize(("durable", "sync"), [(True, "everysec"), (False, "no")])
async def test_what_is_acknowledged_is_written(folder, durable, sync):
    """An append-only file in either case; how often it is synced is the choice."""
    with start(folder, names=("valkey",), durable=durable) as engines:
        async with Redis.from_url(engines.urls.redis, decode_responses=True) as client:
            assert await client.config_get("appendonly") == {"appendonly": "yes"}
            assert await client.config_get("appendfsync") == {"appendfsync": sync}
            await client.set("kept", 1)
        engines.processes["valkey"].kill()
        engines.restart("valkey")
        async with Redis.from_url(engines.urls.redis) as client:
            assert await client.get("kept") == b"1"


async def test_only_loopback_is_listened_to(redis_url):
    """One address."""
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        assert await client.config_get("bind") == {"bind": "127.0.0.1"}


async def test_an_append_only_file_cut_short(folder):
    """A half-written last command costs that command only."""
    with start(folder, names=("valkey",)) as engines:
        async with Redis.from_url(engines.urls.redis) as client:
            await client.set("kept", 1)
    (file,) = (folder / "valkey" / "appendonlydir").glob("*.incr.aof")
    with file.open("ab") as aof:
        aof.write(b"*3\r\n$3\r\nSET\r\n$4\r\nhal")
    with start(folder, names=("valkey",)) as engines:
        async with Redis.from_url(engines.urls.redis) as client:
            assert await client.get("kept") == b"1"


async def test_it_is_ready_when_it_has_loaded(folder):
    """A start returns when the data is there, not when the port answers."""
    start(folder, names=("valkey",)).stop()
    (file,) = (folder / "valkey" / "appendonlydir").glob("*.incr.aof")
    commands = (b"*3\r\n$3\r\nSET\r\n$7\r\nk%06d\r\n$1\r\n1\r\n" % n for n in range(400_000))
    with file.open("ab") as aof:
        aof.write(b"".join(commands))
    with start(folder, names=("valkey",)) as engines:
        async with Redis.from_url(engines.urls.redis) as client:
            assert await client.get("k399999") == b"1"


async def test_its_own_stop_signal_is_enough(folder):
    """SIGTERM, which the kernel sends when the owner is killed, saves and ends."""
    with start(folder, names=("valkey",), durable=False) as engines:
        async with Redis.from_url(engines.urls.redis) as client:
            await client.set("kept", 1)
        process = engines.processes["valkey"]
        process.member.send(signal.SIGTERM)
        engines.restart("valkey")
        async with Redis.from_url(engines.urls.redis) as client:
            assert await client.get("kept") == b"1"
