"""Hits in response shape: the bytes that go into the response as they are. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gateway.sources.contract import HOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.sources.qdrant.ids import PointId

# Payload objects come out of a protobuf map in no order of their own.
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY


class HitKind(StrEnum):
    """What a field of a hit shows."""

    ID = "id"
    SCORE = "score"
    PAYLOAD = "payload"
    VECTOR = "vector"
    TYPENAME = "typename"
    ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class HitField:
    """One field of the hit selection, in response order.

    `slot` is the dependent fetch that fills an `ENTITY`; other kinds have none.
    """

    response_key: str
    kind: HitKind
    slot: int | None = None


class Hit(NamedTuple):
    """A point found; `score` and `vector` are whatever `orjson` writes as numbers."""

    id: PointId
    score: Any
    payload: Mapping[str, Any]
    vector: Any


class Shape:
    """How hits are written, worked out once per selection."""

    def __init__(
        self,
        hit: tuple[HitField, ...],
        typename: str,
        entity_key: str | None = None,
        *,
        hidden: bool = False,
    ) -> None:
        """`entity_key`: the payload field with the entity's key, instead of the point's id.

        `hidden`: that field was not asked for and must not show in the payload.
        """
        self._entity_key = entity_key
        self._hidden = entity_key if hidden else None
        self._parts: list[tuple[bytes, Callable[[Hit], bytes]]] = []
        opening = b"{"
        for field in hit:
            prefix = opening + orjson.dumps(field.response_key) + b":"
            self._parts.append((prefix, self._writer(field, typename)))
            opening = b","

    def encode(self, hits: Iterable[Hit]) -> bytes:
        """The hits as a JSON array with holes where entities go."""
        return b"[" + b",".join(map(self._encode, hits)) + b"]"

    def _encode(self, hit: Hit) -> bytes:
        members = b"".join(part for prefix, write in self._parts for part in (prefix, write(hit)))
        return (members or b"{") + b"}"

    def _writer(self, field: HitField, typename: str) -> Callable[[Hit], bytes]:
        if field.kind is HitKind.TYPENAME:
            literal = orjson.dumps(typename)
            return lambda _hit: literal
        if field.kind is HitKind.ENTITY:
            opening = HOLE + b"[%d," % _slot(field)
            return lambda hit: self._entity(hit, opening)
        return {
            HitKind.ID: _id,
            HitKind.SCORE: _score,
            HitKind.PAYLOAD: self._payload,
            HitKind.VECTOR: _vector,
        }[field.kind]

    def _entity(self, hit: Hit, opening: bytes) -> bytes:
        key = hit.id if self._entity_key is None else hit.payload.get(self._entity_key)
        if not isinstance(key, int | str):
            return b"null"
        return opening + orjson.dumps(key) + b"]" + HOLE

    def _payload(self, hit: Hit) -> bytes:
        payload = hit.payload
        if self._hidden in payload:
            payload = {name: value for name, value in payload.items() if name != self._hidden}
        return orjson.dumps(payload, option=_OPTIONS)


def _slot(field: HitField) -> int:
    if field.slot is None:
        raise ValueError(f"the entity field {field.response_key!r} has no slot")
    return field.slot


def _id(hit: Hit) -> bytes:
    return b'"%b"' % str(hit.id).encode()


def _score(hit: Hit) -> bytes:
    return orjson.dumps(hit.score, option=_OPTIONS)


def _vector(hit: Hit) -> bytes:
    return orjson.dumps(hit.vector, option=_OPTIONS)
