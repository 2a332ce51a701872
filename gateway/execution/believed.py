"""What a representation says of an object that another subgraph owns, as resolvers read it."""

from __future__ import annotations

from typing import Any

from strawberry.types.base import StrawberryContainer, StrawberryList

from gateway.schema.definitions import field_name, fields_of


def believed(cls: type, attribute: str, value: Any) -> Any:
    """The value of an external attribute of an entity: objects of the classes it is annotated with.

    What the representation does not tell of them is None.
    """
    field = next(one for one in fields_of(cls) if one.python_name == attribute)
    return _made(field.type, value)


def _made(type_: Any, value: Any) -> Any:
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
