"""Hits in response shape, where they are put together from more than one ranking."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gateway.schema.selection import TYPENAME
from gateway.sources.contract import HOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gateway.schema import asks

Side = tuple[int, float] | None
"""The rank (from 1) and the score a ranking gave a hit; None where it did not find it."""


class Hit(NamedTuple):
    """A hit: the point's id, the score it is ordered by, the row's key, and how it was found.

    `shown` are the values of its payload and vector fields, in their order; empty without a point.
    """

    id: int | str
    score: float
    key: Any
    shown: Sequence[Any]
    by_vector: Side
    by_words: Side


class HitWriter:
    """Writes hits as their selection wants them."""

    def __init__(self, hit: asks.VectorRead) -> None:
        places = itertools.count()
        self._members = [
            (orjson.dumps(part.key) + b":", _writer(part, places)) for part in hit.parts
        ]

    def write(self, hits: Iterable[Hit]) -> bytes:
        """The hits as a JSON array with holes where entities go."""
        return b"[" + b",".join(map(self._one, hits)) + b"]"

    def _one(self, hit: Hit) -> bytes:
        return b"{" + b",".join([label + write(hit) for label, write in self._members]) + b"}"


def _writer(part: asks.Part, places: Iterator[int]) -> Callable[[Hit], bytes]:
    if part.name == TYPENAME:
        literal = orjson.dumps(part.text)
        return lambda _: literal
    if part.name == "entity":
        opening = HOLE + b"[%d," % (part.slot or 0)
        return lambda hit: _entity(hit, opening)
    if part.name in _SHOWN:
        place = next(places)
        return lambda hit: _dumped(hit.shown[place]) if hit.shown else b"null"
    return _WRITERS[part.name]


def _entity(hit: Hit, opening: bytes) -> bytes:
    if not isinstance(hit.key, int | str):
        return b"null"
    return opening + orjson.dumps(hit.key) + b"]" + HOLE


def _dumped(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _member(side: Side, place: int) -> bytes:
    return b"null" if side is None else orjson.dumps(side[place])


_SHOWN = {"payload", "vector", "vectors"}
_WRITERS: dict[str, Callable[[Hit], bytes]] = {
    "id": lambda hit: b'"%b"' % str(hit.id).encode(),
    "score": lambda hit: orjson.dumps(hit.score),
    "vectorRank": lambda hit: _member(hit.by_vector, 0),
    "vectorScore": lambda hit: _member(hit.by_vector, 1),
    "textRank": lambda hit: _member(hit.by_words, 0),
    "textScore": lambda hit: _member(hit.by_words, 1),
}
