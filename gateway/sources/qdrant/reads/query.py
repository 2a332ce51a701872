"""One query to Qdrant, as both wires take it: the points nearest to a target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from gateway.schema.vectors.inputs import RecommendStrategy
    from gateway.sources.qdrant.points import PointId
    from gateway.sources.qdrant.reads.narrowing import Among
    from gateway.sources.qdrant.reads.prepared import PreparedHits
    from gateway.sources.qdrant.reads.shape import WithPayload
    from gateway.sources.qdrant.requests.filters import Filter
    from gateway.sources.qdrant.requests.wishes import Fusion, Ranking, Sparse

    Near: TypeAlias = tuple[float, ...] | Sparse | PointId
    """A vector, or the stored point whose vector is meant; that point is not among the hits."""

    Target: TypeAlias = "Near | Liked | Fused"


@dataclass(frozen=True, slots=True)
class Liked:
    """What hits should be like, and what not; points named here are not among the hits."""

    positive: tuple[Near, ...]
    negative: tuple[Near, ...]
    strategy: RecommendStrategy


@dataclass(frozen=True, slots=True)
class Fused:
    """Two rankings as one: near `dense` and near `sparse`."""

    dense: tuple[float, ...]
    sparse: Sparse
    fusion: Fusion


@dataclass(frozen=True, slots=True)
class Query:
    """The nearest points to `target`, best first; `using` names the vector, None the default."""

    target: Target
    limit: int
    offset: int
    score_threshold: float | None
    filter: Filter | None
    using: str | None
    with_payload: WithPayload
    with_vectors: bool
    among: Among | None = None
    exact: bool = False

    @classmethod
    def of(cls, prepared: PreparedHits, target: Target, wish: Ranking) -> Query:
        """What `wish` asks about `target`, fetching what `prepared` needs."""
        return cls(
            target=target,
            limit=wish.limit,
            offset=wish.offset,
            score_threshold=wish.score_threshold,
            filter=wish.filter,
            using=wish.using or prepared.collection.vector,
            with_payload=prepared.with_payload,
            with_vectors=prepared.with_vectors,
            among=wish.among,
            exact=wish.exact,
        )

    def named(self) -> tuple[PointId, ...]:
        """The stored points that the query mentions."""
        target = self.target
        given = (*target.positive, *target.negative) if isinstance(target, Liked) else (target,)
        return tuple(one for one in given if isinstance(one, int | str))

    def bare(self) -> Query:
        """The query without what is fetched of its hits: equal ones have equal hits."""
        if not (self.with_payload or self.with_vectors):
            return self
        return replace(self, with_payload=False, with_vectors=False)

    def fetching(self, other: Query) -> Query:
        """The same query, fetching what `other` does as well."""
        mine, theirs = self.with_payload, other.with_payload
        both: WithPayload = mine or theirs
        if isinstance(mine, tuple) and isinstance(theirs, tuple):
            both = tuple(dict.fromkeys((*mine, *theirs)))
        elif mine is True or theirs is True:
            both = True
        vectors = self.with_vectors or other.with_vectors
        return replace(self, with_payload=both, with_vectors=vectors)
