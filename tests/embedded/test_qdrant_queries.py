"""The embedded Qdrant's rankings, compared with qdrant-client's own local mode."""

from __future__ import annotations

import random

import grpc
import pytest
from embedded.qdrant_calls import fresh_name, refused, stock_client
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m

SIZE = 16
COUNT = 200


def points():
    """Points in random directions, one payload field to order by and one to filter by."""
    chance = random.Random(11)  # noqa: S311 - repeatable, not secret
    return [
        m.PointStruct(
            id=number,
            vector=[chance.gauss(0, 1) for _ in range(SIZE)],
            payload={"n": chance.randrange(1_000_000), "third": number % 3 == 0},
        )
        for number in range(COUNT)
    ]


@pytest.fixture(scope="module")
async def client(qdrant_endpoint):
    async with stock_client(qdrant_endpoint) as stock:
        yield stock


@pytest.fixture(scope="module")
async def local():
    oracle = AsyncQdrantClient(":memory:")
    yield oracle
    await oracle.close()


@pytest.fixture(scope="module")
async def name(client, local):
    """The same collection in the engine and in local mode."""
    fresh = fresh_name()
    for one in (client, local):
        await one.create_collection(
            fresh, vectors_config=m.VectorParams(size=SIZE, distance=m.Distance.COSINE)
        )
        await one.upsert(fresh, points())
    await client.create_payload_index(fresh, "n", m.PayloadSchemaType.INTEGER)
    return fresh


THIRD = m.Filter(must=[m.FieldCondition(key="third", match=m.MatchValue(value=True))])
VECTOR = points()[0].vector
QUERIES = {
    "vector": {"query": VECTOR},
    "vector, filtered": {"query": VECTOR, "query_filter": THIRD},
    "vector, paged": {"query": VECTOR, "limit": 5, "offset": 7},
    "vector, threshold": {"query": VECTOR, "score_threshold": 0.3},
    "id": {"query": 5},
    "id, filtered": {"query": 6, "query_filter": THIRD},
    "recommend": {
        "query": m.RecommendQuery(recommend=m.RecommendInput(positive=[1, 2], negative=[3]))
    },
    "recommend, liked only": {
        "query": m.RecommendQuery(recommend=m.RecommendInput(positive=[1, VECTOR]))
    },
    "recommend, best score": {
        "query": m.RecommendQuery(
            recommend=m.RecommendInput(
                positive=[1, 2], negative=[3], strategy=m.RecommendStrategy.BEST_SCORE
            )
        )
    },
    "recommend, sum of scores": {
        "query": m.RecommendQuery(
            recommend=m.RecommendInput(
                positive=[1, 2], negative=[3], strategy=m.RecommendStrategy.SUM_SCORES
            )
        )
    },
    "no query": {"query_filter": THIRD},
}


@pytest.mark.parametrize("kind", QUERIES)
async def test_the_same_points_as_local_mode(client, local, name, kind):
    """The same ids in the same order, with the same scores."""
    options = {"limit": 10, "with_payload": True} | QUERIES[kind]
    found = (await client.query_points(name, **options)).points
    expected = (await local.query_points(name, **options)).points
    assert found
    assert [one.id for one in found] == [one.id for one in expected]
    if kind != "no query":
        scores = [one.score for one in expected]
        assert [one.score for one in found] == pytest.approx(scores, abs=1e-4)
    assert [one.payload for one in found if one.id == found[0].id] == [
        point.payload for point in points() if point.id == found[0].id
    ]


async def test_search_parameters_change_no_exact_result(client, name):
    """Every parameter is taken; on this size all of them lead to the same points."""
    parameters = m.SearchParams(hnsw_ef=64, exact=True, indexed_only=False)
    plain = await client.query_points(name, query=VECTOR)
    assert await client.query_points(name, query=VECTOR, search_params=parameters) == plain


async def test_a_batch_answers_each_query_in_its_place(client, name):
    """Different queries in one call, each answered as it would be alone."""
    requests = [
        m.QueryRequest(query=3, limit=4),
        m.QueryRequest(query=VECTOR, filter=THIRD, limit=2, with_payload=True),
        m.QueryRequest(query=9, limit=3, offset=1, with_vector=True),
    ]
    batch = await client.query_batch_points(name, requests)
    assert [len(one.points) for one in batch] == [4, 2, 3]
    for request, answer in zip(requests, batch, strict=True):
        alone = await client.query_points(
            name,
            query=request.query,
            query_filter=request.filter,
            limit=request.limit,
            offset=request.offset or 0,
            with_payload=bool(request.with_payload),
            with_vectors=bool(request.with_vector),
        )
        assert answer.points == alone.points


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"query": 9_999}, grpc.StatusCode.NOT_FOUND, "No point with id 9999"),
        ({"query": [1.0] * 3}, grpc.StatusCode.INVALID_ARGUMENT, "expected dim: 16, got 3"),
        ({"query": VECTOR, "limit": 0}, grpc.StatusCode.INVALID_ARGUMENT, "limit"),
        ({"query": VECTOR, "limit": 10**7}, grpc.StatusCode.INVALID_ARGUMENT, "limit"),
        ({"query": VECTOR, "offset": 10**7}, grpc.StatusCode.INVALID_ARGUMENT, "offset"),
        (
            {"query": m.RecommendQuery(recommend=m.RecommendInput(negative=[1]))},
            grpc.StatusCode.INVALID_ARGUMENT,
            "positive",
        ),
        (
            {"query": VECTOR, "shard_key_selector": "tenant"},
            grpc.StatusCode.UNIMPLEMENTED,
            "shard_key_selector",
        ),
        (
            {"query": m.SampleQuery(sample=m.Sample.RANDOM)},
            grpc.StatusCode.UNIMPLEMENTED,
            "the query sample",
        ),
        (
            {
                "query": VECTOR,
                "search_params": m.SearchParams(acorn=m.AcornSearchParams(enable=True)),
            },
            grpc.StatusCode.UNIMPLEMENTED,
            "acorn",
        ),
    ],
)
async def test_queries_it_refuses(client, name, options, status, words):
    """The status says whose fault it is, the message what is wrong."""
    with refused(status, words):
        await client.query_points(name, **options)


async def test_a_query_that_is_not_finite(qdrant_endpoint, name):
    """Refused before the engine; over gRPC, which can say it."""
    async with stock_client(qdrant_endpoint) as client:
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "NaN"):
            await client.query_points(name, query=[float("nan")] * SIZE)


async def test_one_bad_query_of_a_batch(client, name):
    """It fails the batch, as it does on a real server."""
    requests = [m.QueryRequest(query=1), m.QueryRequest(query=9_999)]
    with refused(grpc.StatusCode.NOT_FOUND, "9999"):
        await client.query_batch_points(name, requests)
