"""The gateway's own Qdrant source on the embedded engine, by either of its wires."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from embedded.qdrant_calls import fresh_name
from embedded.qdrant_rest import rest_front

from gateway.errors import SourceRefused
from gateway.sources.contract import Batch, Budget
from gateway.sources.qdrant import (
    Distance,
    HitField,
    HitKind,
    PayloadIndex,
    Point,
    QdrantSource,
    Search,
    VectorCollection,
    parse_filter,
    prepare_hits,
)

FIELDS = (
    HitField("id", HitKind.ID),
    HitField("score", HitKind.SCORE),
    HitField("payload", HitKind.PAYLOAD),
)


@pytest.fixture(params=["grpc", "rest"])
async def source(request, qdrant_endpoint):
    port, grpc = int(qdrant_endpoint.rpartition(":")[2]), request.param == "grpc"
    with rest_front(port) as url:
        subject = QdrantSource("vectors", url, grpc_port=port, prefer_grpc=grpc)
        await subject.open()
        yield subject
        await subject.close()


async def search(source, collection, asked):
    prepared = prepare_hits("vectors", collection, FIELDS)
    deadline = asyncio.get_running_loop().time() + 20
    (value,) = await source.execute(prepared, Batch((), (asked,)), Budget(deadline))
    return orjson.loads(value) if isinstance(value, bytes) else value


async def test_a_collection_made_filled_and_searched(source):
    """Everything the gateway does with a Qdrant server, against the engine."""
    name = fresh_name()
    await source.administration.ensure_collection(
        name, 2, Distance.COSINE, [PayloadIndex("kind", "keyword")]
    )
    points = [Point(i, [1.0, float(i)], {"kind": "ab"[i % 2], "n": i}) for i in range(50)]
    await source.bulk.store(name, points)
    asked = Search(vector=(1.0, 0.0), limit=3, filter=parse_filter({"kind": {"match": "b"}}))
    found = await search(source, VectorCollection(name, 2), asked)
    assert [hit["id"] for hit in found] == ["1", "3", "5"]
    assert found[0]["payload"] == {"kind": "b", "n": 1}


async def test_a_collection_that_is_not_there(source):
    """Refused, with the engine's own word on it."""
    name = fresh_name()
    with pytest.raises(SourceRefused, match=name):
        await search(source, VectorCollection(name, 2), Search(vector=(1.0, 0.0), limit=3))
