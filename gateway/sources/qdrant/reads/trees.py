"""How groups, facets, points and pages are written, worked out once per selection. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gateway.schema.vectors.reading import Reading
from gateway.sources.qdrant.reads.shape import OPTIONS, HitField, HitKind, Shape, members
from gateway.sources.qdrant.requests.wishes import cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway.sources.qdrant.reads.shape import Hit

    Write = Callable[[Any], bytes]
    Shaped = Callable[[tuple[HitField, ...]], Shape]
    """How hits with these fields are written."""


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


def writer(reading: Reading, fields: tuple[HitField, ...], shaped: Shaped) -> Write:
    """How the answer of a reading is written with these fields."""
    match reading:
        case Reading.GROUPS | Reading.FACET:
            return _listed(_object(fields, shaped))
        case Reading.POINTS:
            one = shaped(fields).one
            return _listed(lambda hit: b"null" if hit is None else one(hit))
        case Reading.COUNT:
            return lambda count: b"%d" % count
    return _object(fields, shaped)


def hit_fields(reading: Reading, fields: tuple[HitField, ...]) -> tuple[HitField, ...]:
    """The fields of hits, wherever they stand."""
    return fields if reading is Reading.POINTS else tuple(_of_hits(fields))


def _of_hits(fields: tuple[HitField, ...]) -> Iterator[HitField]:
    for field in fields:
        if field.kind in {HitKind.HITS, HitKind.NODES, HitKind.NODE}:
            yield from field.below
        else:
            yield from _of_hits(field.below)


def _object(fields: tuple[HitField, ...], shaped: Shaped) -> Write:
    return members((field.response_key, _member(field, shaped)) for field in fields)


def _member(field: HitField, shaped: Shaped) -> Write:  # noqa: PLR0911 - one return per kind
    match field.kind:
        case HitKind.TYPENAME:
            literal = orjson.dumps(field.text)
            return lambda _: literal
        case HitKind.HITS:
            encode = shaped(field.below).encode
            return lambda group: encode(group.hits)
        case HitKind.NODES:
            encode = shaped(field.below).encode
            return lambda page: encode(page.points)
        case HitKind.NODE:
            one = shaped(field.below).one
            return lambda edge: one(edge[1])
        case HitKind.EDGES:
            edge = _object(field.below, shaped)
            return lambda page: _list(edge((page, hit)) for hit in page.points)
        case HitKind.PAGE_INFO:
            return _object(field.below, shaped)
    return _PLAIN[field.kind]


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
    HitKind.CURSOR: lambda edge: _cursor(*edge),
    HitKind.HAS_NEXT: lambda page: orjson.dumps(page.has_next),
    HitKind.HAS_PREVIOUS: lambda page: orjson.dumps(page.has_previous),
    HitKind.START: _end(0),
    HitKind.END: _end(-1),
    HitKind.TOTAL: lambda page: b"%d" % page.total,
}
"""Of values, groups and pages; an edge is a page and one of its hits."""
