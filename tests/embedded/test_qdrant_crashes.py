"""The embedded Qdrant killed while it changes things: what was answered is kept."""

from __future__ import annotations

import random
import signal

import pytest
from embedded.qdrant_calls import green, stock_client
from embedded.qdrant_served import serving
from qdrant_client import models as m

VECTORS = m.VectorParams(size=8, distance=m.Distance.DOT)
COUNT = 400
EVEN = m.Filter(must=[m.FieldCondition(key="even", match=m.MatchValue(value=True))])
HNSW = {
    "hnsw_config": m.HnswConfigDiff(m=4, full_scan_threshold=1),
    "optimizers_config": m.OptimizersConfigDiff(indexing_threshold=1),
}


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait(10)


async def fill(client, name="c"):
    """Points 0 to 399; returns their payloads by id."""
    chance = random.Random(1)  # noqa: S311 - repeatable, not secret
    payloads = {i: {"n": i, "even": i % 2 == 0} for i in range(COUNT)}
    await client.create_collection(name, vectors_config=VECTORS)
    await client.upsert(
        name,
        [
            m.PointStruct(id=i, vector=[chance.random() for _ in range(8)], payload=payload)
            for i, payload in payloads.items()
        ],
    )
    return payloads


async def stored(client, name="c"):
    records, _ = await client.scroll(name, limit=10_000)
    return {record.id: record.payload for record in records}


async def test_every_kind_of_write(folder):
    """Payloads, vectors and points, changed by ids and by filter, one by one and in a batch."""
    with serving(folder) as (process, endpoint):
        async with stock_client(endpoint) as client:
            await fill(client)
            await client.create_payload_index("c", "even", m.PayloadSchemaType.BOOL)
            await client.set_payload("c", {"x": 1}, points=[1, 3])
            await client.set_payload("c", {"y": {"z": [None]}}, points=EVEN)
            await client.overwrite_payload("c", {"only": "this"}, points=[5])
            await client.delete_payload("c", ["n"], points=[7])
            await client.clear_payload("c", [9])
            await client.delete("c", [11, 13])
            await client.update_vectors("c", [m.PointVectors(id=15, vector=[9.0] * 8)])
            await client.batch_update_points(
                "c",
                [
                    m.DeleteOperation(
                        delete=m.FilterSelector(
                            filter=m.Filter(
                                must=[m.FieldCondition(key="n", range=m.Range(gte=300))]
                            )
                        )
                    ),
                    m.SetPayloadOperation(set_payload=m.SetPayload(payload={"b": 1}, points=[17])),
                ],
            )
            before = await stored(client)
        kill(process)
    with serving(folder) as (_, endpoint):
        async with stock_client(endpoint) as client:
            assert await stored(client) == before
            assert len(before) == 298
            assert before[1] == {"n": 1, "even": False, "x": 1}
            assert before[2] == {"n": 2, "even": True, "y": {"z": [None]}}
            assert (before[5], before[9], before[7]) == ({"only": "this"}, {}, {"even": False})
            (record,) = await client.retrieve("c", [15], with_vectors=True)
            assert record.vector == [9.0] * 8
            assert "even" in (await client.get_collection("c")).payload_schema


@pytest.mark.parametrize("what", ["payloads", "deletes"])
async def test_killed_in_the_middle(folder, what):
    """Killed amid a row of changes: those that were answered are kept, at most one more is."""
    acknowledged = 0
    with serving(folder) as (process, endpoint):
        async with stock_client(endpoint) as client:
            await fill(client)
            while True:
                if acknowledged == 50:
                    process.send_signal(signal.SIGKILL)
                try:
                    if what == "payloads":
                        await client.set_payload("c", {"seen": True}, points=[acknowledged])
                    else:
                        await client.delete("c", [acknowledged])
                except Exception:  # noqa: BLE001 - however the kill shows
                    break
                acknowledged += 1
    with serving(folder) as (_, endpoint):
        async with stock_client(endpoint) as client:
            points = await stored(client)
    if what == "payloads":
        changed = {key for key, payload in points.items() if payload.get("seen")}
    else:
        changed = set(range(COUNT)) - set(points)
    assert changed in (set(range(acknowledged)), set(range(acknowledged + 1)))
    assert acknowledged >= 50


async def test_metadata_and_aliases(folder):
    """What a collection is called and what is noted about it is kept too."""
    with serving(folder) as (process, endpoint):
        async with stock_client(endpoint) as client:
            await client.create_collection("c", vectors_config=VECTORS, metadata={"a": 1})
            await client.update_collection("c", metadata={"model": "tiny"})
            made = m.CreateAlias(alias_name="also", collection_name="c")
            await client.update_collection_aliases([m.CreateAliasOperation(create_alias=made)])
        kill(process)
    with serving(folder) as (_, endpoint):
        async with stock_client(endpoint) as client:
            info = await client.get_collection("also")
            assert info.config.metadata == {"a": 1, "model": "tiny"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_build_that_is_cut_off(folder, number):
    """It is begun again at the next start, with everything written beside it."""
    with serving(folder) as (process, endpoint):
        async with stock_client(endpoint) as client:
            payloads = await fill(client)
            await client.update_collection("c", **HNSW)
            await client.delete("c", [0])
            info = await client.get_collection("c")
            assert info.status == m.CollectionStatus.YELLOW
        process.send_signal(number)
        process.wait(20)
    del payloads[0]
    with serving(folder) as (process, endpoint):
        async with stock_client(endpoint) as client:
            assert await stored(client) == payloads
            info = await green(client, "c")
            assert info.indexed_vectors_count > 0
            assert await stored(client) == payloads
        kill(process)
    assert len(list((folder / "collections" / "kept-c").glob("shard*"))) == 1
    with serving(folder) as (_, endpoint):
        async with stock_client(endpoint) as client:
            assert await stored(client) == payloads
            assert (await client.get_collection("c")).indexed_vectors_count > 0
