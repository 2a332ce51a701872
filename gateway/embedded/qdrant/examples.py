"""Vectors given by the id of a stored point: found for all queries of a call at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from gateway.embedded.qdrant.faults import invalid, missing, unsupported
from gateway.embedded.qdrant.values import EngineId, point_id
from gateway.embedded.qdrant.vectors import DEFAULT, EngineVector, query_vector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qdrant_client import grpc as pb

    from gateway.embedded.qdrant.collection import Collection
    from gateway.embedded.qdrant.shards import Shards

    Asked: TypeAlias = pb.QueryPoints | pb.PrefetchQuery
    """Either level of a query: both have `query`, `using`, `lookup_from` and `prefetch`."""

_MAX_PREFETCH_DEPTH = 8


class Examples:
    """The vectors that the queries of one call mention by id."""

    def __init__(self, shards: Shards, name: str, queries: Iterable[pb.QueryPoints]) -> None:
        """Read them, one retrieval per collection. Raises `Fault` naming a point that is absent."""
        self._shards = shards
        self._name = name
        self._vectors: dict[tuple[str, EngineId], Any] = {}
        wanted: dict[str, set[EngineId]] = {}
        for asked in queries:
            for source, one in self._mentions(asked, 0):
                wanted.setdefault(source, set()).add(one)
        for source, ids in wanted.items():
            self._read(source, shards.get(source), ids)

    def vector(self, given: pb.VectorInput, asked: Asked) -> EngineVector:
        """The vector that `given` stands for in the query `asked`."""
        if given.WhichOneof("variant") != "id":
            return query_vector(given, asked.using, self._shards.get(self._name).kinds)
        source, named = self._origin(asked)
        one = point_id(given.id)
        stored = self._vectors[source, one]
        found: Any = stored.get(named) if isinstance(stored, dict) else stored
        if found is None or (named != DEFAULT and not isinstance(stored, dict)):
            raise invalid(f"point {one} has no vector {named!r}")
        return cast("EngineVector", found)

    def referenced(self, asked: Asked) -> set[EngineId]:
        """The points of this very collection that `asked` names; they are not results of it."""
        source, _ = self._origin(asked)
        if source != self._name:
            return set()
        return {
            point_id(given.id)
            for given in _inputs(asked.query)
            if given.WhichOneof("variant") == "id"
        }

    def _mentions(self, asked: Asked, depth: int) -> Iterator[tuple[str, EngineId]]:
        if depth > _MAX_PREFETCH_DEPTH:
            raise invalid(f"prefetches may be nested {_MAX_PREFETCH_DEPTH} levels deep")
        source, _ = self._origin(asked)
        for given in _inputs(asked.query):
            if given.WhichOneof("variant") == "id":
                yield source, point_id(given.id)
        for prefetch in asked.prefetch:
            yield from self._mentions(prefetch, depth + 1)

    def _origin(self, asked: Asked) -> tuple[str, str]:
        """From which collection, and under which vector name, ids in `asked` are looked up."""
        if not asked.HasField("lookup_from"):
            return self._name, asked.using
        place = asked.lookup_from
        return place.collection_name, place.vector_name or asked.using

    def _read(self, source: str, collection: Collection, ids: set[EngineId]) -> None:
        with collection.reading() as shard:
            records = shard.retrieve(list(ids), with_payload=False, with_vector=True)
        self._vectors.update({(source, record.id): record.vector for record in records})
        absent = [one for one in ids if (source, one) not in self._vectors]
        if absent:
            raise missing(f"No point with id {absent[0]} found")


def _inputs(query: pb.Query) -> Iterator[pb.VectorInput]:
    """Every vector a query is made of."""
    kind = query.WhichOneof("variant")
    if kind == "nearest":
        yield query.nearest
    elif kind == "nearest_with_mmr":
        yield query.nearest_with_mmr.nearest
    elif kind == "recommend":
        yield from query.recommend.positive
        yield from query.recommend.negative
    elif kind == "discover":
        yield query.discover.target
        yield from _pairs(query.discover.context)
    elif kind == "relevance_feedback":
        yield query.relevance_feedback.target
        yield from (one.example for one in query.relevance_feedback.feedback)
    elif kind == "context":
        yield from _pairs(query.context)


def _pairs(context: pb.ContextInput) -> Iterator[pb.VectorInput]:
    for pair in context.pairs:
        yield pair.positive
        yield pair.negative


def average(positive: list[EngineVector], negative: list[EngineVector]) -> list[float]:
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
    if not all(isinstance(one, list) and isinstance(one[0], float) for one in vectors):
        raise unsupported("averages of sparse vectors or multi-vectors")
    return [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]
