"""Changes of points and collections, checked and frozen before any engine is called. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.vectors.write_types import Distance
    from gateway.sources.qdrant.points import PointId
    from gateway.sources.qdrant.requests.filters import Filter
    from gateway.sources.qdrant.requests.wishes import Sparse

Named: TypeAlias = "tuple[float, ...] | Sparse"


@dataclass(frozen=True, slots=True)
class NewPoint:
    """A point to store: by `vector`, by the `text` it is to be made of, or by `named` ones only."""

    id: PointId
    vector: tuple[float, ...] | None
    text: str | None
    named: Mapping[str, Named]
    payload: Mapping[str, Any]
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class Upsert:
    """Points to store, `vector` names the one that is made of text (None: it has no name)."""

    collection: str
    points: tuple[NewPoint, ...]
    vector: str | None
    wait: bool


@dataclass(frozen=True, slots=True)
class PointChange:
    """A change of the points with `ids`, else of those like `filter`; of all where it is None."""

    collection: str
    ids: tuple[PointId, ...] | None
    filter: Filter | None
    wait: bool


@dataclass(frozen=True, slots=True)
class SetPayload(PointChange):
    """Fields to set, or with `replace` the whole payload to put."""

    payload: Mapping[str, Any]
    replace: bool


@dataclass(frozen=True, slots=True)
class DeletePayload(PointChange):
    """Fields to delete, by path."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeletePoints(PointChange):
    """Points to delete."""


@dataclass(frozen=True, slots=True)
class CreateCollection:
    """A collection to create. `text`: its vector without a name is made of text.

    `dense` are sizes and distances by name; the one called "" has no name.
    """

    collection: str
    dense: Mapping[str, tuple[int | None, Distance]]
    sparse: tuple[str, ...] = ()
    text: bool = False


@dataclass(frozen=True, slots=True)
class DeleteCollection:
    """A collection to delete."""

    collection: str


@dataclass(frozen=True, slots=True)
class ChangeIndex:
    """A payload field to index by a `type` of Qdrant's payload schema; no more where it is None."""

    collection: str
    field: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class ReadCollections:
    """Collections to look at: the one, or all whose names fit a pattern."""

    collection: str | None
    opened: tuple[str, ...] = field(default=("*",))


Change: TypeAlias = (
    Upsert | PointChange | CreateCollection | DeleteCollection | ChangeIndex | ReadCollections
)
