"""Between a source's JSON and what resolvers read: rows as objects, columns as Python has them."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import orjson
from strawberry.types.base import StrawberryContainer, StrawberryList

from gateway.schema.columns import kinds
from gateway.schema.definitions import field_name, fields_of

if TYPE_CHECKING:
    from gateway.schema.catalog import EntityInfo

ROW = "__plait_row__"
"""The attribute of an object that holds the row it was made of."""
_LONG = re.compile(rb"[0-9]{19}")
"""Digits in a row that may be an integer beyond 64 bits."""


def decoded(value: bytes) -> Any:
    """A source's JSON as Python has it; orjson makes floats of integers beyond 64 bits."""
    return json.loads(value) if _LONG.search(value) else orjson.loads(value)


def encoded(value: Any) -> Any:
    """A decoded value as orjson can write it, which refuses integers beyond 64 bits."""
    if not isinstance(value, dict | list | int) or isinstance(value, bool):
        return value
    try:
        return orjson.Fragment(orjson.dumps(value))
    except orjson.JSONEncodeError:
        return orjson.Fragment(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def object_of(entity: EntityInfo, row: dict[str, Any]) -> Any:
    """The object a plain resolver gets as `self`: the columns it needs, and the row beneath."""
    made: Any = object.__new__(entity.cls)
    made.__dict__.update({attribute: None for attribute, _ in entity.required.values()})
    for key, value in row.items():
        if key.startswith("~"):
            column = entity.attributes.get(key[1:])
            made.__dict__[key[1:]] = (
                _external(entity.cls, key[1:], value)
                if column is None
                else native(column.kind, value)
            )
    made.__dict__[ROW] = row
    return made


_PARSED = {"BigInt", "Decimal", "UUID", "DateTime", "Date", "Time", "Duration"}


def native(kind: kinds.Kind, value: Any) -> Any:
    """The Python value of a column, from its JSON."""
    if value is None:
        return None
    if kind.labels:
        return kind.annotation[value]
    if kind.item is not None:
        return [native(kind.item, part) for part in value]
    if kind is kinds.BYTES:
        return base64.b64decode(value)
    return kind.bind(value, kind.name) if kind.name in _PARSED else value


def _external(cls: type, attribute: str, value: Any) -> Any:
    """An attribute that another subgraph owns, of what a representation says of it."""
    field = next(one for one in fields_of(cls) if one.python_name == attribute)
    return _made(field.type, value)


def _made(type_: Any, value: Any) -> Any:
    """Objects of the annotated classes; what the representation does not tell of them is None."""
    if value is None:
        return None
    if isinstance(type_, StrawberryList):
        return [_made(type_.of_type, one) for one in value]
    if isinstance(type_, StrawberryContainer):
        return _made(type_.of_type, value)
    if not isinstance(value, dict) or not hasattr(type_, "__strawberry_definition__"):
        return value
    made: Any = object.__new__(type_)
    for field in fields_of(type_):
        made.__dict__[field.python_name] = _made(field.type, value.get(field_name(field)))
    return made
