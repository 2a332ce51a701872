"""The adapter on a real cluster of three servers."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio.cluster import RedisCluster
from sources.redis.servers import cluster, node_id, owner
from state.cabinet import cabinet

from gateway.errors import ConfigurationError, SourceError, SourceTimeout, SourceUnavailable
from gateway.sources.contract import Batch, Budget
from gateway.sources.redis import RedisSource
from gateway.sources.redis.blobs import RedisBlobs


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def url(servers):
    return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers[:2])


@pytest.fixture
async def store(url, request):
    async with cabinet(url, f"{request.node.name.partition('[')[0]}:", socket_timeout=1.0) as made:
        yield made


@pytest.fixture
async def client(servers):
    async with RedisCluster("127.0.0.1", servers[2].port) as connection:
        yield connection


async def counters(source, keys, seconds=10.0):
    """Bound counters of some entities."""
    prepared = source.prepare_bound("c:{id}", ["id"], "counter")
    deadline = asyncio.get_running_loop().time() + seconds
    return await source.execute(prepared, Batch(keys=keys), Budget(deadline))


async def test_values_of_all_servers(store, client):
    """Look-ups over many slots come back in the order of their keys."""
    keys = [(number,) for number in range(500)]
    for (number,) in keys:
        await client.set(f"c:{number}", number)
    assert await counters(store.source, keys) == [str(number).encode() for (number,) in keys]
    assert (await store.source.check(Budget(asyncio.get_running_loop().time() + 5))).ready


async def test_reads_and_writes(store):
    """Everything that names its keys works as on one server, over many slots."""
    entries = ", ".join(f'{{key: "k{number}", value: {number}}}' for number in range(60))
    assert await store.change(f"setStates(namespace: NOTES, entries: [{entries}])") == 60
    keys = ", ".join(f'"k{number}"' for number in range(60))
    found = await store.state(f'getMany(keys: [{keys}]) get(key: "k7") no: get(key: "no")')
    assert found == {"getMany": list(range(60)), "get": 7, "no": None}
    assert await store.change(f"deleteState(namespace: NOTES, keys: [{keys}])") == 60
    assert (
        await store.change(
            'setStateScores(namespace: NOTES, key: "z", entries: [{member: "p", score: 2}])'
        )
        == 1
    )


async def test_bytes_that_processes_share(url):
    """They lie on all servers, and come back in the order of their keys."""
    blobs = RedisBlobs("blobs", url, timeout=10.0)
    values = {f"blob:{number}": b"%d" % number for number in range(50)}
    await blobs.save(values, 60)
    assert await blobs.load([*values, "blob:none"]) == [*values.values(), None]
    await blobs.aclose()


async def test_pages_over_all_servers(store):
    """A scan goes from server to server; deleting by pattern empties all of them."""
    names = {f"k{number}" for number in range(200)}
    await store.data(
        "mutation ($all: [StateEntryInput!]!) { setStates(namespace: NOTES, entries: $all) }",
        {"all": [{"key": name, "value": 1} for name in names]},
    )
    after, seen = "null", []
    while True:
        found = await store.state(
            f"keys(first: 30, after: {after}) {{ nodes pageInfo {{ hasNextPage endCursor }} }}"
        )
        seen += found["keys"]["nodes"]
        if not found["keys"]["pageInfo"]["hasNextPage"]:
            break
        cursor = found["keys"]["pageInfo"]["endCursor"]
        assert "127.0.0.1" not in cursor
        after = f'"{cursor}"'
    assert sorted(seen) == sorted(names)
    deleted, after = 0, "null"
    while after:
        part = await store.change(
            f'deleteStateMatching(namespace: NOTES, match: "*", limit: 70, after: {after}) {{ deleted endCursor }}'
        )
        deleted += part["deleted"]
        after = part["endCursor"] and f'"{part["endCursor"]}"'
    assert deleted == 200


async def test_a_slot_that_moves(store, servers):
    """While it moves (ASK) and when it has moved (MOVED) every command is done, exactly once."""
    key = b"{moves}:n:x"
    source_of = servers[owner(key)]
    target = servers[(owner(key) + 1) % 3]
    slot = source_of.ask("CLUSTER", "KEYSLOT", key)

    async def count():
        from gateway.sources.redis.link import Command  # noqa: PLC0415 - only here

        _, (answer,) = await store.source._turns.ask(
            (), [Command(("INCR", key))], asyncio.get_running_loop().time() + 5
        )
        return answer

    assert await count() == 1
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", node_id(source_of))
    source_of.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", node_id(target))
    source_of.ask("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
    assert await count() == 2
    for server in servers:
        server.ask("CLUSTER", "SETSLOT", slot, "NODE", node_id(target))
    assert await count() == 3
    assert await count() == 4


async def test_a_lost_server(store, servers):
    """Its keys fail at once and typed, those of the others are served, and it comes back."""
    lost = next(key for key in range(1_000) if owner(b"c:%d" % key) == 1)
    kept = next(key for key in range(1_000) if owner(b"c:%d" % key) == 2)
    assert await counters(store.source, [(lost,), (kept,)])
    servers[1].kill()
    try:
        with pytest.raises((SourceUnavailable, SourceTimeout)):
            await counters(store.source, [(lost,)], seconds=2.0)
        assert await counters(store.source, [(kept,)])
    finally:
        servers[1].start()
    for _ in range(200):
        try:
            assert await counters(store.source, [(lost,)])
        except SourceError:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("the source did not recover")


async def test_messages_of_a_cluster(store, client):
    """What is published at one server is heard at another."""
    deadline = asyncio.get_running_loop().time() + 10
    async with store.source.channels.listen("news:*", deadline=deadline) as heard:
        await client.execute_command("PUBLISH", "news:a", "1")
        async with asyncio.timeout(10):
            message = await anext(heard)
    assert (message.channel, message.data, message.gap) == ("news:a", b"1", False)


@pytest.mark.parametrize(
    "address",
    [
        "redis+cluster://",
        "redis+cluster://h:x",
        "redis+cluster://h:1/3",
        "redis+cluster://u:secret@h:1?x=1",
        "redis+sentinel://h:1,h:2",
        "redis+sentinel://h:1/service/x",
        "redis+sentinel://h:1/a/1/2",
        "redis+sentinel://h:99999/a",
    ],
)
def test_a_wrong_address_names_the_source_only(address):
    """Start-up says what is wrong with the URL, and nothing of it."""
    with pytest.raises(ConfigurationError) as raised:
        RedisSource("state", address)
    assert "'state'" in str(raised.value)
    assert "secret" not in str(raised.value)
