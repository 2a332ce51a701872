"""The embedded Qdrant killed while it changes things: what was answered is kept."""

from __future__ import annotations

import random
import signal

import pytest
from embedded.qdrant_calls import stock_client
from embedded.qdrant_served import serving
from qdrant_client import models as m

VECTORS = m.VectorParams(size=8, distance=m.Distance.DOT)
COUNT = 400
EVEN = m.Filter(must=[m.FieldCondition(key="even", match=m.MatchValue(value=True))])


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
    """Payloads and points, changed by ids and by filter."""
    with serving(folder) as (process, endpoint):
        async with stock_client(endpoint) as client:
            await fill(client)
            await client.create_payload_index("c", "even", m.PayloadSchemaType.BOOL)
            await client.set_payload("c", {"x": 1}, points=[1, 3])
            await client.set_payload("c", {"y": {"z": [None]}}, points=EVEN)
            await client.overwrite_payload("c", {"only": "this"}, points=[5])
            await client.delete_payload("c", ["n"], points=[7])
            await client.delete("c", [11, 13])
            late = m.FieldCondition(key="n", range=m.Range(gte=300))
            await client.delete("c", m.Filter(must=[late]))
            before = await stored(client)
        kill(process)
    with serving(folder) as (_, endpoint):
        async with stock_client(endpoint) as client:
            assert await stored(client) == before
            assert len(before) == 298
            assert before[1] == {"n": 1, "even": False, "x": 1}
            assert before[2] == {"n": 2, "even": True, "y": {"z": [None]}}
            assert (before[5], before[7]) == ({"only": "this"}, {"even": False})
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
