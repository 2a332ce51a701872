"""The embedded Qdrant's points and payloads, driven by the stock client."""

from __future__ import annotations

import asyncio
from uuid import UUID

import grpc
import pytest
from embedded.qdrant_calls import fresh_name, refused
from qdrant_client import models as m
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse

PAYLOADS = {
    1: {"n": 1, "kind": "a", "tags": ["x", "y"], "deep": {"er": [1, {"z": None}]}},
    2: {"n": 2, "kind": "b", "tags": [], "score": 0.5, "ok": False},
    3: {"n": 3, "kind": "a", "big": -(2**63), "text": 'täb\t"quote"\u0000'},
    4: {},
}
KIND_A = m.Filter(must=[m.FieldCondition(key="kind", match=m.MatchValue(value="a"))])


@pytest.fixture
async def name(client):
    """A collection with the points of `PAYLOADS`, each at (id, 1)."""
    fresh = fresh_name()
    await client.create_collection(
        fresh, vectors_config=m.VectorParams(size=2, distance=m.Distance.DOT)
    )
    points = [
        m.PointStruct(id=key, vector=[float(key), 1.0], payload=payload)
        for key, payload in PAYLOADS.items()
    ]
    result = await client.upsert(fresh, points)
    assert result.status == m.UpdateStatus.COMPLETED
    return fresh


async def payloads(client, name):
    """All payloads by id."""
    records, following = await client.scroll(name, limit=100)
    assert following is None
    return {record.id: record.payload for record in records}


async def test_payloads_come_back_as_they_were(client, name):
    """Every JSON value keeps its type: integers stay integers, null stays null."""
    assert await payloads(client, name) == PAYLOADS


async def test_retrieve_what_is_asked_for(client, name):
    """Payload and vectors only as wanted; absent ids are left out."""
    (record,) = await client.retrieve(name, [2, 99])
    assert (record.id, record.payload, record.vector) == (2, PAYLOADS[2], None)
    (record,) = await client.retrieve(name, [2], with_payload=False, with_vectors=True)
    assert (record.payload, record.vector) == ({}, [2.0, 1.0])
    (record,) = await client.retrieve(name, [1], with_payload=["kind", "deep.er"])
    assert record.payload == {"kind": "a", "deep": PAYLOADS[1]["deep"]}
    (record,) = await client.retrieve(
        name, [2], with_payload=m.PayloadSelectorExclude(exclude=["n", "tags", "ok"])
    )
    assert record.payload == {"kind": "b", "score": 0.5}


async def test_uuid_and_large_ids(client, name):
    """Both kinds of ids, to their limits."""
    key = "0198c9a2-54ff-7e63-a2a4-3ae3b1ad2b10"
    await client.upsert(
        name, [m.PointStruct(id=i, vector=[0, 1], payload={"i": str(i)}) for i in (key, 2**64 - 1)]
    )
    records = await client.retrieve(name, [UUID(key).hex, 2**64 - 1])
    assert {record.id: record.payload["i"] for record in records} == {
        key: key,
        2**64 - 1: str(2**64 - 1),
    }
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "not a UUID"):
        await client.retrieve(name, ["abc"])


async def test_scroll_pages(client, name):
    """Pages join without gap, in the order of the ids."""
    first, following = await client.scroll(name, limit=3)
    rest, end = await client.scroll(name, limit=3, offset=following)
    assert [record.id for record in first + rest] == [1, 2, 3, 4]
    assert end is None
    with refused(grpc.StatusCode.UNIMPLEMENTED, "order"):
        await client.scroll(name, order_by="n")
    records, _ = await client.scroll(name, scroll_filter=KIND_A)
    assert [record.id for record in records] == [1, 3]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "limit"):
        await client.scroll(name, limit=0)


async def test_count_and_facet(client, name):
    """Exact counts, whole and filtered; facets over an index."""
    assert (await client.count(name)).count == 4
    assert (await client.count(name, KIND_A)).count == 2
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "index"):
        await client.facet(name, "kind")
    await client.create_payload_index(name, "kind", m.PayloadSchemaType.KEYWORD)
    await client.create_payload_index(name, "n", m.PayloadSchemaType.INTEGER)
    facet = await client.facet(name, "kind", exact=True)
    assert [(hit.value, hit.count) for hit in facet.hits] == [("a", 2), ("b", 1)]
    facet = await client.facet(name, "n", facet_filter=KIND_A, exact=True)
    assert sorted(hit.value for hit in facet.hits) == [1, 3]


async def test_payload_operations(client, name):
    """Set, set below a key, overwrite and delete; by ids and by filter."""
    await client.set_payload(name, {"n": 10, "new": True}, points=[1])
    await client.set_payload(name, {"inner": 1}, points=[4], key="outer")
    await client.set_payload(name, {"seen": 1}, points=KIND_A)
    await client.overwrite_payload(name, {"only": 1}, points=[2])
    await client.delete_payload(name, ["tags", "deep"], points=[1])
    await client.delete_payload(name, ["big"], points=KIND_A)
    assert await payloads(client, name) == {
        1: {"n": 10, "kind": "a", "new": True, "seen": 1},
        2: {"only": 1},
        3: {"n": 3, "kind": "a", "text": PAYLOADS[3]["text"], "seen": 1},
        4: {"outer": {"inner": 1}},
    }
    await client.overwrite_payload(name, {"kind": "c"}, points=KIND_A)
    assert await payloads(client, name) == {
        1: {"kind": "c"},
        2: {"only": 1},
        3: {"kind": "c"},
        4: {"outer": {"inner": 1}},
    }
    with refused(grpc.StatusCode.NOT_FOUND, "99"):
        await client.set_payload(name, {"n": 1}, points=[99])


async def test_deletes(client, name):
    """By ids, absent ones ignored, and by filter."""
    await client.delete(name, [2, 99])
    assert set(await payloads(client, name)) == {1, 3, 4}
    await client.delete(name, KIND_A)
    assert set(await payloads(client, name)) == {4}


async def test_upsert_replaces(client, name):
    """A second upsert replaces vector and payload; one on a condition is refused."""
    await client.upsert(name, [m.PointStruct(id=1, vector=[9, 9], payload={"v": 2})])
    (record,) = await client.retrieve(name, [1], with_vectors=True)
    assert (record.payload, record.vector) == ({"v": 2}, [9.0, 9.0])
    points = [m.PointStruct(id=1, vector=[0, 0], payload={"v": 3})]
    with refused(grpc.StatusCode.UNIMPLEMENTED, "condition"):
        await client.upsert(name, points, update_mode=m.UpdateMode.INSERT_ONLY)
    assert (await payloads(client, name))[1] == {"v": 2}


@pytest.mark.parametrize(
    ("point", "words"),
    [
        (m.PointStruct(id=6, vector=[1.0]), "expected dim: 2, got 1"),
        (m.PointStruct(id=6, vector=[1.0, float("nan")]), "NaN"),
        (m.PointStruct(id=6, vector=[1.0, float("-inf")]), "infinity"),
        (m.PointStruct(id=6, vector={"other": [1.0, 1.0]}), "'other'"),
        (m.PointStruct(id=6, vector=[1.0, 1.0], payload={"x": float("nan")}), "finite"),
    ],
)
async def test_a_bad_point_spoils_its_whole_request(client, name, point, words):
    """Nothing of a refused upsert is stored, and the engine goes on."""
    good = m.PointStruct(id=5, vector=[1.0, 1.0])
    with refused(grpc.StatusCode.INVALID_ARGUMENT, words):
        await client.upsert(name, [good, point])
    assert await payloads(client, name) == PAYLOADS


async def test_an_unknown_collection(client):
    """NOT_FOUND that names it, for reads and writes alike."""
    for call in (
        client.count("nowhere"),
        client.retrieve("nowhere", [1]),
        client.scroll("nowhere"),
        client.query_points("nowhere", query=[1.0]),
        client.upsert("nowhere", [m.PointStruct(id=1, vector=[1.0])]),
        client.delete("nowhere", [1]),
        client.create_payload_index("nowhere", "x", m.PayloadSchemaType.KEYWORD),
    ):
        with refused(grpc.StatusCode.NOT_FOUND, "nowhere"):
            await call


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("ordering", list(m.WriteOrdering))
async def test_waiting_and_ordering(client, name, wait, ordering):
    """Every write is done when it is answered, however it is asked for."""
    point = m.PointStruct(id=60, vector=[1, 1], payload={"a": 1})
    result = await client.upsert(name, [point], wait=wait, ordering=ordering)
    assert result.status == m.UpdateStatus.COMPLETED
    await client.set_payload(name, {"b": 2}, points=[60], wait=wait, ordering=ordering)
    assert (await payloads(client, name))[60] == {"a": 1, "b": 2}
    await client.delete(name, [60], wait=wait, ordering=ordering)
    assert 60 not in await payloads(client, name)


async def test_approximate_counts(client, name):
    """As good as exact ones where everything is looked at."""
    assert (await client.count(name, exact=False)).count == len(PAYLOADS)


async def test_reads_go_on_beside_a_large_upsert(client, name):
    """They are answered before it is, and it is whole afterwards."""
    points = [m.PointStruct(id=1_000 + i, vector=[1, 1], payload={"i": i}) for i in range(10_000)]
    writing = asyncio.create_task(client.upsert(name, points))
    answered = 0
    while not writing.done():
        await client.query_points(name, query=[1.0, 0.0])
        answered += not writing.done()
    await writing
    assert answered > 0
    assert (await client.count(name)).count == len(PAYLOADS) + len(points)


async def test_a_message_that_is_too_large(client, name):
    """Refused unread, and the engine goes on."""
    text = "x" * (65 * 1024 * 1024)
    with pytest.raises((grpc.aio.AioRpcError, ResourceExhaustedResponse)) as raised:
        await client.set_payload(name, {"text": text}, points=[1])
    assert "RESOURCE_EXHAUSTED" in str(raised.value) or "larger than max" in str(raised.value)
    assert await payloads(client, name) == PAYLOADS


async def test_writers_and_readers_at_once(client, name):
    """Parallel writes all arrive, and reads among them do not fail."""

    async def write(first):
        points = [m.PointStruct(id=first + i, vector=[1, 1]) for i in range(20)]
        await client.upsert(name, points)
        await client.query_points(name, query=[1.0, 0.0])

    await asyncio.gather(*(write(1_000 + 20 * number) for number in range(30)))
    assert (await client.count(name)).count == 4 + 600
