"""Redis away, silent, full, read-only: typed errors of the fields concerned, in time."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from redis.asyncio import Redis
from state.cabinet import cabinet

from gateway.embedded import start
from gateway.errors import SourceTimeout, SourceUnavailable

READ = '{ state(namespace: NOTES) { get(key: "v") } }'
WRITE = 'mutation { incrementState(namespace: NOTES, key: "n") }'


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """An engine to be harmed."""
    with start(tmp_path_factory.mktemp("harmed"), names=("valkey",), durable=False) as engines:
        yield engines


@pytest.fixture
async def store(own):
    async with cabinet(own.urls.redis, f"{uuid.uuid4().hex}:", socket_timeout=0.3) as made:
        yield made


@pytest.fixture
async def client(own):
    async with Redis.from_url(own.urls.redis) as connection:
        yield connection


def code(body):
    (error,) = body["errors"]
    return error["extensions"]["code"]


async def comes_back(store):
    """It answers again by itself."""
    for _ in range(100):
        if "errors" not in await store.ask(READ):
            return
        await asyncio.sleep(0.05)
    pytest.fail("the source did not recover")


async def test_killed_and_started_again(own, store):
    """Every field says that Redis is away; nothing hangs; back up, it serves without a restart."""
    await store.change('setState(namespace: NOTES, key: "v", value: 1) { stored }')
    own.processes["valkey"].kill()
    try:
        for _ in range(10):
            assert code(await store.ask(READ)) in {"SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"}
            assert code(await store.ask(WRITE)) in {"SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"}
    finally:
        own.restart("valkey")
    await comes_back(store)


async def test_silent(own, store):
    """A frozen server costs its bound once or a few times, and after that nothing."""
    await store.state('get(key: "v")')
    own.processes["valkey"].freeze()
    try:
        bodies = [await store.ask(READ, seconds=2.0) for _ in range(3)]
        assert code(bodies[0]) == "SOURCE_TIMEOUT"
        assert {code(body) for body in bodies} <= {"SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"}
        before = store.source._turns.sent
        bodies = await asyncio.gather(*(store.ask(READ, seconds=2.0) for _ in range(50)))
        assert {code(body) for body in bodies} <= {"SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"}
        assert store.source._turns.sent <= before + 1
    finally:
        own.processes["valkey"].thaw()
    await comes_back(store)


async def test_a_write_is_never_made_twice(own, store, client):
    """A write whose answer did not come may have been made, but once only."""
    key = f"{store.prefix}n:n"
    await store.state('get(key: "v")')
    own.processes["valkey"].freeze()
    try:
        assert code(await store.ask(WRITE, seconds=2.0)) == "SOURCE_TIMEOUT"
    finally:
        own.processes["valkey"].thaw()
    await comes_back(store)
    assert await client.get(key) in {None, b"1"}


async def test_callers_that_leave(own, store):
    """Cancelled while Redis is silent: at once, and the connections are not lost."""
    await store.state('get(key: "v")')
    own.processes["valkey"].freeze()
    try:
        tasks = [asyncio.create_task(store.ask(READ)) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        own.processes["valkey"].thaw()
    await comes_back(store)
    answers = await asyncio.gather(*(store.state('get(key: "v")') for _ in range(50)))
    assert answers == [{"get": None}] * 50


async def test_out_of_memory(store, client):
    """Writes are refused as such; what is stored is read, and deleted, all the same."""
    await store.change('setState(namespace: NOTES, key: "v", value: 1) { stored }')
    await client.config_set("maxmemory", "1")
    try:
        for field in (
            WRITE,
            'mutation { setState(namespace: NOTES, key: "w", value: 2) { stored } }',
        ):
            assert code(await store.ask(field)) == "SOURCE_OVERLOADED"
        assert await store.state('get(key: "v")') == {"get": 1}
        assert await store.change('deleteState(namespace: NOTES, keys: ["v"])') == 1
    finally:
        await client.config_set("maxmemory", "0")
    assert await store.change('incrementState(namespace: NOTES, key: "n")') == "1"


async def test_read_only(store, client):
    """A replica reads, and says that it takes no writes."""
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        body = await store.ask(WRITE)
        assert code(body) == "SOURCE_UNAVAILABLE"
        assert "takes no writes" in body["errors"][0]["message"]
        assert await store.state('get(key: "v")') == {"get": None}
    finally:
        await client.execute_command("REPLICAOF", "NO", "ONE")


async def test_no_permission(own, client):
    """An ACL that forbids a command costs that command, and names neither user nor key."""
    await client.execute_command(
        "ACL", "SETUSER", "narrow", "on", ">pass", "~*", "+@all", "-incrby", "-mget"
    )
    url = own.urls.redis.replace("//", "//narrow:pass@")
    async with cabinet(url, f"{uuid.uuid4().hex}:") as store:
        body = await store.ask(WRITE)
        assert code(body) == "SOURCE_ERROR"
        assert "narrow" not in str(body)
        body = await store.ask(
            '{ state(namespace: NOTES) { getMany(keys: ["a", "b"]) get(key: "a") } }'
        )
        assert body["data"] == {"state": {"getMany": [None, None], "get": None}}
        assert [error["path"] for error in body["errors"]] == [
            ["state", "getMany", 0],
            ["state", "getMany", 1],
        ]


async def test_closing_tells_who_waits(own):
    """Nobody is left waiting for a source that is closed."""
    async with cabinet(own.urls.redis, "x:", socket_timeout=20) as store:
        await store.state('get(key: "v")')
        own.processes["valkey"].freeze()
        try:
            deadline = asyncio.get_running_loop().time() + 20
            asking = [
                asyncio.create_task(store.source._turns.ask([b"k"], (), deadline))
                for _ in range(30)
            ]
            for _ in range(5):
                await asyncio.sleep(0)
            await store.source.close()
            async with asyncio.timeout(5):
                outcomes = await asyncio.gather(*asking, return_exceptions=True)
        finally:
            own.processes["valkey"].thaw()
    assert {type(outcome) for outcome in outcomes} <= {SourceUnavailable, SourceTimeout}
