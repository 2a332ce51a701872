"""A dense and a sparse ranking, fused by the engine: equal to qdrant-client's local mode."""

from __future__ import annotations

import random

import orjson
import pytest
from embedded.qdrant_rest import rest_front
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m

from gateway.errors import InputError
from gateway.schema.bindings import Vectors
from gateway.schema.vectors.reading import Reading
from gateway.sources.qdrant import HitField, HitKind, QdrantSource, VectorCollection, prepare_hits

KEY = "the-key-of-the-tests"
"""That of `own_qdrant`."""
COUNT, DIMENSIONS, TERMS = 60, 4, 12
COLLECTION = VectorCollection(
    "sparse_fusion", vectors={"meaning": DIMENSIONS}, vector="meaning", sparse=("terms",)
)
HIT = (HitField("id", HitKind.ID), HitField("score", HitKind.SCORE))


def drawn(chance):
    """A dense vector, and a sparse one of a few terms; no two scores are equal."""
    indices = sorted(chance.sample(range(TERMS), chance.randrange(1, 5)))
    values = [chance.uniform(0.1, 2) for _ in indices]
    return [chance.uniform(-1, 1) for _ in range(DIMENSIONS)], m.SparseVector(
        indices=indices, values=values
    )


def points():
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    for number in range(COUNT):
        dense, sparse = drawn(chance)
        vectors = {"meaning": dense, "terms": sparse}
        yield m.PointStruct(id=number, vector=vectors, payload={"odd": number % 2})


async def fill(client):
    await client.create_collection(
        COLLECTION.name,
        vectors_config={"meaning": m.VectorParams(size=DIMENSIONS, distance=m.Distance.DOT)},
        sparse_vectors_config={"terms": m.SparseVectorParams()},
    )
    await client.upsert(COLLECTION.name, list(points()), wait=True)


@pytest.fixture(scope="module")
async def local():
    """Local mode, the oracle, with the points."""
    client = AsyncQdrantClient(":memory:")
    await fill(client)
    yield client
    await client.close()


@pytest.fixture(scope="module", params=["gRPC", "REST"])
async def engine(request, own_qdrant):
    """A source whose collection holds the points, on either wire."""
    port = own_qdrant.urls.qdrant_grpc_port
    with rest_front(port, KEY) as url:
        grpc = request.param == "gRPC"
        source = QdrantSource("vectors", url, grpc_port=port, prefer_grpc=grpc, api_key=KEY)
        await source.open()
        client = source._session()._wire.client
        if await client.collection_exists(COLLECTION.name):
            await client.delete_collection(COLLECTION.name)
        await fill(client)
        yield source
        await source.close()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 10_000),
    weights=st.sampled_from([(1.0, 1.0), (1.0, 0.25), (3.0, 1.0)]),
    k=st.sampled_from([1, 2, 60]),
    candidates=st.sampled_from([5, 20, 100]),
    window=st.tuples(st.integers(0, 5), st.integers(1, 15)),
    odd=st.sampled_from([None, 0, 1]),
)
async def test_fused_hits_are_the_oracles(  # noqa: PLR0913, PLR0917 - each is drawn
    engine, local, ask, seed, weights, k, candidates, window, odd
):
    """Scores and hits, whatever the weights, the constant, the depth, the filter and the window."""
    dense, sparse = drawn(random.Random(seed))  # noqa: S311 - likewise
    offset, limit = window
    values = {
        "vector": dense,
        "sparse": {"indices": sparse.indices, "values": sparse.values},
        "fusion": {"vector": weights[0], "sparse": weights[1], "k": k, "candidates": candidates},
        "limit": limit,
        "offset": offset,
        "filter": None if odd is None else {"odd": {"match": odd}},
    }
    wish = engine.arguments(Vectors(Reading.SEARCH, COLLECTION), values)
    (value,) = await ask(engine, prepare_hits("vectors", COLLECTION, HIT), arguments=(wish,))
    among = None
    if odd is not None:
        among = m.Filter(must=[m.FieldCondition(key="odd", match=m.MatchValue(value=odd))])
    depth = max(candidates, offset + limit)
    expected = await local.query_points(
        COLLECTION.name,
        prefetch=[
            m.Prefetch(query=dense, using="meaning", limit=depth, filter=among),
            m.Prefetch(query=sparse, using="terms", limit=depth, filter=among),
        ],
        query=m.RrfQuery(rrf=m.Rrf(k=k + 1, weights=list(weights))),
        limit=COUNT,
    )
    scores = {str(point.id): point.score for point in expected.points}
    hits = orjson.loads(value)
    wanted = sorted(scores.values(), reverse=True)[offset : offset + limit]
    assert [hit["score"] for hit in hits] == pytest.approx(wanted, rel=1e-5)
    for hit in hits:
        assert hit["score"] == pytest.approx(scores[hit["id"]], rel=1e-5)


async def test_the_score_is_what_is_documented(engine, ask):
    """A point that leads both rankings has `1 / (k + 1)` twice; the weight divides its rank."""
    fused = {"sparse": {"indices": [3], "values": [1.0]}, "vector": [1.0, 0, 0, 0], "limit": 60}
    alone = {}
    for name, left in (("vector", "sparse"), ("sparse", "vector")):
        values = {key: value for key, value in fused.items() if key != left}
        wish = engine.arguments(Vectors(Reading.SEARCH, COLLECTION), values)
        (value,) = await ask(engine, prepare_hits("vectors", COLLECTION, HIT), arguments=(wish,))
        ranked = [hit["id"] for hit in orjson.loads(value)]
        alone[name] = {key: rank for rank, key in enumerate(ranked, 1)}
    wish = engine.arguments(
        Vectors(Reading.SEARCH, COLLECTION), {**fused, "fusion": {"sparse": 0.5}}
    )
    (value,) = await ask(engine, prepare_hits("vectors", COLLECTION, HIT), arguments=(wish,))
    for hit in orjson.loads(value):
        shares = [
            1 / (60 + alone[name][hit["id"]] / weight)
            for name, weight in (("vector", 1), ("sparse", 0.5))
            if hit["id"] in alone[name]
        ]
        assert hit["score"] == pytest.approx(sum(shares), rel=1e-5)


async def test_several_travel_in_one_call(engine, ask, monkeypatch):
    """Fused and plain searches of a batch are one engine call."""
    sent = []
    wire = engine._session()._wire
    query = wire.query

    async def noted(collection, asks, seconds):
        sent.append(len(asks))
        return await query(collection, asks, seconds)

    monkeypatch.setattr(wire, "query", noted)
    sparse = {"indices": [1], "values": [1.0]}
    searches = [
        {"vector": [1, 0, 0, 0], "sparse": sparse, "limit": 3},
        {"sparse": sparse, "limit": 3},
        {"vector": [1, 0, 0, 0], "limit": 3},
    ]
    wish = engine.arguments(Vectors(Reading.BATCH, COLLECTION), {"searches": searches})
    (value,) = await ask(engine, prepare_hits("vectors", COLLECTION, HIT), arguments=(wish,))
    assert [len(hits) for hits in orjson.loads(value)] == [3, 3, 3]
    assert sent == [3]


@pytest.mark.parametrize(
    ("reading", "values", "named"),
    [
        (Reading.SEARCH, {"vector": [1, 0, 0, 0], "fusion": {}}, "fusion"),
        (Reading.SEARCH, {"sparse": {"indices": [1], "values": [1]}, "fusion": {}}, "fusion"),
        (Reading.SEARCH, {"id": 1, "sparse": {"indices": [1], "values": [1]}}, "exactly one"),
        (Reading.SEARCH, {"fusion": {"k": 0}}, "fusion.k"),
        (Reading.SEARCH, {"fusion": {"sparse": 0.0}}, "fusion.sparse"),
        (Reading.SEARCH, {"fusion": {"vector": float("inf")}}, "fusion.vector"),
        (Reading.SEARCH, {"fusion": {"candidates": 1001}}, "fusion.candidates"),
        (Reading.SEARCH, {"fusion": {"using": "meaning"}}, "using"),
        (Reading.GROUPS, {"groupBy": "odd", "groupSize": 1}, "groups"),
    ],
)
async def test_what_cannot_be_fused_is_named(source, reading, values, named):
    """Before any engine is called."""
    both = {"vector": [1, 0, 0, 0], "sparse": {"indices": [1], "values": [1.0]}}
    given = values if {"vector", "sparse", "id"} & set(values) else both | values
    with pytest.raises(InputError, match=named):
        source.arguments(Vectors(reading, COLLECTION), given)
