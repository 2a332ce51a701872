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
async def client(qdrant_wire):
    async with qdrant_wire() as stock:
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
FORMULA_CONDITION = m.FieldCondition(key="third", match=m.MatchValue(value=True))
FORMULA_DECAY = m.ExpDecayExpression(
    exp_decay=m.DecayParamsExpression(x="n", target=500_000.0, scale=100_000.0, midpoint=0.5)
)
PAIRS = [m.ContextPair(positive=1, negative=2), m.ContextPair(positive=3, negative=4)]
PREFETCH = [
    m.Prefetch(query=VECTOR, limit=20),
    m.Prefetch(query=5, limit=20, filter=THIRD),
]
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
    "discover": {"query": m.DiscoverQuery(discover=m.DiscoverInput(target=7, context=PAIRS))},
    "order": {"query": m.OrderByQuery(order_by=m.OrderBy(key="n", direction=m.Direction.DESC))},
    "relevance feedback": {
        "query": m.RelevanceFeedbackQuery(
            relevance_feedback=m.RelevanceFeedbackInput(
                target=5,
                feedback=[
                    m.FeedbackItem(example=6, score=0.9),
                    m.FeedbackItem(example=8, score=0.1),
                ],
                strategy=m.NaiveFeedbackStrategy(
                    naive=m.NaiveFeedbackStrategyParams(a=1.0, b=1.0, c=1.0)
                ),
            )
        )
    },
    "formula": {
        "prefetch": m.Prefetch(query=VECTOR, limit=50),
        "query": m.FormulaQuery(
            formula=m.SumExpression(
                sum=["$score", m.MultExpression(mult=[0.5, FORMULA_CONDITION]), FORMULA_DECAY]
            ),
            defaults={"n": 0},
        ),
    },
    "formula, arithmetic": {
        "prefetch": m.Prefetch(query=VECTOR, limit=50),
        "query": m.FormulaQuery(
            formula=m.DivExpression(
                div=m.DivParams(
                    left=m.SqrtExpression(sqrt=m.AbsExpression(abs=m.NegExpression(neg="$score"))),
                    right=m.SumExpression(
                        sum=[
                            m.PowExpression(pow=m.PowParams(base=2.0, exponent="$score")),
                            m.ExpExpression(exp="$score"),
                            m.LnExpression(ln=3.0),
                            m.Log10Expression(log10=10.0),
                        ]
                    ),
                    by_zero_default=0.0,
                )
            )
        ),
    },
    "fusion, rrf": {"prefetch": PREFETCH, "query": m.FusionQuery(fusion=m.Fusion.RRF)},
    "fusion, dbsf": {"prefetch": PREFETCH, "query": m.FusionQuery(fusion=m.Fusion.DBSF)},
    "fusion, rrf weighed": {
        "prefetch": PREFETCH,
        "query": m.RrfQuery(rrf=m.Rrf(k=10, weights=[3.0, 1.0])),
    },
    "prefetch, ranked again": {"prefetch": PREFETCH[1], "query": VECTOR},
    "mmr": {"query": m.NearestQuery(nearest=VECTOR, mmr=m.Mmr(diversity=0.3, candidates_limit=50))},
    "no query": {"query_filter": THIRD},
}


@pytest.mark.parametrize("kind", QUERIES)
async def test_the_same_points_as_local_mode(client, local, name, kind):
    """The same ids in the same order, with the same scores."""
    options = {"limit": 10, "with_payload": True} | QUERIES[kind]
    found = (await client.query_points(name, **options)).points
    expected = (await local.query_points(name, **options)).points
    assert found
    if kind.startswith("fusion"):  # equal scores may stand in either order
        assert {one.id for one in found} == {one.id for one in expected}
    else:
        assert [one.id for one in found] == [one.id for one in expected]
    if kind not in ("order", "mmr", "no query"):
        scores = [one.score for one in expected]
        assert [one.score for one in found] == pytest.approx(scores, abs=1e-4)
    assert [one.payload for one in found if one.id == found[0].id] == [
        point.payload for point in points() if point.id == found[0].id
    ]


async def test_search_parameters_change_no_exact_result(client, name):
    """Every parameter is taken; on this size all of them lead to the same points."""
    parameters = m.SearchParams(
        hnsw_ef=64,
        exact=True,
        indexed_only=False,
        quantization=m.QuantizationSearchParams(ignore=True, rescore=True, oversampling=2.0),
        acorn=m.AcornSearchParams(enable=True, max_selectivity=0.5),
    )
    plain = await client.query_points(name, query=VECTOR)
    assert await client.query_points(name, query=VECTOR, search_params=parameters) == plain


async def test_context_and_sample(client, name):
    """Context keeps away from its own examples; a sample is any points, each once."""
    found = await client.query_points(name, query=m.ContextQuery(context=PAIRS), limit=50)
    assert len(found.points) == 50
    assert not {1, 2, 3, 4} & {point.id for point in found.points}
    found = await client.query_points(name, query=m.SampleQuery(sample=m.Sample.RANDOM), limit=50)
    assert len({point.id for point in found.points}) == 50


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


async def test_examples_from_another_collection(client, name):
    """`lookup_from` takes the vector elsewhere, and then the same id may be a result."""
    other = fresh_name()
    await client.create_collection(
        other, vectors_config=m.VectorParams(size=SIZE, distance=m.Distance.COSINE)
    )
    await client.upsert(other, [m.PointStruct(id=5, vector=VECTOR)])
    found = await client.query_points(
        name, query=5, lookup_from=m.LookupLocation(collection=other), limit=1
    )
    assert (found.points[0].id, found.points[0].score) == (0, pytest.approx(1))


async def test_full_text_ranking(client):
    """BM25 over a text index that scores."""
    name = fresh_name()
    await client.create_collection(
        name, vectors_config=m.VectorParams(size=1, distance=m.Distance.DOT)
    )
    texts = ["red fox", "red red red fox jumps over", "blue whale"]
    await client.upsert(
        name,
        [m.PointStruct(id=i, vector=[1], payload={"t": text}) for i, text in enumerate(texts)],
    )
    await client.create_payload_index(
        name,
        "t",
        m.TextIndexParams(
            type=m.TextIndexType.TEXT,
            scoring=m.TextScoringParams(type=m.TextScoringType.BM25),
        ),
    )
    plain = m.TextQuery(text="whale")
    flat = m.TextQueryInput(query="red", scoring=m.Bm25Scoring(bm25=m.Bm25Params(k=2.0, b=0.0)))
    found = await client.query_points(name, query=plain, using="t")
    assert [point.id for point in found.points] == [2]
    found = await client.query_points(name, query=m.TextQuery(text=flat), using="t")
    assert [point.id for point in found.points] == [1, 0]


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
            "shard keys",
        ),
        (
            {"query": m.NearestQuery(nearest=VECTOR, mmr=m.Mmr(diversity=7))},
            grpc.StatusCode.INVALID_ARGUMENT,
            "diversity",
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
