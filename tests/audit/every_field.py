"""A request for each root field of a schema, with the least that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphql import GraphQLField, GraphQLInputType, GraphQLSchema, GraphQLType

VALUES = {
    "Boolean": "true",
    "DateTime": '"2026-01-31T12:00:00Z"',
    "Float": "1.5",
    "ID": '"1"',
    "Int": "1",
    "JSON": "{a: 1}",
    "String": '"trend_embeddings"',
    "UUID": '"cccccccc-cccc-4ccc-8ccc-cccccccccccc"',
    "_Any": '{__typename: "Trend", id: "1"}',
}
"""A literal of each scalar; of text one that is the name of a collection, too."""

GIVEN = frozenset({"ids", "positive", "set", "text"})
"""Arguments and members that are given though they are not required: one of several is."""

LEFT_OUT = frozenset({"edges", "groups"})
"""Fields that ask for more arguments than the schema says are required."""

OPERATIONS = ("query", "mutation")
DEPTH = 3


def requests(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    """The name and the document of each; those of uploads, which come as forms, are left out."""
    for word in OPERATIONS:
        root = getattr(schema, f"{word}_type")
        for name, field in root.fields.items():
            if not any(get_named_type(one.type).name == "Upload" for one in field.args.values()):
                yield name, f"{word} {{ {_asked(name, field, DEPTH)} }}"


def _asked(name: str, field: GraphQLField, depth: int) -> str:
    given = [
        f"{key}: {_literal(argument.type)}"
        for key, argument in field.args.items()
        if is_required_argument(argument) or key in GIVEN
    ]
    arguments = f"({', '.join(given)})" if given else ""
    return f"{name}{arguments}{_selection(field.type, depth)}"


def _selection(shown: GraphQLType, depth: int) -> str:
    """Every field of no depth, and one level less of those that lead on."""
    inner = get_named_type(shown)
    if not is_composite_type(inner):
        return ""
    fields = getattr(inner, "fields", {})
    chosen = [
        _asked(name, field, depth - 1)
        for name, field in fields.items()
        if name not in LEFT_OUT
        if depth > 1 or not is_composite_type(get_named_type(field.type))
    ]
    return f" {{ __typename {' '.join(chosen[:12])} }}"


def _literal(wanted: GraphQLInputType) -> str:
    inner = get_nullable_type(wanted)
    if isinstance(inner, GraphQLList):
        return f"[{_literal(inner.of_type)}]"
    if isinstance(inner, GraphQLEnumType):
        return next(iter(inner.values))
    if isinstance(inner, GraphQLInputObjectType):
        return _object(inner)
    assert not isinstance(inner, GraphQLNonNull)
    return VALUES.get(inner.name, "1")


def _object(inner: GraphQLInputObjectType) -> str:
    """What it takes; where that is nothing, a member that does not lead back to it."""
    fields = inner.fields
    needed = {
        name: one
        for name, one in fields.items()
        if is_required_input_field(one) or (name in GIVEN and not inner.is_one_of)
    }
    if not needed:
        onwards = (each for each in fields.items() if get_named_type(each[1].type) is not inner)
        needed = dict([next(onwards)])
    return f"{{{', '.join(f'{name}: {_literal(one.type)}' for name, one in needed.items())}}}"
