"""Members of types and inputs, and arguments, each with its meaning; types made of members."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from types import NoneType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.schema_directives import OneOf
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

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
        type_annotation=annotated(annotation),
        description=says or None,
        default=default,
    )


@lru_cache(maxsize=512)
def annotated(annotation: Any) -> StrawberryAnnotation:
    """An annotation as Strawberry has it, one for all that are annotated alike.

    It remembers what it was resolved to, which is most of what a field costs. With a namespace of
    its own, since Strawberry gives one to what has none, and forgets.
    """
    return StrawberryAnnotation(annotation, namespace={})


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
    made: type = named(name)
    _define(made, [_field(made, one, *member) for one, member in members.items()], says)
    return made


def named(name: str) -> Any:
    """A class for a generated type of this name, for others to refer to before it has fields.

    No dataclass: nobody makes objects of it but Strawberry, of inputs and by keywords. A dataclass
    writes and compiles methods of its own for every class, which was half of the time of a start.
    """
    return type(name, (SimpleNamespace,), {"__module__": __name__})


def define_input(
    made: type, members: Mapping[str, tuple[Any, str]], says: str, *, one_of: bool
) -> None:
    """Give an input its fields, by their GraphQL names; what may be null may be left out."""
    fields = []
    for name, (annotation, described) in members.items():
        field = _field(made, name, annotation, described)
        if NoneType in get_args(annotation):
            field.default = field.default_value = strawberry.UNSET
            setattr(made, field.python_name, strawberry.UNSET)
        fields.append(field)
    _define(made, fields, says, [OneOf()] if one_of else (), is_input=True)


class _Field(StrawberryField):
    """A field of a generated type: no type variables, so that its annotation is all there is."""

    type_annotation: StrawberryAnnotation

    def resolve_type(self, *, type_definition: Any = None) -> Any:  # noqa: ARG002 - Strawberry's signature
        """What Strawberry asks for many times of each field."""
        return self.type_annotation.resolve()


def _field(
    cls: type, name: str, annotation: Any, says: str, arguments: Sequence[StrawberryArgument] = ()
) -> StrawberryField:
    field = _Field(
        python_name=f"{name}_",  # no member can thus be a Python keyword
        graphql_name=name,
        type_annotation=annotated(annotation),
        origin=cls,
        description=says or None,
    )
    field.arguments = list(arguments)
    return field


def _define(
    made: Any,
    fields: list[StrawberryField],
    says: str,
    directives: Sequence[object] = (),
    *,
    is_input: bool = False,
) -> None:
    made.__strawberry_definition__ = StrawberryObjectDefinition(
        name=made.__name__,
        is_input=is_input,
        is_interface=False,
        origin=made,
        description=says,
        interfaces=[],
        extend=False,
        directives=directives,
        is_type_of=None,
        resolve_type=None,
        fields=fields,
    )
