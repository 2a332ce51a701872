"""Ranking calls: query and query_batch, with everything the engine ranks by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.examples import Examples, average
from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.filters import filter_, requested_filter
from gateway.embedded.qdrant.formulas import formula
from gateway.embedded.qdrant.reads import (
    MAX_LIMIT,
    order_by,
    order_value_message,
    requested_limit,
    wanted_payload,
    wanted_vectors,
)
from gateway.embedded.qdrant.values import payload_message, point_id_message
from gateway.embedded.qdrant.vectors import vectors_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.embedded.qdrant.examples import Asked
    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards

_RRF_K = 2
_DIVERSITY = 0.5
_MAX_BATCH = 1_000


def _query(shards: Shards, request: pb.QueryPoints) -> pb.QueryResponse:
    collection = shards.get(request.collection_name)
    examples = Examples(shards, request.collection_name, [request])
    query = engine_query(request, examples)
    with collection.reading() as shard:
        points = shard.query(query)
    return pb.QueryResponse(result=[scored(point) for point in points])


def _query_batch(shards: Shards, request: pb.QueryBatchPoints) -> pb.QueryBatchResponse:
    collection = shards.get(request.collection_name)
    asked = request.query_points
    if len(asked) > _MAX_BATCH:
        raise invalid(f"a batch has at most {_MAX_BATCH} queries, got {len(asked)}")
    examples = Examples(shards, request.collection_name, asked)
    queries = [engine_query(one, examples) for one in asked]
    with collection.reading() as shard:
        results = shard.query_batch(edge.QueryBatchRequest(queries))
    batches = [pb.BatchResult(result=[scored(point) for point in points]) for points in results]
    return pb.QueryBatchResponse(result=batches)


def scored(point: edge.ScoredPoint) -> pb.ScoredPoint:
    """Write a hit."""
    return pb.ScoredPoint(
        id=point_id_message(point.id),
        payload=payload_message(point.payload),
        score=point.score,
        version=point.version,
        vectors=vectors_message(point.vector),
        order_value=order_value_message(point.order_value),
    )


def engine_query(asked: pb.QueryPoints, examples: Examples) -> edge.QueryRequest:
    """Read a query. Raises `Fault` for what the engine lacks."""
    if asked.HasField("shard_key_selector"):
        raise unsupported("shard keys")
    if asked.offset > MAX_LIMIT:
        raise invalid(f"offset must be from 0 to {MAX_LIMIT}, got {asked.offset}")
    return edge.QueryRequest(
        offset=asked.offset,
        with_vector=wanted_vectors(asked.with_vectors),
        with_payload=wanted_payload(asked.with_payload, default=False),
        **_common(asked, examples),
    )


def _prefetch(asked: pb.PrefetchQuery, examples: Examples) -> edge.Prefetch:
    return edge.Prefetch(**_common(asked, examples))


def _common(asked: Asked, examples: Examples) -> dict[str, Any]:
    """What a query and a prefetch have in common."""
    limit = requested_limit(asked)
    return {
        "limit": limit,
        "query": _ranking(asked, limit, examples) if asked.HasField("query") else None,
        "prefetches": [_prefetch(one, examples) for one in asked.prefetch] or None,
        "filter": _without(examples.referenced(asked), requested_filter(asked)),
        "score_threshold": asked.score_threshold if asked.HasField("score_threshold") else None,
        "params": _params(asked.params) if asked.HasField("params") else None,
    }


def _without(ids: set[Any], wanted: edge.Filter | None) -> edge.Filter | None:
    if not ids:
        return wanted
    return edge.Filter(must=[wanted] if wanted else None, must_not=[edge.HasIdCondition(ids)])


def _params(message: pb.SearchParams) -> edge.SearchParams:
    quantization, acorn = message.quantization, message.acorn
    corpus = filter_(message.idf.corpus) if message.idf.HasField("corpus") else None
    return edge.SearchParams(
        hnsw_ef=message.hnsw_ef or None,
        exact=message.exact,
        indexed_only=message.indexed_only,
        quantization=edge.QuantizationSearchParams(
            ignore=quantization.ignore,
            rescore=quantization.rescore if quantization.HasField("rescore") else None,
            oversampling=quantization.oversampling or None,
        ),
        acorn=edge.AcornSearchParams(enable=acorn.enable, max_selectivity=_selectivity(acorn)),
        idf=edge.IdfParams(corpus) if corpus else None,
    )


def _selectivity(message: pb.AcornSearchParams) -> float | None:
    return message.max_selectivity if message.HasField("max_selectivity") else None


def _ranking(asked: Asked, limit: int, examples: Examples) -> Any:
    """What the results are ranked by, as the engine takes it."""
    kind = asked.query.WhichOneof("variant")
    if kind is None:
        raise invalid("the query is empty")
    read = _RANKINGS.get(kind)
    if read is None:
        raise unsupported(f"the query {kind}")
    return read(asked, limit, examples)


def _nearest(asked: Asked, _limit: int, examples: Examples) -> Any:
    return edge.Query.Nearest(examples.vector(asked.query.nearest, asked), asked.using or None)


def _nearest_with_mmr(asked: Asked, limit: int, examples: Examples) -> Any:
    message = asked.query.nearest_with_mmr
    mmr = message.mmr
    diversity = mmr.diversity if mmr.HasField("diversity") else _DIVERSITY
    if not 0 <= diversity <= 1:
        raise invalid("the diversity of MMR must be from 0 to 1")
    return edge.Mmr(
        examples.vector(message.nearest, asked),
        1 - diversity,
        requested_limit(mmr, "candidates_limit", limit),
        asked.using or None,
    )


def _recommend(asked: Asked, _limit: int, examples: Examples) -> Any:
    message, using = asked.query.recommend, asked.using or None
    positive = [examples.vector(given, asked) for given in message.positive]
    negative = [examples.vector(given, asked) for given in message.negative]
    if message.strategy == pb.BestScore:
        return edge.Query.RecommendBestScore(edge.RecommendQuery(positive, negative), using)
    if message.strategy == pb.SumScores:
        return edge.Query.RecommendSumScores(edge.RecommendQuery(positive, negative), using)
    return edge.Query.Nearest(average(positive, negative), using)


def _discover(asked: Asked, _limit: int, examples: Examples) -> Any:
    message = asked.query.discover
    target = examples.vector(message.target, asked)
    pairs = _pairs(message.context, asked, examples)
    return edge.Query.Discover(edge.DiscoverQuery(target, pairs), asked.using or None)


def _context(asked: Asked, _limit: int, examples: Examples) -> Any:
    pairs = _pairs(asked.query.context, asked, examples)
    return edge.Query.Context(edge.ContextQuery(pairs), asked.using or None)


def _pairs(context: pb.ContextInput, asked: Asked, examples: Examples) -> list[edge.ContextPair]:
    return [
        edge.ContextPair(
            examples.vector(pair.positive, asked), examples.vector(pair.negative, asked)
        )
        for pair in context.pairs
    ]


def _order(asked: Asked, _limit: int, _examples: Examples) -> Any:
    return order_by(asked.query.order_by)


def _fusion(asked: Asked, _limit: int, _examples: Examples) -> Any:
    return edge.Fusion.Dbsf() if asked.query.fusion == pb.DBSF else edge.Fusion.Rrf(_RRF_K)


def _rrf(asked: Asked, _limit: int, _examples: Examples) -> Any:
    message = asked.query.rrf
    k = message.k if message.HasField("k") else _RRF_K
    return edge.Fusion.Rrf(k, list(message.weights) or None)


def _sample(_asked: Asked, _limit: int, _examples: Examples) -> Any:
    return edge.Sample.Random


def _formula(asked: Asked, _limit: int, _examples: Examples) -> Any:
    return formula(asked.query.formula)


def _feedback(asked: Asked, _limit: int, examples: Examples) -> Any:
    message = asked.query.relevance_feedback
    if message.strategy.WhichOneof("variant") != "naive":
        raise invalid("relevance feedback needs a strategy: naive")
    naive = message.strategy.naive
    query = edge.FeedbackNaiveQuery(
        examples.vector(message.target, asked),
        [edge.FeedbackItem(examples.vector(o.example, asked), o.score) for o in message.feedback],
        edge.NaiveFeedbackStrategy(naive.a, naive.b, naive.c),
    )
    return edge.Query.FeedbackNaive(query, asked.using or None)


def _text(asked: Asked, _limit: int, _examples: Examples) -> Any:
    message = asked.query.text
    scoring = None
    if message.WhichOneof("scoring") == "bm25":
        bm25 = {field.name: value for field, value in message.bm25.ListFields()}
        scoring = edge.Bm25Params(**bm25)
    return edge.TextQuery(asked.using, message.query, scoring)


_RANKINGS: dict[str, Callable[[Any, int, Examples], Any]] = {
    "nearest": _nearest,
    "nearest_with_mmr": _nearest_with_mmr,
    "recommend": _recommend,
    "discover": _discover,
    "context": _context,
    "order_by": _order,
    "fusion": _fusion,
    "rrf": _rrf,
    "sample": _sample,
    "formula": _formula,
    "relevance_feedback": _feedback,
    "text": _text,
}

QUERY_CALLS: dict[str, Call] = {"Query": _query, "QueryBatch": _query_batch}
