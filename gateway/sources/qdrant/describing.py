"""A prepared reading in the engine's words, for `explain` and the golden plans. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.schema.vector_reading import Reading
from gateway.sources.qdrant.prepared import UNBOUND, PreparedTree
from gateway.sources.qdrant.shape import HitKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.sources.qdrant.prepared import PreparedHits
    from gateway.sources.qdrant.shape import HitField

_CALLS: Mapping[Reading, str] = {
    Reading.GROUPS: "query_points_groups",
    Reading.FACET: "facet",
    Reading.POINTS: "retrieve",
    Reading.COUNT: "count",
    Reading.PAGE: "scroll",
}


def described(prepared: PreparedHits) -> Mapping[str, Any]:
    """The engine call, the collection, and what is fetched and shown."""
    collection, wish = prepared.collection, prepared.with_payload
    shown: dict[str, Any] = {
        "engine": "qdrant",
        "call": "query_batch_points",
        "near": "the keys' points" if prepared.by_key else "vector, text or id",
        "collection": "given by an argument" if collection is UNBOUND else collection.name,
        "using": collection.vector,
        "with_payload": list(wish) if isinstance(wish, tuple) else wish,
        "with_vectors": prepared.with_vectors,
        "hit": _shown(prepared.hit),
    }
    if prepared.by_key and collection.entity_key is not None:
        shown["call"] = "scroll, then query_batch_points"
        shown["near"] = f"the points with the keys in payload field {collection.entity_key!r}"
    if isinstance(prepared, PreparedTree):
        shown["call"] = _CALLS[prepared.reading]
        if HitKind.TOTAL in prepared.asked:
            shown["call"] += " and count"
        if prepared.reading is not Reading.GROUPS:
            del shown["near"], shown["using"]
        if prepared.reading in {Reading.FACET, Reading.COUNT}:
            del shown["with_payload"], shown["with_vectors"], shown["hit"]
        if prepared.reading not in {Reading.COUNT, Reading.POINTS}:
            shown["answer"] = _shown(prepared.fields)
    return shown


def _shown(fields: Iterable[HitField]) -> dict[str, Any]:
    return {
        field.response_key: _shown(field.below) if field.below else field.kind.value
        for field in fields
    }
