"""What Strawberry keeps of the classes it is given, and of the elements of the schema it makes."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.schema.name_converter import NameConverter
from strawberry.types.enum import has_enum_definition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAMES = NameConverter()

DEFINED_BY = "strawberry-definition"
"""Where Strawberry notes it among an element's extensions."""


def definition_of(element: Any) -> Any:
    """The Strawberry field, type or argument behind an element of the schema; None without one."""
    return noted(element, DEFINED_BY)


def directives_on(element: Any) -> list[Any]:
    """The directives that a domain gave to an element of the schema."""
    return list(getattr(definition_of(element), "directives", None) or ())


def noted(element: Any, key: str) -> Any:
    """What stands under a key among an element's extensions: notes on what Strawberry did not make.

    None where nothing does.
    """
    return (getattr(element, "extensions", None) or {}).get(key)


def note(element: Any, key: str, value: Any) -> None:
    """Let something stand there."""
    element.extensions = {**(element.extensions or {}), key: value}


def fields_of(cls: type) -> list[Any]:
    """The Strawberry fields of a class, in order."""
    return list(cls.__strawberry_definition__.fields)  # type: ignore[attr-defined]  # set by Strawberry


def paragraph(text: str | None) -> str | None:
    """A docstring as a description: one line, None where it says nothing."""
    return " ".join((text or "").split()) or None


def declare_enum(cls: type[enum.Enum]) -> None:
    """Make a plain Python enum of stored values a GraphQL one; its docstring is the description."""
    if not has_enum_definition(cls):
        strawberry.enum(cls, description=paragraph(cls.__doc__))
        describe_values(cls, lambda value: f"Stored as `{value}`.")


def names_enum(
    name: str, names: Mapping[str, str], says: str, *, spelt: bool = True
) -> type[enum.Enum]:
    """A GraphQL enum of names, each with what it says: `firstSeen` is called `FIRST_SEEN`.

    Its value stays. Where it is not to be `spelt` so, it is called as it is.
    """
    members: dict[str, str] = {}
    for one in names:
        shown = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", one).upper() if spelt else one
        members[one if shown in members else shown] = one
    functional: Any = enum.Enum  # to a type checker it takes literals alone
    made: type[enum.Enum] = functional(name, members, module=__name__)
    strawberry.enum(made, description=says)
    describe_values(made, names.__getitem__)
    return made


def describe_values(cls: Any, says: Callable[[Any], str]) -> None:
    """Let the values of a GraphQL enum that say nothing say what `says` makes of their value."""
    for one in cls.__strawberry_definition__.values:
        one.description = one.description or says(one.value)


def type_name(cls: type) -> str:
    """What a class is called in GraphQL."""
    return _NAMES.from_type(cls.__strawberry_definition__)  # type: ignore[attr-defined]  # likewise


def field_name(field: Any) -> str:
    """What a Strawberry field is called in GraphQL."""
    return _NAMES.from_field(field)


def guarded(cls: type) -> set[str]:
    """The fields of a class, by their GraphQL names, that ask for a permission."""
    return {field_name(field) for field in fields_of(cls) if field.permission_classes}
