"""The inputs that a collection's declared payload gives: `TrendVectorFilter`, `TrendPayloadKey`.

A filter has a member for each payload field, and each has only the conditions its type allows. The
filters of scalars are shared by all collections. Without a declared payload the generic ones serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import strawberry

from gateway.errors import ConfigurationError
from gateway.schema.definitions import names_enum
from gateway.schema.lists.inputs import Inputs
from gateway.schema.vectors.collections import BOUNDS, PayloadField, VectorCollection
from gateway.schema.vectors.inputs import CountRange, GeoBox, GeoRadius, VectorFilter

_SAYS = {
    "eq": "It is this.",
    "ne": "It is something else than this; a missing value is nothing.",
    "in": "It is one of these.",
    "notIn": "It is something else than these; a missing value is nothing.",
    "text": "It holds all these words.",
    "gt": "Greater than this, or after it.",
    "gte": "The same, or equal.",
    "lt": "Less than this, or before it.",
    "lte": "The same, or equal.",
    "isNull": "It is null, or is not.",
    "isEmpty": "It is missing, null or an empty list, or is not.",
    "contains": "All of these are among its values.",
    "overlaps": "At least one of these is among its values.",
    "some": "One of its values lies within these bounds.",
    "valuesCount": "It has this many values.",
    "geoRadius": "It is a place near another.",
    "geoBox": "It is a place between two corners.",
}

_FIXED: Mapping[str, Any] = {
    "isNull": bool,
    "isEmpty": bool,
    "text": str,
    "geoRadius": GeoRadius,
    "geoBox": GeoBox,
    "valuesCount": CountRange,
}
"""What conditions take that is the same for every field."""


@dataclass(frozen=True, slots=True)
class CollectionInputs:
    """What the arguments of one collection's fields are made of; of any that is named, for None.

    `label` begins the names of its types. `keys` are the payload fields to group by and to count,
    `inputs` what makes more of its types.
    """

    collection: VectorCollection | None
    label: str
    filter: Any
    keys: Any
    inputs: Inputs

    @property
    def sparse(self) -> bool:
        """Whether it may have sparse vectors."""
        return self.collection is None or bool(self.collection.sparse)

    @property
    def several(self) -> bool:
        """Whether there may be several vectors to choose from."""
        return self.collection is None or bool(self.collection.choices)


class VectorInputs:
    """Makes and remembers the inputs of one schema's vector collections."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._made: dict[VectorCollection | None, CollectionInputs] = {}
        self._labels: dict[str, VectorCollection] = {}

    def of(self, collection: VectorCollection | None, label: str, where: str) -> CollectionInputs:
        """Those of a collection, whose types are called by its `label`, or the one given first.

        Raises ConfigurationError, beginning with `where`, where another's are called so already.
        """
        if collection not in self._made:
            wanted: Any = VectorFilter
            keys = None
            if collection is not None:
                label = collection.label or label
            if collection is not None and collection.fields:
                self._claim(label, collection, where)
                wanted, keys = self._filter(collection, label), _keys(collection, label)
            made = CollectionInputs(collection, label, wanted, keys or str, self._inputs)
            self._made[collection] = made
        return self._made[collection]

    def _claim(self, label: str, collection: VectorCollection, where: str) -> None:
        first = self._labels.setdefault(label, collection)
        if first is not collection:
            raise ConfigurationError(
                f"{where}: the types of collection {first.name!r} are called {label} already; "
                f"declare one of them once and use it everywhere, or give {collection.name!r} "
                "a `label`."
            )

    def _filter(self, collection: VectorCollection, label: str) -> type:
        """`<label>VectorFilter`."""
        name = f"{label}VectorFilter"
        own: Any = self._inputs.of(name)
        groups = list[own] | None
        members: dict[str, tuple[Any, str]] = {
            "must": (groups, "All of these hold."),
            "should": (groups, "At least one of these holds."),
            "mustNot": (groups, "None of these holds."),
            "hasId": (list[strawberry.ID] | None, "The point has one of these ids."),
        }
        for field in collection.fields.values():
            says = f"By what is stored at `{field.path}`."
            members[field.name] = (self._conditions_on(field) | None, says)
        says = "Which points, by what is stored with them; all given members hold."
        return self._inputs.make(name, members, says)

    def _conditions_on(self, field: PayloadField) -> type:
        kind = field.labels.__name__ if field.labels is not None else field.kind.name
        name = f"{kind}{'List' if field.many else ''}PayloadFilter"
        says = f"Conditions on {'a list of ' if field.many else ''}{kind} in a payload."
        return self._inputs.known(name) or self._inputs.make(
            name, {one: (self._operand(one, field), _SAYS[one]) for one in field.conditions}, says
        )

    def _operand(self, operator: str, field: PayloadField) -> Any:
        if operator in _FIXED:
            return _FIXED[operator] | None
        if operator == "some":
            return self._range(field) | None
        value = field.annotation
        if operator in {"in", "notIn", "contains", "overlaps"}:
            return list[value] | None  # type: ignore[valid-type]  # made at run time
        return value | None

    def _range(self, field: PayloadField) -> type:
        name = f"{field.kind.name}PayloadRange"
        return self._inputs.known(name) or self._inputs.make(
            name,
            {one: (field.annotation | None, _SAYS[one]) for one in BOUNDS},
            "Bounds, all of which hold.",
        )


def _keys(collection: VectorCollection, label: str) -> Any:
    """`<label>PayloadKey`: the fields points are counted and grouped by; None without any."""
    keys = {one.name: one.says for one in collection.fields.values() if one.counted}
    says = "A payload field that has values to count."
    return names_enum(f"{label}PayloadKey", keys, says) if keys else None
