"""Members of types and inputs, and arguments, each with its meaning; types made of members."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def member(says: str, default: Any = dataclasses.MISSING) -> Any:
    """A member that must be given, unless it has a default."""
    return strawberry.field(description=says, default=default)


def optional_member(says: str, name: str | None = None) -> Any:
    """A member of an input that may be left out; `name` is its own where Python cannot have it."""
    return strawberry.field(description=says, default=strawberry.UNSET, name=name)


def argument(
    name: str, annotation: Any, says: str, default: Any = strawberry.UNSET
) -> StrawberryArgument:
    """An argument by its GraphQL name; without a default it is required unless it may be null."""
    return StrawberryArgument(
        python_name=name,
        graphql_name=name,
        type_annotation=StrawberryAnnotation(annotation),
        description=says or None,
        default=default,
    )


def part(says: str, *arguments: Any, name: str | None = None) -> Any:
    """A field whose value stands in the planned answer."""
    made = strawberry.field(description=says, name=name)
    made.arguments = list(arguments)
    return made


class Member(NamedTuple):
    """A field of a generated type; its value stands in the planned answer."""

    annotation: Any
    says: str = ""
    arguments: Sequence[StrawberryArgument] = ()


def make_type(name: str, members: Mapping[str, Member], says: str) -> type:
    """An object type with these fields, by their GraphQL names."""
    body: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    for member, (annotation, description, arguments) in members.items():
        attribute = f"{member}_"  # no member can thus be a Python keyword
        field = strawberry.field(name=member, description=description or None)
        field.arguments = list(arguments)
        body["__annotations__"][attribute] = annotation
        body[attribute] = field
    return strawberry.type(type(name, (), body), name=name, description=says)
