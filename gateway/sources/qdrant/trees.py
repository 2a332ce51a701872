"""How groups, facets, points and pages are written, worked out once per selection. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gateway.schema.vector_reading import Reading
from gateway.sources.qdrant.prepared import shape_of
from gateway.sources.qdrant.shape import OPTIONS, HitField, HitKind, Shape, members
from gateway.sources.qdrant.wishes import cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway.schema.vector_collections import VectorCollection
    from gateway.sources.qdrant.shape import Hit

    Write = Callable[[Any], bytes]


class Group(NamedTuple):
    """Hits that have the same value of the payload field they are grouped by."""

    key: int | str
    hits: Sequence[Hit]


@dataclass(frozen=True, slots=True)
class Counted:
    """A value of a payload field, and how many points have it."""

    value: int | str | bool
    count: int


@dataclass(frozen=True, slots=True)
class Points:
    """A page of points in the order of their ids; `total` is None where nobody asked."""

    collection: str
    points: Sequence[Hit]
    has_previous: bool
    has_next: bool
    total: int | None


class Trees:
    """Compiles the writers for one collection; `key` makes an entity's key of what is kept."""

    def __init__(self, collection: VectorCollection, key: Callable[[Any], Any] | None) -> None:
        self._collection = collection
        self._key = key

    def writer(self, reading: Reading, fields: tuple[HitField, ...]) -> Write:
        """How the answer of a reading is written with these fields."""
        if reading is Reading.GROUPS:
            return _listed(self._object(fields))
        if reading is Reading.FACET:
            return _listed(self._object(fields))
        if reading is Reading.POINTS:
            one = self._shape(fields).one
            return _listed(lambda hit: b"null" if hit is None else one(hit))
        if reading is Reading.COUNT:
            return lambda count: b"%d" % count
        return self._object(fields)

    def hit_fields(self, reading: Reading, fields: tuple[HitField, ...]) -> tuple[HitField, ...]:
        """The fields of hits, wherever they stand."""
        if reading is Reading.POINTS:
            return fields
        return tuple(_of_hits(fields))

    def _shape(self, fields: tuple[HitField, ...]) -> Shape:
        return shape_of(self._collection, fields, key=self._key)

    def _object(self, fields: tuple[HitField, ...]) -> Write:
        return members((field.response_key, self._member(field)) for field in fields)

    def _member(self, field: HitField) -> Write:
        match field.kind:
            case HitKind.TYPENAME:
                literal = orjson.dumps(field.text)
                return lambda _: literal
            case HitKind.HITS:
                encode = self._shape(field.below).encode
                return lambda group: encode(group.hits)
            case HitKind.NODES:
                encode = self._shape(field.below).encode
                return lambda page: encode(page.points)
            case HitKind.EDGES:
                edge = self._edge(field.below)
                return lambda page: _list(edge((page, hit)) for hit in page.points)
            case HitKind.PAGE_INFO:
                return self._object(field.below)
        return _PLAIN[field.kind]

    def _edge(self, fields: tuple[HitField, ...]) -> Write:
        """An edge, of its page and its hit."""

        def member(field: HitField) -> Write:
            if field.kind is HitKind.NODE:
                one = self._shape(field.below).one
                return lambda place: one(place[1])
            if field.kind is HitKind.CURSOR:
                return lambda place: _cursor(place[0], place[1])
            return self._member(field)

        return members((field.response_key, member(field)) for field in fields)


def _of_hits(fields: tuple[HitField, ...]) -> Iterator[HitField]:
    for field in fields:
        if field.kind in {HitKind.HITS, HitKind.NODES, HitKind.NODE}:
            yield from field.below
        else:
            yield from _of_hits(field.below)


def _listed(one: Write) -> Write:
    return lambda values: _list(map(one, values))


def _list(parts: Any) -> bytes:
    return b"[" + b",".join(parts) + b"]"


def _cursor(page: Points, hit: Hit) -> bytes:
    return orjson.dumps(cursor(page.collection, hit.id))


def _end(place: int) -> Write:
    return lambda page: _cursor(page, page.points[place]) if page.points else b"null"


_PLAIN: dict[HitKind, Write] = {
    HitKind.KEY: lambda group: orjson.dumps(group.key),
    HitKind.VALUE: lambda counted: orjson.dumps(counted.value, option=OPTIONS),
    HitKind.COUNT: lambda counted: b"%d" % counted.count,
    HitKind.HAS_NEXT: lambda page: orjson.dumps(page.has_next),
    HitKind.HAS_PREVIOUS: lambda page: orjson.dumps(page.has_previous),
    HitKind.START: _end(0),
    HitKind.END: _end(-1),
    HitKind.TOTAL: lambda page: b"%d" % page.total,
}
