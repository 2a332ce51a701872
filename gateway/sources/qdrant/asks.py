"""The planner's asks in this adapter's terms. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.schema.hybrid import SIDES
from gateway.schema.vector_reading import Reading
from gateway.sources.qdrant.prepared import UNBOUND, prepare_hits, prepare_tree
from gateway.sources.qdrant.selecting import check_paths
from gateway.sources.qdrant.shape import KEYS, HitField, HitKind
from gateway.sources.qdrant.trees import Trees

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.schema import asks
    from gateway.sources.qdrant.prepared import PreparedHits, PreparedTree


# Which ranking found a hit is known only where there are several.
_KINDS = {"__typename": HitKind.TYPENAME, **dict.fromkeys(SIDES, HitKind.NOTHING)}


def read(
    source: str, ask: asks.VectorRead, fields: Mapping[int, Any]
) -> PreparedHits | PreparedTree:
    """Whatever is read of a collection. Raises InputError for a payload's paths."""
    reading, selection = ask.reading, _fields(ask.parts, fields)
    collection, key = ask.collection or UNBOUND, KEYS.get(ask.key or "")
    if reading.has_hits:
        by_key = reading is Reading.NEAREST
        return prepare_hits(
            source, collection, selection, by_key=by_key, typename=ask.type_name, key=key
        )
    trees = Trees(collection, key)
    return prepare_tree(
        source,
        reading,
        collection,
        selection,
        hit=trees.hit_fields(reading, selection),
        write=trees.writer(reading, selection),
    )


def _fields(parts: Iterable[asks.Part], fields: Mapping[int, Any]) -> tuple[HitField, ...]:
    return tuple(_field(part, fields) for part in parts)


def _field(part: asks.Part, fields: Mapping[int, Any]) -> HitField:
    kind = _KINDS.get(part.name) or HitKind(part.name)
    names = None if part.spec is None else fields[part.spec]
    return HitField(
        part.key,
        kind,
        part.slot,
        None if names is None else check_paths(names),
        part.text or "",
        _fields(part.parts, fields),
    )
