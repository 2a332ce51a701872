"""Bindings of fields that change a vector engine, or look after its collections.

    TRENDS = VectorCollection("trend_embeddings", size=256, payload={"score": float})

    @mutations
    class TrendVectors:
        upsert_trend_points: VectorWrite | None = upsert_points(TRENDS)
        delete_trend_points: VectorWrite | None = delete_points(TRENDS)

Without a collection an argument names it. Such fields, and those that look after collections, are
for the role `admin`, unless the field says who else may use it. The options of each are `source`,
the vector source's name; `opened`, the patterns of the names that the argument may have; and those
of every field.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from gateway.schema.access.requirements import ACCESS
from gateway.schema.bindings import Binding, Vectors, bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.schema.asks import Part
    from gateway.schema.catalog import Catalog
    from gateway.schema.vectors.collections import VectorCollection

ADMIN = "admin"
"""The role that may do what no narrower one was named for."""


class Operation(StrEnum):
    """What a field does; the value is what `explain` shows."""

    UPSERT = "upsert points"
    SET_PAYLOAD = "set payload"
    OVERWRITE_PAYLOAD = "overwrite payload"
    DELETE_PAYLOAD = "delete payload"
    DELETE_POINTS = "delete points"
    CREATE_COLLECTION = "create collection"
    DELETE_COLLECTION = "delete collection"
    CREATE_INDEX = "create payload index"
    DELETE_INDEX = "delete payload index"
    COLLECTIONS = "collections"
    COLLECTION = "collection"


ON_POINTS = frozenset(
    {
        Operation.UPSERT,
        Operation.SET_PAYLOAD,
        Operation.OVERWRITE_PAYLOAD,
        Operation.DELETE_PAYLOAD,
        Operation.DELETE_POINTS,
    }
)
READS = frozenset({Operation.COLLECTIONS, Operation.COLLECTION})


@dataclass(frozen=True, slots=True)
class VectorChange(Binding):
    """A root field that does one `operation`.

    `collection`: None where an argument names it; `opened` are then the patterns (`*`, `?`) of the
    names it may have.
    """

    operation: Operation
    collection: VectorCollection | None = None
    source: str = "default"
    opened: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class VectorAct:
    """What the planner asks of the vector source: an operation, and what is shown of its result."""

    binding: VectorChange
    parts: tuple[Part, ...]


def upsert_points(collection: VectorCollection | None = None, **options: Any) -> Any:
    """Stores points, in place of those with the same ids: by vector, or by text."""
    return _field(Operation.UPSERT, collection, **options)


def set_payload(collection: VectorCollection | None = None, **options: Any) -> Any:
    """Sets fields of the payload of points; the other fields stay."""
    return _field(Operation.SET_PAYLOAD, collection, **options)


def overwrite_payload(collection: VectorCollection | None = None, **options: Any) -> Any:
    """Replaces the whole payload of points."""
    return _field(Operation.OVERWRITE_PAYLOAD, collection, **options)


def delete_payload(collection: VectorCollection | None = None, **options: Any) -> Any:
    """Deletes fields of the payload of points."""
    return _field(Operation.DELETE_PAYLOAD, collection, **options)


def delete_points(collection: VectorCollection | None = None, **options: Any) -> Any:
    """Deletes points, by ids or by a filter."""
    return _field(Operation.DELETE_POINTS, collection, **options)


def create_collection(**options: Any) -> Any:
    """A root field of type `CollectionWrite | None` that creates a vector collection."""
    return _field(Operation.CREATE_COLLECTION, None, **options)


def delete_collection(**options: Any) -> Any:
    """Deletes a vector collection with all its points."""
    return _field(Operation.DELETE_COLLECTION, None, **options)


def create_payload_index(**options: Any) -> Any:
    """Indexes a payload field of a vector collection, for filters on it."""
    return _field(Operation.CREATE_INDEX, None, **options)


def delete_payload_index(**options: Any) -> Any:
    """Removes the index of a payload field."""
    return _field(Operation.DELETE_INDEX, None, **options)


def vector_collections(**options: Any) -> Any:
    """All vector collections: a root field of type `list[VectorCollectionInfo] | None`."""
    return _field(Operation.COLLECTIONS, None, **options)


def vector_collection(**options: Any) -> Any:
    """One vector collection by its name, or null."""
    return _field(Operation.COLLECTION, None, **options)


def _field(
    operation: Operation,
    collection: VectorCollection | None,
    *,
    source: str = "default",
    opened: Sequence[str] = ("*",),
    **options: Any,
) -> Any:
    if collection is not None:
        return bound(VectorChange(operation, collection, source), options)
    if not options.keys() & set(ACCESS):
        options["roles"] = (ADMIN,)
    return bound(VectorChange(operation, None, source, tuple(opened)), options)


def collections_of(catalog: Catalog) -> dict[str, set[str]]:
    """The names of the collections that fields are bound to, by their source."""
    found: dict[str, set[str]] = {}
    for info in catalog.fields.values():
        binding = info.binding
        if isinstance(binding, Vectors | VectorChange) and binding.collection is not None:
            found.setdefault(binding.source, set()).add(binding.collection.name)
    return found
