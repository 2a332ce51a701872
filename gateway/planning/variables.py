"""The variables of one request, coerced; the plain ones without graphql-core's ceremony.

GraphQL specification, section 6.1.2. A variable of a plain built-in type whose JSON value has
exactly that type needs no coercion; everything else, and every error, goes through graphql-core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, NonNullTypeNode, VariableNode, get_variable_values

from gateway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphql import GraphQLSchema, VariableDefinitionNode
    from graphql.execution.values import VariableValues

_INT_LOW, _INT_HIGH = -(1 << 31), (1 << 31) - 1


def _plain_id(value: Any) -> Any:
    if type(value) is str:
        return value
    return str(value) if type(value) is int else None


def _plain_int(value: Any) -> Any:
    return value if type(value) is int and _INT_LOW <= value <= _INT_HIGH else None


def _plain_string(value: Any) -> Any:
    return value if type(value) is str else None


def _plain_boolean(value: Any) -> Any:
    return value if type(value) is bool else None


_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "ID": _plain_id,
    "Int": _plain_int,
    "String": _plain_string,
    "Boolean": _plain_boolean,
}


class Variables:
    """Coerced variables: `coerced` by name, without those that were omitted and have no default.

    `given` is the JSON they were made of.
    """

    __slots__ = ("_coercer", "_whole", "coerced", "given")

    def __init__(
        self, coercer: VariableCoercer, given: Mapping[str, Any], coerced: dict[str, Any]
    ) -> None:
        self._coercer = coercer
        self.given = given
        self._whole: VariableValues | None = None
        self.coerced = coerced

    def whole(self) -> VariableValues:
        """What graphql-core's own functions take."""
        if self._whole is None:
            self._whole = self._coercer.coerce_whole(self.given)
        return self._whole


class VariableCoercer:
    """Coerces the variables of one operation, request after request."""

    __slots__ = ("_definitions", "_plain", "_schema")

    def __init__(
        self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]
    ) -> None:
        self._schema = schema
        self._definitions = definitions
        plain: list[tuple[str, Callable[[Any], Any]]] | None = []
        for definition in definitions:
            type_node = definition.type
            if isinstance(type_node, NonNullTypeNode):
                type_node = type_node.type
            name: str = getattr(getattr(type_node, "name", None), "value", "")
            if plain is not None and name in _PLAIN:
                plain.append((definition.variable.name.value, _PLAIN[name]))
            else:
                plain = None
        self._plain = plain

    def coerce(self, given: Mapping[str, Any]) -> Variables:
        """The request's variables. Raises InputError naming the first that is wrong."""
        if self._plain is not None:
            coerced = {}
            for name, convert in self._plain:
                value = convert(given.get(name))
                if value is None:
                    break
                coerced[name] = value
            else:
                return Variables(self, given, coerced)
        variables = Variables(self, given, {})
        variables.coerced = variables.whole().coerced
        return variables

    def coerce_whole(self, given: Mapping[str, Any]) -> VariableValues:
        """The same by graphql-core, with where each value came from."""
        result = get_variable_values(
            self._schema, self._definitions, dict(given), max_errors=10, hide_suggestions=True
        )
        if isinstance(result, list):
            raise input_error(result[0])
        return result


def input_error(error: GraphQLError) -> InputError:
    """An InputError that says what a graphql-core coercion error says."""
    locations = tuple((place.line, place.column) for place in error.locations or ())
    failure = InputError(error.message)
    failure.locations = locations
    return failure


def has_variables(node: Any) -> bool:
    """Whether a value literal contains a variable at any depth."""
    if isinstance(node, VariableNode):
        return True
    inner = [*(getattr(node, "values", None) or ()), *(getattr(node, "fields", None) or ())]
    return any(has_variables(getattr(part, "value", part)) for part in inner)
