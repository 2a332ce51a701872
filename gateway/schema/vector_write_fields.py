"""Gives the fields of vector writes and of administration their types and arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.scalars import JSON
from strawberry.types.unset import UNSET

from gateway.errors import ConfigurationError
from gateway.schema import vector_write_types as t
from gateway.schema.arguments import argument
from gateway.schema.vector_payloads import payload_input, payload_names
from gateway.schema.vector_writes import ON_POINTS, READS, Operation, VectorChange
from gateway.schema.vectors import VectorFilter

if TYPE_CHECKING:
    from collections.abc import Callable

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.bindings import Bound
    from gateway.schema.inputs import Inputs
    from gateway.schema.vector_collections import VectorCollection

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

    def __init__(
        self, inputs: Inputs, inputs_of: Callable[[VectorCollection, str, str], tuple[str, Any]]
    ) -> None:
        """`inputs_of` gives the label and the filter of a collection, as reads have them."""
        self._inputs = inputs
        self._inputs_of = inputs_of
        self._made: dict[VectorCollection | None, _Types] = {}

    def settle(  # noqa: PLR0913 - what is known of the field, each by name
        self, field: Bound, cls: type, hint: Any, *, nullable: bool, writes: bool, entity: bool
    ) -> None:
        """Set type and arguments; `hint` is the annotation without `| None`.

        `writes`, `entity`: whether `cls` holds mutations, or is an entity.
        Raises ConfigurationError where the field has another type, or stands in the wrong class.
        """
        where = f"{cls.__name__}.{field.python_name}"
        binding = field.binding
        if not isinstance(binding, VectorChange):
            raise TypeError(f"{where} is bound to no operation of a vector engine")
        right = _RETURNS[binding.operation]
        if hint != right or not nullable:
            name = getattr(right, "__name__", "VectorCollectionInfo")
            shown = f"list[{name}]" if binding.operation is Operation.COLLECTIONS else name
            raise ConfigurationError(f"{where}: annotate it `{shown} | None`.")
        if entity or writes is (binding.operation in READS):
            right_class = "queries" if binding.operation in READS else "mutations"
            raise ConfigurationError(f"{where}: this field belongs into a class of {right_class}.")
        field.settle(hint | None, self._arguments(binding, where))

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
            label, picked, payload, fields = "", VectorFilter, JSON, None
            if collection is not None:
                label, picked = self._inputs_of(collection, label_of(collection), where)
                payload = payload_input(self._inputs, collection, label)
                fields = payload_names(collection, label)
            point = self._inputs.make(
                f"{label}PointInput",
                {
                    "id": (strawberry.ID, "An unsigned integer or a UUID."),
                    "vector": (t.Vector | None, "Its vector."),
                    "text": (str | None, "Instead of a vector: the text it is made of."),
                    "vectors": (
                        list[t.NamedVectorInput] | None,
                        "Its other vectors, by name.",
                    ),
                    "payload": (payload | None, "What is stored with it."),
                },
                "A point to store: by `vector`, or by `text`.",
            )
            self._made[collection] = _Types(point, picked, payload, fields or str)
        return self._made[collection]


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
        argument("distance", t.VectorMetric, "Of that vector.", default=t.VectorMetric.COSINE),
        argument(
            "text",
            bool,
            "That vector is made of text: the gateway's model is remembered, which gives the size.",
            default=False,
        ),
        argument("vectors", list[t.NamedVectorParamsInput] | None, "Its named vectors.", UNSET),
        argument("sparse", list[str] | None, "The names of its sparse vectors.", UNSET),
    ]
