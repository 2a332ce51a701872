"""One ranked question to Qdrant, as both wires take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from gateway.sources.qdrant.arguments import Nearest, Search
    from gateway.sources.qdrant.filters import Filter
    from gateway.sources.qdrant.ids import PointId
    from gateway.sources.qdrant.prepared import PayloadWish, PreparedHits

    Target: TypeAlias = tuple[float, ...] | PointId
    """A vector, or the stored point whose vector is meant; that point is not among the hits."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The nearest points to `target`, best first; `using` names the vector, None the default."""

    target: Target
    limit: int
    offset: int
    score_threshold: float | None
    filter: Filter | None
    using: str | None
    with_payload: PayloadWish
    with_vectors: bool


def ask(prepared: PreparedHits, target: Target, wish: Search | Nearest, offset: int = 0) -> Ask:
    """The question that `wish` puts about `target`, fetching what `prepared` needs."""
    return Ask(
        target=target,
        limit=wish.limit,
        offset=offset,
        score_threshold=wish.score_threshold,
        filter=wish.filter,
        using=prepared.collection.vector,
        with_payload=prepared.with_payload,
        with_vectors=prepared.with_vectors,
    )
