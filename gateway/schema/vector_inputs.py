"""The inputs that a collection's declared payload gives: `TrendVectorFilter`, `TrendPayloadKey`.

A filter has a member for each payload field, and each has only the conditions its type allows. The
filters of scalars are shared by all collections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry

from gateway.schema.inputs import Inputs, names_enum
from gateway.schema.vector_collections import ANNOTATIONS, PayloadKind
from gateway.schema.vector_payloads import stored_at
from gateway.schema.vectors import CountRange, GeoBox, GeoRadius

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.vector_collections import PayloadField, VectorCollection

_EQUAL = ("eq", "ne", "in", "notIn")
_BOUNDS = ("gt", "gte", "lt", "lte")
_ABSENT = ("isNull", "isEmpty")
_PLACES = ("geoRadius", "geoBox")

ONE: Mapping[PayloadKind, tuple[str, ...]] = {
    PayloadKind.TEXT: (*_EQUAL, "text", *_ABSENT),
    PayloadKind.ID: (*_EQUAL, *_ABSENT),
    PayloadKind.ENUM: (*_EQUAL, *_ABSENT),
    PayloadKind.INTEGER: (*_EQUAL, *_BOUNDS, *_ABSENT),
    PayloadKind.BIG_INTEGER: (*_EQUAL, *_BOUNDS, *_ABSENT),
    PayloadKind.FLOAT: (*_BOUNDS, *_ABSENT),
    PayloadKind.MOMENT: (*_BOUNDS, *_ABSENT),
    PayloadKind.BOOLEAN: ("eq", "ne", *_ABSENT),
    PayloadKind.PLACE: (*_PLACES, *_ABSENT),
    PayloadKind.DOCUMENT: ("valuesCount", *_ABSENT),
}
"""The conditions on a single value, by its kind."""

_LISTED = ("valuesCount", *_ABSENT)
MANY: Mapping[PayloadKind, tuple[str, ...]] = {
    PayloadKind.TEXT: ("contains", "overlaps", "text", *_LISTED),
    PayloadKind.ID: ("contains", "overlaps", *_LISTED),
    PayloadKind.ENUM: ("contains", "overlaps", *_LISTED),
    PayloadKind.INTEGER: ("contains", "overlaps", "some", *_LISTED),
    PayloadKind.BIG_INTEGER: ("contains", "overlaps", "some", *_LISTED),
    PayloadKind.FLOAT: ("some", *_LISTED),
    PayloadKind.MOMENT: ("some", *_LISTED),
    PayloadKind.BOOLEAN: ("contains", *_LISTED),
    PayloadKind.PLACE: (*_PLACES, *_LISTED),
    PayloadKind.DOCUMENT: _LISTED,
}
"""The conditions on a list of values, by their kind."""

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


class VectorInputs:
    """Makes and remembers the input types of one schema's vector collections."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._conditions: dict[str, type] = {}

    def filter_of(self, collection: VectorCollection, label: str) -> type:
        """`<label>VectorFilter`, for a collection whose payload is declared."""
        name = f"{label}VectorFilter"
        groups = f"Optional[list[{name}]]"
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

    def keys_of(self, collection: VectorCollection, label: str) -> Any:
        """`<label>PayloadKey`: the fields points are counted and grouped by; None without any."""
        keys = {one.name: stored_at(one) for one in collection.fields.values() if one.counted}
        if not keys:
            return None
        says = "A payload field that has values to count."
        return names_enum(f"{label}PayloadKey", keys, says)

    def _conditions_on(self, field: PayloadField) -> type:
        kind = field.labels.__name__ if field.labels is not None else field.kind.value
        name = f"{kind}{'List' if field.many else ''}PayloadFilter"
        if name not in self._conditions:
            operators = (MANY if field.many else ONE)[field.kind]
            members = {op: (self._operand(op, field), _SAYS[op]) for op in operators}
            says = f"Conditions on {'a list of ' if field.many else ''}{kind} in a payload."
            self._conditions[name] = self._inputs.make(name, members, says)
        return self._conditions[name]

    def _operand(self, operator: str, field: PayloadField) -> Any:
        fixed = {
            "isNull": bool,
            "isEmpty": bool,
            "text": str,
            "geoRadius": GeoRadius,
            "geoBox": GeoBox,
            "valuesCount": CountRange,
        }
        if operator in fixed:
            return fixed[operator] | None
        if operator == "some":
            return self._range(field) | None
        value = field.labels if field.labels is not None else ANNOTATIONS[field.kind]
        if operator in {"in", "notIn", "contains", "overlaps"}:
            return list[value] | None  # type: ignore[valid-type]  # made at run time
        return value | None

    def _range(self, field: PayloadField) -> type:
        name = f"{field.kind.value}PayloadRange"
        if name not in self._conditions:
            value = ANNOTATIONS[field.kind]
            members = {op: (value | None, _SAYS[op]) for op in _BOUNDS}
            self._conditions[name] = self._inputs.make(name, members, "Bounds, all of which hold.")
        return self._conditions[name]
