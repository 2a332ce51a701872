"""Channels: what is published is heard, and what may have been missed is told."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from gateway.embedded import start
from gateway.errors import SourceError, SourceUnavailable
from gateway.sources.redis import RedisSource


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with start(tmp_path_factory.mktemp("messages"), names=("valkey",), durable=False) as engines:
        yield engines


@pytest.fixture
async def client(own):
    async with Redis.from_url(own.urls.redis) as connection:
        yield connection


@pytest.fixture
async def source(own):
    subject = RedisSource("state", own.urls.redis, socket_timeout=1.0)
    yield subject
    await subject.close()


def soon(seconds=10.0):
    return asyncio.get_running_loop().time() + seconds


async def take(listener, count):
    """The next messages."""
    async with asyncio.timeout(20):
        return [await anext(listener) for _ in range(count)]


async def test_listeners_hear_their_patterns(source, client):
    """All that is published after the block began, in order, and nothing of other channels."""
    async with AsyncExitStack() as stack:
        news = await stack.enter_async_context(source.channels.listen("news:*", deadline=soon()))
        also = await stack.enter_async_context(source.channels.listen("news:*", deadline=soon()))
        one = await stack.enter_async_context(source.channels.listen("news:1", deadline=soon()))
        for number in range(50):
            await client.publish(f"news:{number % 5}", str(number))
            await client.publish("other", "x")
        expected = [(f"news:{number % 5}", str(number).encode()) for number in range(50)]
        for listener in (news, also):
            heard = await take(listener, 50)
            assert [(one.channel, one.data) for one in heard] == expected
            assert not any(one.gap for one in heard)
        assert [message.data for message in await take(one, 10)] == [
            str(number).encode() for number in range(1, 50, 5)
        ]
    for _ in range(500):
        if not await client.pubsub_numpat():
            return
        await asyncio.sleep(0.01)
    pytest.fail("the patterns are still subscribed to")


async def test_listeners_that_come_as_the_last_one_goes(source, client):
    """The connection's end and its new beginning do not meet."""
    for number in range(20):
        async with source.channels.listen("brief", deadline=soon()) as listener:
            await client.publish("brief", str(number))
            (message,) = await take(listener, 1)
            assert message.data == str(number).encode()


async def test_one_connection_for_all(source, client):
    """A thousand listeners are one client of the server."""
    before = len(await client.client_list())
    async with AsyncExitStack() as stack:
        listeners = [
            await stack.enter_async_context(
                source.channels.listen(f"many:{number % 10}", deadline=soon())
            )
            for number in range(1_000)
        ]
        assert len(await client.client_list()) == before + 1
        await client.publish("many:3", "x")
        (message,) = await take(listeners[993], 1)
        assert message.data == b"x"


async def test_a_slow_listener_is_told_of_its_gap(source, client):
    """The oldest messages go; the next one says so; others are not concerned."""
    async with (
        source.channels.listen("slow", deadline=soon(), buffer=5) as slow,
        source.channels.listen("slow", deadline=soon()) as quick,
    ):
        for number in range(12):
            await client.publish("slow", str(number))
        assert len(await take(quick, 12)) == 12
        heard = await take(slow, 5)
        assert [message.data for message in heard] == [b"7", b"8", b"9", b"10", b"11"]
        assert [message.gap for message in heard] == [True, False, False, False, False]


async def test_a_lost_connection(source, client):
    """It is made anew by itself, and the first message after it says that some may be missing."""
    async with source.channels.listen("lost", deadline=soon()) as listener:
        await client.publish("lost", "1")
        assert not (await take(listener, 1))[0].gap
        await client.client_kill_filter(_type="pubsub")
        for _ in range(400):
            if await client.publish("lost", "2"):
                break
            await asyncio.sleep(0.02)
        (message,) = await take(listener, 1)
        assert (message.data, message.gap) == (b"2", True)


async def test_a_server_that_dies_and_comes_back(own, source):
    """Listening goes on through kill -9 and a restart."""
    async with source.channels.listen("dead", deadline=soon()) as listener:
        own.processes["valkey"].kill()
        own.restart("valkey")
        async with Redis.from_url(own.urls.redis) as client:
            for _ in range(500):
                if await client.publish("dead", "x"):
                    break
                await asyncio.sleep(0.02)
        (message,) = await take(listener, 1)
        assert message.gap


async def test_nobody_there():
    """Listening raises in time where the server does not confirm."""
    source = RedisSource("state", "redis://127.0.0.1:1/0")
    with pytest.raises(SourceUnavailable):
        async with source.channels.listen("x", deadline=soon(0.3)):
            pytest.fail("there is no server")
    await source.close()


async def test_closing_ends_listeners(source):
    """They are told, and do not wait for ever."""
    async with source.channels.listen("end", deadline=soon()) as listener:
        waiting = asyncio.create_task(anext(listener))
        await asyncio.sleep(0)
        await source.close()
        with pytest.raises(SourceError):
            await asyncio.wait_for(waiting, 5)
