"""The embedded Qdrant's groups, compared with qdrant-client's local mode."""

from __future__ import annotations

import random

import grpc
import pytest
from embedded.qdrant_calls import fresh_name, refused, stock_client
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m

SIZE = 8
COUNT = 300


def points():
    """Points in random directions, grouped by words, numbers, both, several at once or nothing."""
    chance = random.Random(5)  # noqa: S311 - repeatable, not secret
    return [
        m.PointStruct(
            id=number,
            vector=[chance.gauss(0, 1) for _ in range(SIZE)],
            payload={
                "word": chance.choice("abcdefgh"),
                "number": chance.randrange(-5, 5),
                "tags": chance.sample(["x", "y", "z", 1, 2, 3, 4, 2.5, True, None], 3),
                "deep": [{"er": chance.choice("mn")}, {"er": chance.choice("op")}],
                "even": number % 2 == 0,
            }
            | ({"rare": number} if number % 100 == 7 else {}),
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
    vectors = m.VectorParams(size=SIZE, distance=m.Distance.COSINE)
    for one in (client, local):
        await one.create_collection(fresh, vectors_config=vectors)
        await one.upsert(fresh, points())
    return fresh


VECTOR = points()[0].vector
EVEN = m.Filter(must=[m.FieldCondition(key="even", match=m.MatchValue(value=True))])
REQUESTS = {
    "by word": {"group_by": "word", "query": VECTOR},
    "few": {"group_by": "word", "query": VECTOR, "limit": 2, "group_size": 1},
    "more than there are": {"group_by": "word", "query": VECTOR, "limit": 50, "group_size": 50},
    "by number": {"group_by": "number", "query": VECTOR, "limit": 7},
    "by a list": {"group_by": "tags", "query": VECTOR},
    "inside of lists": {"group_by": "deep[].er", "query": VECTOR, "group_size": 4},
    "by what few have": {"group_by": "rare", "query": VECTOR, "group_size": 2},
    "by what nobody has": {"group_by": "nobody", "query": VECTOR},
    "filtered": {"group_by": "word", "query": VECTOR, "query_filter": EVEN},
    "threshold": {"group_by": "word", "query": VECTOR, "score_threshold": 0.4},
    "by id": {"group_by": "word", "query": 3, "group_size": 2},
    "recommend": {
        "group_by": "word",
        "query": m.RecommendQuery(recommend=m.RecommendInput(positive=[1, 2], negative=[3])),
    },
    "selected payload": {"group_by": "word", "query": VECTOR, "with_payload": ["number"]},
    "vectors": {"group_by": "word", "query": VECTOR, "with_vectors": True, "with_payload": False},
}


@pytest.mark.parametrize("kind", REQUESTS)
async def test_the_same_groups_as_local_mode(client, local, name, kind):
    """The same groups in the same order, each with the same hits."""
    found = (await client.query_points_groups(name, **REQUESTS[kind])).groups
    expected = (await local.query_points_groups(name, **REQUESTS[kind])).groups
    assert bool(found) == (kind != "by what nobody has")
    assert shown(found, kind) == shown(expected, kind)


def shown(groups, kind):
    return [
        (
            group.id,
            [
                (hit.id, pytest.approx(hit.score, abs=1e-5), hit.payload or None)
                for hit in group.hits
            ],
            [hit.vector is not None for hit in group.hits] if kind == "vectors" else None,
        )
        for group in groups
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"group_by": ""}, "group_by"),
        ({"limit": 0}, "limit"),
        ({"group_size": 0}, "group_size"),
        ({"limit": 10_000, "group_size": 1_000}, "limit times group_size"),
        ({"query": [1.0]}, "expected dim"),
        ({"group_by": "a["}, "JSON"),
    ],
)
async def test_groups_it_refuses(client, name, options, words):
    """What is wrong is said before anything is searched."""
    with refused(grpc.StatusCode.INVALID_ARGUMENT, words):
        await client.query_points_groups(name, **({"group_by": "word", "query": VECTOR} | options))


async def test_groups_are_not_looked_up(client, name):
    """Another collection's points beside the groups are more than the engine has."""
    with refused(grpc.StatusCode.UNIMPLEMENTED, "looked up"):
        await client.query_points_groups(name, group_by="word", query=VECTOR, with_lookup=name)
