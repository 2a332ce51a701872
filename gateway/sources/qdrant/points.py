"""What is written to Qdrant: points, distances and payload indexes, without the client library."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.sources.qdrant.ids import PointId


class Distance(StrEnum):
    """How far two vectors are apart."""

    COSINE = "Cosine"
    EUCLID = "Euclid"
    DOT = "Dot"
    MANHATTAN = "Manhattan"


class Point(NamedTuple):
    """A point to store: `id` an unsigned integer or a UUID as text, `payload` JSON values."""

    id: PointId
    vector: Sequence[float]
    payload: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PayloadIndex:
    """An index on a payload field, for filters on it."""

    field: str
    type: Literal["keyword", "integer", "float", "bool", "geo", "datetime", "text", "uuid"]
