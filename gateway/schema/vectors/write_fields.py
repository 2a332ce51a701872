"""Gives the fields of vector writes and of administration their types and arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.scalars import JSON
from strawberry.types.unset import UNSET

from gateway.schema.definitions import names_enum
from gateway.schema.members import argument
from gateway.schema.vectors import write_types as t
from gateway.schema.vectors.writes import ON_POINTS, Operation, VectorChange

if TYPE_CHECKING:
    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.places import Placed
    from gateway.schema.vectors.collections import VectorCollection
    from gateway.schema.vectors.payload_inputs import CollectionInputs, VectorInputs

_RETURNS: dict[Operation, Any] = {
    **dict.fromkeys(ON_POINTS, t.VectorWrite),
    Operation.CREATE_COLLECTION: t.CollectionWrite,
    Operation.DELETE_COLLECTION: t.CollectionWrite,
    Operation.CREATE_INDEX: t.CollectionWrite,
    Operation.DELETE_INDEX: t.CollectionWrite,
    Operation.COLLECTIONS: list[t.VectorCollectionInfo],
    Operation.COLLECTION: t.VectorCollectionInfo,
}


@dataclass(frozen=True, slots=True)
class _Types:
    """The inputs of one collection's writes; `fields` name those of its payload."""

    point: Any
    filter: Any
    payload: Any
    fields: Any


class VectorWriteFields:
    """Settles the fields of one schema that are bound to operations of a vector engine."""

    def __init__(self, collections: VectorInputs) -> None:
        self._collections = collections
        self._made: dict[VectorCollection | None, _Types] = {}

    def settle(self, placed: Placed, binding: VectorChange) -> None:
        """Set type and arguments. Raises ConfigurationError where the field has another type."""
        right = _RETURNS[binding.operation]
        if placed.inner != right or not placed.nullable:
            name = getattr(right, "__name__", "VectorCollectionInfo")
            shown = f"list[{name}]" if binding.operation is Operation.COLLECTIONS else name
            raise placed.wrong(f"annotate it `{shown} | None`.")
        placed.field.settle(right | None, self._arguments(binding, placed.where))

    def _arguments(self, binding: VectorChange, where: str) -> list[StrawberryArgument]:
        operation = binding.operation
        if operation is Operation.COLLECTIONS:
            return []
        if operation is Operation.CREATE_COLLECTION:
            return _creation()
        named = []
        if binding.collection is None:
            named = [argument("collection", str, "The collection's name.")]
        if operation in {Operation.CREATE_INDEX, Operation.DELETE_INDEX}:
            named.append(argument("field", str, "The payload field, by its path."))
        if operation is Operation.CREATE_INDEX:
            named.append(argument("type", t.PayloadIndexType, "What its values are taken for."))
        if operation not in ON_POINTS:
            return named
        types = self._types(binding.collection, where)
        return [*named, *self._on_points(operation, types), _WAIT]

    def _on_points(self, operation: Operation, types: _Types) -> list[StrawberryArgument]:
        if operation is Operation.UPSERT:
            return [argument("points", list[types.point], "The points.")]  # type: ignore[name-defined]  # made at run time
        which = [
            argument("ids", list[strawberry.ID] | None, "The points with these ids."),
            argument("filter", types.filter | None, "The points like this."),
            argument("all", bool, "Confirms that an empty filter means all points.", default=False),
        ]
        if operation is Operation.DELETE_POINTS:
            return which
        if operation is Operation.DELETE_PAYLOAD:
            return [argument("fields", list[types.fields], "The fields to delete."), *which]  # type: ignore[name-defined]  # likewise
        return [argument("payload", types.payload, "The new values."), *which]

    def _types(self, collection: VectorCollection | None, where: str) -> _Types:
        """The inputs of a collection's writes, made once."""
        if collection not in self._made:
            label = "Vector" if collection is None else label_of(collection)
            of = self._collections.of(collection, label, where)
            self._made[collection] = _types("" if collection is None else of.label, of)
        return self._made[collection]


def _types(label: str, of: CollectionInputs) -> _Types:
    """`<label>PointInput`, `<label>PayloadInput` and `<label>PayloadField`.

    Where no payload is declared it is any JSON object, and texts name its fields. Nobody writes
    within the objects of a list.
    """
    declared = of.collection.fields.values() if of.collection is not None else ()
    written = {one.name: one for one in declared if "[]" not in one.path}
    payload: Any = JSON
    fields: Any = str
    if declared:
        members: dict[str, tuple[Any, str]] = {
            name: ((list[one.annotation] if one.many else one.annotation) | None, one.says)  # type: ignore[name-defined]  # made at run time
            for name, one in written.items()
        }
        says = "What is stored with a point; what is left out is absent."
        payload = of.inputs.make(f"{label}PayloadInput", members, says)
    if written:
        names = {name: one.says for name, one in written.items()}
        says = "A field of the payload."
        fields = names_enum(f"{label}PayloadField", names, says, spelt=False)
    point = of.inputs.make(
        f"{label}PointInput",
        {
            "id": (strawberry.ID, "An unsigned integer or a UUID."),
            "vector": (t.Vector | None, "Its vector."),
            "text": (str | None, "Instead of a vector: the text it is made of."),
            "vectors": (list[t.NamedVectorInput] | None, "Its other vectors, by name."),
            "payload": (payload | None, "What is stored with it."),
        },
        "A point to store: by `vector`, or by `text`.",
    )
    return _Types(point, of.filter, payload, fields)


def label_of(collection: VectorCollection) -> str:
    """How the names of the collection's types begin: `Trend`, or `TrendEmbeddings`."""
    words = "".join(one if one.isalnum() else " " for one in collection.name).split()
    return collection.label or "".join(word[:1].upper() + word[1:] for word in words)


_WAIT = argument(
    "wait", bool, "Answer when the write is stored and found by searches.", default=True
)


def _creation() -> list[StrawberryArgument]:
    return [
        argument("name", str, "Its name."),
        argument("size", int | None, "The dimensions of its vector without a name, if it has one."),
        argument("distance", t.Distance, "Of that vector.", default=t.Distance.COSINE),
        argument(
            "text",
            bool,
            "That vector is made of text: the gateway's model is remembered, which gives the size.",
            default=False,
        ),
        argument("vectors", list[t.NamedVectorParamsInput] | None, "Its named vectors.", UNSET),
        argument("sparse", list[str] | None, "The names of its sparse vectors.", UNSET),
    ]
