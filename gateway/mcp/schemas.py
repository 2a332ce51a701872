"""GraphQL's input types as JSON Schema (draft 2020-12): what a tool's arguments may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
    is_specified_scalar_type,
    type_from_ast,
    value_from_ast_untyped,
)
from graphql.utilities.get_default_value_ast import get_default_value_ast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphql import GraphQLSchema, ValueNode, VariableDefinitionNode

    Schema = dict[str, Any]

_SCALARS: Mapping[str, Mapping[str, Any]] = {
    "Int": {"type": "integer", "format": "int32"},
    "Float": {"type": "number"},
    "String": {"type": "string"},
    "Boolean": {"type": "boolean"},
    "ID": {"type": "string"},
    "BigInt": {"type": "string", "pattern": r"^-?\d{1,19}$"},
    "Bytes": {"type": "string", "contentEncoding": "base64"},
    "Date": {"type": "string", "format": "date"},
    "DateTime": {"type": "string", "format": "date-time"},
    "Decimal": {"type": "string"},
    "Duration": {"type": "string", "format": "duration"},
    "Time": {"type": "string", "format": "time"},
    "UUID": {"type": "string", "format": "uuid"},
    "Vector": {"type": "array", "items": {"type": "number"}},
}
"""Scalars by how JSON holds them; of any other only its description is told."""


def arguments_schema(
    variables: Sequence[VariableDefinitionNode], schema: GraphQLSchema, told: Mapping[str, str]
) -> Schema:
    """The schema of an object with a member for each variable of a valid operation.

    `told`: what variables mean that do not say so themselves, by name. Input objects are in
    `$defs`, each once, so that types that hold themselves come to an end.
    """
    definitions: Schema = {}
    properties: Schema = {}
    required = []
    for one in variables:
        name, kind = one.variable.name.value, type_from_ast(schema, one.type)
        means = one.description.value if one.description else told.get(name)
        properties[name] = _member(_value(kind, definitions), means, one.default_value)
        if isinstance(kind, GraphQLNonNull) and one.default_value is None:
            required.append(name)
    made = _object(properties, required)
    return {**made, "$defs": definitions} if definitions else made


def _value(kind: Any, definitions: Schema) -> Schema:
    if isinstance(kind, GraphQLNonNull):
        return _present(kind.of_type, definitions)
    made = _present(kind, definitions)
    if "$ref" in made:
        return {"anyOf": [made, {"type": "null"}]}
    if "enum" in made:
        made["enum"].append(None)
    return {**made, "type": [made["type"], "null"]} if "type" in made else made


def _present(kind: Any, definitions: Schema) -> Schema:
    """The schema of a value that is not null."""
    if isinstance(kind, GraphQLList):
        return {"type": "array", "items": _value(kind.of_type, definitions)}
    if isinstance(kind, GraphQLEnumType):
        return _member({"type": "string", "enum": [*kind.values]}, kind.description)
    if isinstance(kind, GraphQLInputObjectType):
        if kind.name not in definitions:
            definitions[kind.name] = {}  # it may hold itself
            definitions[kind.name] = _input_object(kind, definitions)
        return {"$ref": f"#/$defs/{kind.name}"}
    means = None if is_specified_scalar_type(kind) else kind.description
    return _member(_SCALARS.get(kind.name, {}), means)


def _input_object(kind: GraphQLInputObjectType, definitions: Schema) -> Schema:
    of = _present if kind.is_one_of else _value
    members = {
        name: _member(of(one.type, definitions), one.description, get_default_value_ast(one))
        for name, one in kind.fields.items()
    }
    required = [name for name, one in kind.fields.items() if is_required_input_field(one)]
    made = _member(_object(members, required), kind.description)
    return {**made, "oneOf": [{"required": [name]} for name in members]} if kind.is_one_of else made


def _object(members: Schema, required: list[str]) -> Schema:
    made = {"type": "object", "properties": members, "additionalProperties": False}
    return {**made, "required": required} if required else made


def _member(made: Mapping[str, Any], means: str | None, default: ValueNode | None = None) -> Schema:
    """The same with what it means, and its default."""
    told = {"description": means} if means else {}
    return {**made, **told, **({"default": value_from_ast_untyped(default)} if default else {})}
