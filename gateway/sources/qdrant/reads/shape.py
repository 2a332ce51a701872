"""Hits in response shape: the bytes that go into the response as they are. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import orjson

from gateway.schema.vectors.keys import plain_key
from gateway.sources.contract import HOLE
from gateway.sources.qdrant.requests.payload_paths import selected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gateway.sources.qdrant.points import PointId

# Payload objects come out of a protobuf map in no order of their own.
OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY

WithPayload: TypeAlias = bool | tuple[str, ...]
"""All of the payload, none of it, or the fields with these paths."""


class HitKind(StrEnum):
    """What a field shows: of a hit, or of what stands above hits."""

    ID = "id"
    SCORE = "score"
    PAYLOAD = "payload"
    VECTOR = "vector"
    VECTORS = "vectors"
    TYPENAME = "typename"
    ENTITY = "entity"
    KEY = "key"
    HITS = "hits"
    VALUE = "value"
    COUNT = "count"
    EDGES = "edges"
    NODES = "nodes"
    NODE = "node"
    CURSOR = "cursor"
    PAGE_INFO = "pageInfo"
    HAS_NEXT = "hasNextPage"
    HAS_PREVIOUS = "hasPreviousPage"
    START = "startCursor"
    END = "endCursor"
    TOTAL = "totalCount"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class HitField:
    """One field of the selection, in response order.

    `slot` is the dependent fetch that fills an `ENTITY`, `fields` the paths of a `PAYLOAD` that are
    shown (None: all), `text` what a `TYPENAME` says. `below` are the fields of what is an object
    or a list itself.
    """

    response_key: str
    kind: HitKind
    slot: int | None = None
    fields: tuple[str, ...] | None = None
    text: str = ""
    below: tuple[HitField, ...] = ()


class Hit(NamedTuple):
    """A point found; `score` and `vector` are whatever `orjson` writes as numbers.

    `vectors` are all of its vectors by name, where they were asked for.
    """

    id: PointId
    score: Any
    payload: Mapping[str, Any]
    vector: Any
    vectors: Any = None


def members(writers: Iterable[tuple[str, Callable[[Any], bytes]]]) -> Callable[[Any], bytes]:
    """Writes a value as a JSON object with these members."""
    parts: list[tuple[bytes, Callable[[Any], bytes]]] = []
    opening = b"{"
    for key, write in writers:
        parts.append((opening + orjson.dumps(key) + b":", write))
        opening = b","

    def encode(value: Any) -> bytes:
        body = b"".join([part for prefix, write in parts for part in (prefix, write(value))])
        return (body or b"{") + b"}"

    return encode


class Shape:
    """How hits are written, worked out once per selection."""

    def __init__(
        self,
        hit: tuple[HitField, ...],
        entity_key: str | None = None,
        *,
        key: Callable[[Any], Any] | None = None,
    ) -> None:
        """`entity_key`: the payload field with the entity's key, instead of the point's id.

        `key`: the entity's key of what is kept there, None for a value that is none.
        """
        self.entity_key = entity_key
        self._shown = shown_payload(hit)
        self.key = key or plain_key
        names = [orjson.dumps(field.response_key) + b":" for field in hit]
        self._names = [(b"," if place else b"{") + name for place, name in enumerate(names)]
        self._columns = [self._column(field) for field in hit]

    def encode(self, hits: Iterable[Hit]) -> bytes:
        """The hits as a JSON array with holes where entities go; written field by field."""
        given = list(hits)
        parts: list[Iterable[bytes]] = []
        for name, column in zip(self._names, self._columns, strict=True):
            parts += (repeat(name, len(given)), column(given))
        return b"[" + b",".join([b"".join(row) + b"}" for row in zip(*parts, strict=True)]) + b"]"

    def one(self, hit: Hit) -> bytes:
        """A single hit."""
        return self.encode((hit,))[1:-1]

    def _column(self, field: HitField) -> Callable[[Sequence[Hit]], Iterable[bytes]]:
        """Writes the field of all hits; those of plain values in one go."""
        whole = {HitKind.ID: _ids, HitKind.SCORE: _scores}.get(field.kind)
        return whole or partial(map, self._writer(field))

    def _writer(self, field: HitField) -> Callable[[Hit], bytes]:
        if field.kind is HitKind.TYPENAME:
            literal = orjson.dumps(field.text)
            return lambda _hit: literal
        if field.kind is HitKind.ENTITY:
            opening = HOLE + b"[%d," % (field.slot or 0)
            return lambda hit: self._entity(hit, opening)
        if field.kind is HitKind.PAYLOAD and field.fields is not None:
            paths = field.fields
            return lambda hit: orjson.dumps(selected(hit.payload, paths), option=OPTIONS)
        return {
            HitKind.PAYLOAD: self._payload,
            HitKind.VECTOR: _vector,
            HitKind.VECTORS: _vectors,
            HitKind.NOTHING: lambda _hit: b"null",
        }[field.kind]

    def _entity(self, hit: Hit, opening: bytes) -> bytes:
        held = hit.id if self.entity_key is None else hit.payload.get(self.entity_key)
        key = self.key(held)
        return b"null" if key is None else opening + orjson.dumps(key) + b"]" + HOLE

    def _payload(self, hit: Hit) -> bytes:
        """All that is shown of the payload by any field."""
        shown = self._shown
        payload = selected(hit.payload, shown) if isinstance(shown, tuple) else hit.payload
        return orjson.dumps(payload, option=OPTIONS)


def shown_payload(hit: tuple[HitField, ...]) -> WithPayload:
    """What of the payload any of these fields shows."""
    asked = [field.fields for field in hit if field.kind is HitKind.PAYLOAD]
    if not asked or None in asked:
        return bool(asked)
    return tuple(dict.fromkeys(path for paths in asked for path in paths or ()))


def _ids(hits: Sequence[Hit]) -> Iterable[bytes]:
    """Numbers and UUIDs, in which there are no commas."""
    return _apart(orjson.dumps([str(hit.id) for hit in hits]))


def _scores(hits: Sequence[Hit]) -> Iterable[bytes]:
    return _apart(orjson.dumps([hit.score for hit in hits], option=OPTIONS))


def _apart(array: bytes) -> list[bytes]:
    return array[1:-1].split(b",") if len(array) > len(b"[]") else []


def _vector(hit: Hit) -> bytes:
    vector = hit.vector
    return b"null" if isinstance(vector, dict) else orjson.dumps(vector, option=OPTIONS)


def _vectors(hit: Hit) -> bytes:
    return orjson.dumps(hit.vectors, option=OPTIONS)
