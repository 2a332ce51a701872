"""Ranking calls: query and query_batch.

By a vector, a stored point, liked and disliked ones, or several rankings fused by reciprocal rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, missing, unsupported
from gateway.embedded.qdrant.filters import requested_filter
from gateway.embedded.qdrant.reads import (
    MAX_LIMIT,
    requested_limit,
    wanted_payload,
    wanted_vectors,
)
from gateway.embedded.qdrant.values import EngineId, payload_message, point_id, point_id_message
from gateway.embedded.qdrant.vectors import DEFAULT, EngineVector, query_vector, vectors_message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.embedded.qdrant.collection import Collection
    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards

    Asked = pb.QueryPoints | pb.PrefetchQuery

_MAX_BATCH = 1_000
_UNSUPPORTED = ("lookup_from", "shard_key_selector")
_UNSUPPORTED_PARAMS = ("quantization", "acorn", "idf")


def _query(shards: Shards, request: pb.QueryPoints) -> pb.QueryResponse:
    collection = shards.get(request.collection_name)
    query = engine_query(request, Examples(collection, [request]))
    with collection.using() as shard:
        points = shard.query(query)
    return pb.QueryResponse(result=[scored(point) for point in points])


def _query_batch(shards: Shards, request: pb.QueryBatchPoints) -> pb.QueryBatchResponse:
    collection = shards.get(request.collection_name)
    asked = request.query_points
    if len(asked) > _MAX_BATCH:
        raise invalid(f"a batch has at most {_MAX_BATCH} queries, got {len(asked)}")
    examples = Examples(collection, asked)
    queries = [engine_query(one, examples) for one in asked]
    with collection.using() as shard:
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
    )


class Examples:
    """The vectors that the queries of one call mention by the id of a stored point."""

    def __init__(self, collection: Collection, queries: Iterable[pb.QueryPoints]) -> None:
        """Read them at once. Raises `Fault` naming a point that is absent."""
        self._sizes = collection.sizes
        self._vectors: dict[EngineId, Any] = {}
        ids = {one for asked in queries for one in _named_in(asked)}
        if not ids:
            return
        with collection.using() as shard:
            records = shard.retrieve(list(ids), with_payload=False, with_vector=True)
        self._vectors = {record.id: record.vector for record in records}
        for one in ids:
            if one not in self._vectors:
                raise missing(f"No point with id {one} found")

    def vector(self, given: pb.VectorInput, using: str) -> EngineVector:
        """The vector that `given` stands for, where the vectors called `using` are ranked."""
        if given.WhichOneof("variant") != "id":
            return query_vector(given, using, self._sizes)
        one = point_id(given.id)
        stored = self._vectors[one]
        found: Any = stored.get(using) if isinstance(stored, dict) else stored
        if found is None or (using != DEFAULT and not isinstance(stored, dict)):
            raise invalid(f"point {one} has no vector {using!r}")
        return cast("EngineVector", found)


def engine_query(asked: pb.QueryPoints, examples: Examples) -> edge.QueryRequest:
    """Read a query. Raises `Fault` for what it may not be."""
    if asked.offset > MAX_LIMIT:
        raise invalid(f"offset must be from 0 to {MAX_LIMIT}, got {asked.offset}")
    return edge.QueryRequest(
        offset=asked.offset,
        with_vector=wanted_vectors(asked.with_vectors),
        with_payload=wanted_payload(asked.with_payload, default=False),
        **_common(asked, examples),
    )


def _common(asked: Asked, examples: Examples) -> dict[str, Any]:
    """What a query and those whose results it fuses have in common."""
    _only_supported("queries with", asked, _UNSUPPORTED)
    _only_supported("the search parameter", asked.params, _UNSUPPORTED_PARAMS)
    params = asked.params
    return {
        "limit": requested_limit(asked),
        "query": _ranking(asked, examples) if asked.HasField("query") else None,
        "prefetches": [edge.Prefetch(**_common(one, examples)) for one in asked.prefetch] or None,
        "filter": _without(set(_referenced(asked.query)), requested_filter(asked)),
        "score_threshold": asked.score_threshold if asked.HasField("score_threshold") else None,
        "params": edge.SearchParams(
            hnsw_ef=params.hnsw_ef or None, exact=params.exact, indexed_only=params.indexed_only
        ),
    }


def _only_supported(what: str, message: Any, without: tuple[str, ...]) -> None:
    for field, _ in message.ListFields():
        if field.name in without:
            raise unsupported(f"{what} {field.name}")


def _without(ids: set[EngineId], wanted: edge.Filter | None) -> edge.Filter | None:
    """The points that a query names are no results of it."""
    if not ids:
        return wanted
    return edge.Filter(must=[wanted] if wanted else None, must_not=[edge.HasIdCondition(ids)])


def _ranking(asked: Asked, examples: Examples) -> Any:
    """What the results are ranked by, as the engine takes it."""
    query, using = asked.query, asked.using
    kind = query.WhichOneof("variant")
    if kind is None:
        raise invalid("the query is empty")
    if kind == "nearest":
        return edge.Query.Nearest(examples.vector(query.nearest, using), using or None)
    if kind == "rrf" and query.rrf.HasField("k"):
        return edge.Fusion.Rrf(query.rrf.k, list(query.rrf.weights) or None)
    if kind != "recommend":
        raise unsupported(f"the query {kind}")
    message = query.recommend
    positive: list[Any] = [examples.vector(given, using) for given in message.positive]
    negative: list[Any] = [examples.vector(given, using) for given in message.negative]
    if message.strategy == pb.BestScore:
        liked = edge.RecommendQuery(positive, negative)
        return edge.Query.RecommendBestScore(liked, using or None)
    if message.strategy == pb.SumScores:
        liked = edge.RecommendQuery(positive, negative)
        return edge.Query.RecommendSumScores(liked, using or None)
    return edge.Query.Nearest(_average(positive, negative), using or None)


def _named_in(asked: Asked) -> list[EngineId]:
    """The stored points that a query and those it fuses name."""
    below = [one for prefetch in asked.prefetch for one in _named_in(prefetch)]
    return [*_referenced(asked.query), *below]


def _referenced(query: pb.Query) -> list[EngineId]:
    """The stored points that a query names."""
    inputs = [query.nearest, *query.recommend.positive, *query.recommend.negative]
    return [point_id(given.id) for given in inputs if given.WhichOneof("variant") == "id"]


def _average(positive: list[EngineVector], negative: list[EngineVector]) -> list[float]:
    """The one vector that stands for liked and disliked ones: `2 * avg(liked) - avg(disliked)`.

    Without disliked ones it is `avg(liked)`. Dense vectors only.
    """
    if not positive:
        raise invalid("At least one positive vector ID required with this strategy")
    liked = _mean(positive)
    if not negative:
        return liked
    return [2 * a - b for a, b in zip(liked, _mean(negative), strict=True)]


def _mean(vectors: list[Any]) -> list[float]:
    if not all(isinstance(one, list) for one in vectors):
        raise unsupported("averages of sparse vectors")
    return [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]


QUERY_CALLS: dict[str, Call] = {"Query": _query, "QueryBatch": _query_batch}
