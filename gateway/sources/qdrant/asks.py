"""The planner's asks in this adapter's terms. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.sources.qdrant.arguments import nearest_arguments, search_arguments
from gateway.sources.qdrant.prepared import VectorCollection, prepare_nearest, prepare_search
from gateway.sources.qdrant.shape import HitField, HitKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema import asks
    from gateway.sources.qdrant.arguments import Nearest, Search
    from gateway.sources.qdrant.prepared import PreparedHits

_KINDS = {
    "__typename": HitKind.TYPENAME,
    "id": HitKind.ID,
    "score": HitKind.SCORE,
    "payload": HitKind.PAYLOAD,
    "vector": HitKind.VECTOR,
    "entity": HitKind.ENTITY,
}


def hits(
    source: str, ask: asks.Hits, *, by_key: bool, fields: tuple[str, ...] | None
) -> PreparedHits:
    """A search, or the neighbours of the keys' points."""
    shown = tuple(HitField(part.key, _KINDS[part.name], part.slot) for part in ask.parts)
    collection = VectorCollection(ask.collection)
    prepare = prepare_nearest if by_key else prepare_search
    payload = True if fields is None else fields
    return prepare(source, collection, shown, typename=ask.type_name, payload=payload)


def search(values: Mapping[str, Any], size: int | None) -> Search:
    """The arguments of a search field. Raises InputError."""
    return search_arguments(
        vector=values.get("vector"),
        text=values.get("text"),
        id=values.get("id"),
        limit=values.get("limit"),
        offset=values.get("offset"),
        score_threshold=values.get("scoreThreshold"),
        filter=values.get("filter"),
        dimensions=size,
    )


def nearest(values: Mapping[str, Any]) -> Nearest:
    """The arguments of a neighbours field. Raises InputError."""
    return nearest_arguments(
        limit=values.get("first"),
        score_threshold=values.get("scoreThreshold"),
        filter=values.get("filter"),
    )
