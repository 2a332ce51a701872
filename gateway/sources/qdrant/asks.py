"""The planner's asks in this adapter's terms. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.schema.hybrid import SIDE_NAMES
from gateway.sources.qdrant.prepared import (
    UNBOUND,
    prepare_nearest,
    prepare_search,
    prepare_tree,
)
from gateway.sources.qdrant.selecting import check_paths
from gateway.sources.qdrant.shape import KEYS, HitField, HitKind
from gateway.sources.qdrant.trees import Trees

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.schema import asks
    from gateway.sources.qdrant.prepared import PreparedHits, PreparedTree


# Which ranking found a hit is known only where there are several.
_KINDS = {"__typename": HitKind.TYPENAME, **dict.fromkeys(SIDE_NAMES, HitKind.NOTHING)}


def hits(source: str, ask: asks.Hits, *, by_key: bool, fields: Mapping[int, Any]) -> PreparedHits:
    """A search, or the neighbours of the keys' points. Raises InputError for a payload's paths."""
    selection = _fields(ask.parts, fields)
    prepare = prepare_nearest if by_key else prepare_search
    collection = ask.collection or UNBOUND
    key = KEYS.get(ask.key or "")
    return prepare(source, collection, selection, typename=ask.type_name, key=key)


def tree(source: str, ask: asks.VectorTree, *, fields: Mapping[int, Any]) -> PreparedTree:
    """Whatever else is read. Raises InputError for a payload's paths."""
    selection = _fields(ask.parts, fields)
    collection = ask.collection or UNBOUND
    trees = Trees(collection, KEYS.get(ask.key or ""))
    return prepare_tree(
        source,
        ask.reading,
        collection,
        selection,
        hit=trees.hit_fields(ask.reading, selection),
        write=trees.writer(ask.reading, selection),
    )


def _fields(parts: Iterable[asks.HitPart], fields: Mapping[int, Any]) -> tuple[HitField, ...]:
    return tuple(_field(part, fields) for part in parts)


def _field(part: asks.HitPart, fields: Mapping[int, Any]) -> HitField:
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
