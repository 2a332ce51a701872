"""The variables of one request, coerced; the plain ones without graphql-core's ceremony.

GraphQL specification, section 6.1.2. A variable of a plain built-in type or an enum, or a list of
such, whose JSON value has exactly that type needs next to no coercion; everything else, and every
error, goes through graphql-core, which takes a millisecond for the 256 numbers of a vector.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from graphql import (
    ArgumentNode,
    GraphQLEnumType,
    GraphQLError,
    ListTypeNode,
    NonNullTypeNode,
    ObjectFieldNode,
    VariableNode,
    get_variable_values,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

from gateway.errors import InputError
from gateway.planning.wording import in_json, of_null

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from graphql import GraphQLSchema, TypeNode, VariableDefinitionNode
    from graphql.execution.get_variable_signature import GraphQLVariableSignature

_INT_LOW, _INT_HIGH = -(1 << 31), (1 << 31) - 1
_ONLY_FLOATS = {float}


def _plain_id(value: Any) -> Any:
    if type(value) is str:
        return value
    return str(value) if type(value) is int else None


def _plain_int(value: Any) -> Any:
    return value if type(value) is int and _INT_LOW <= value <= _INT_HIGH else None


def _plain_string(value: Any) -> Any:
    return value if type(value) is str else None


def _plain_any(value: Any) -> Any:
    """Of federation's `_Any`: whatever it is."""
    return value


def _plain_boolean(value: Any) -> Any:
    return value if type(value) is bool else None


def _plain_float(value: Any) -> Any:
    if type(value) is int and _INT_LOW <= value <= _INT_HIGH:
        return float(value)
    return value if type(value) is float and isfinite(value) else None


def _plain_list(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def plain(value: Any) -> Any:
        if type(value) is not list:
            return None
        items = [convert(item) for item in value]
        return None if None in items else items

    return plain


_some_floats = _plain_list(_plain_float)


def _plain_floats(value: Any) -> Any:
    """A vector: checked as a whole, at a fiftieth of the time, where it has no whole numbers."""
    if type(value) is not list or set(map(type, value)) != _ONLY_FLOATS:
        return _some_floats(value)
    return list(value) if all(map(isfinite, value)) else None


def _plain_enum(enum: GraphQLEnumType) -> Callable[[Any], Any]:
    def plain(value: Any) -> Any:
        known = type(value) is str and value in enum.values
        return enum.coerce_input_value(value) if known else None

    return plain


_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "ID": _plain_id,
    "Int": _plain_int,
    "Float": _plain_float,
    "String": _plain_string,
    "Boolean": _plain_boolean,
    "_Any": _plain_any,
}


class Variables:
    """Coerced variables: `coerced` by name, without those that were omitted and have no default.

    `given` is the JSON they were made of; `complete` where each of them was given.
    """

    __slots__ = ("_coercer", "_complete", "_whole", "coerced", "given")

    def __init__(
        self,
        coercer: VariableCoercer,
        given: Mapping[str, Any],
        coerced: dict[str, Any],
        *,
        complete: bool = False,
    ) -> None:
        self._coercer = coercer
        self._complete = complete
        self.given = given
        self._whole: VariableValues | None = None
        self.coerced = coerced

    def whole(self) -> VariableValues:
        """What graphql-core's own functions take."""
        if self._whole is None:
            self._whole = (
                self._coercer.with_sources(self.given, self.coerced)
                if self._complete
                else self._coercer.coerce_whole(self.given)
            )
        return self._whole


class VariableCoercer:
    """Coerces the variables of one operation, request after request.

    `suggestions` lets errors name what the client may have meant, as in a document's own.
    """

    __slots__ = ("_definitions", "_plain", "_schema", "_signatures", "_suggestions")

    def __init__(
        self,
        schema: GraphQLSchema,
        definitions: Sequence[VariableDefinitionNode],
        *,
        suggestions: bool = False,
    ) -> None:
        self._schema = schema
        self._definitions = definitions
        self._suggestions = suggestions
        plain: list[tuple[str, Callable[[Any], Any]]] | None = []
        for definition in definitions:
            convert = _converter(schema, definition.type)
            if plain is not None and convert is not None:
                plain.append((definition.variable.name.value, convert))
            else:
                plain = None
        self._plain = plain
        self._signatures: dict[str, GraphQLVariableSignature] | None = None

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
                return Variables(self, given, coerced, complete=True)
        variables = Variables(self, given, {})
        variables.coerced = variables.whole().coerced
        return variables

    def with_sources(self, given: Mapping[str, Any], coerced: dict[str, Any]) -> VariableValues:
        """Values that are coerced already, each with what it was made of."""
        if self._signatures is None:
            self._signatures = self._signed()
        sources = {
            name: VariableValueSource(signature, given[name])
            for name, signature in self._signatures.items()
        }
        return VariableValues(sources, coerced)

    def _signed(self) -> dict[str, GraphQLVariableSignature]:
        signed = {}
        for definition in self._definitions:
            signature = get_variable_signature(self._schema, definition)
            if isinstance(signature, GraphQLError):
                raise input_error(signature)
            signed[signature.name] = signature
        return signed

    def coerce_whole(self, given: Mapping[str, Any]) -> VariableValues:
        """The same by graphql-core, with where each value came from."""
        result = get_variable_values(
            self._schema,
            self._definitions,
            dict(given),
            max_errors=10,
            hide_suggestions=not self._suggestions,
        )
        if isinstance(result, list):
            raise input_error(result[0], given)
        return result


def _converter(schema: GraphQLSchema, node: TypeNode) -> Callable[[Any], Any] | None:
    """What coerces a value that is plain, and gives None for any other; None where none can be."""
    if isinstance(node, NonNullTypeNode):
        node = node.type
    if isinstance(node, ListTypeNode):
        convert = _converter(schema, node.type)
        if convert is None:
            return None
        return _plain_floats if convert is _plain_float else _plain_list(convert)
    name: str = getattr(getattr(node, "name", None), "value", "")
    enum = schema.get_type(name)
    return _plain_enum(enum) if isinstance(enum, GraphQLEnumType) else _PLAIN.get(name)


def input_error(error: GraphQLError, given: Mapping[str, Any] | None = None) -> InputError:
    """An InputError that says what a graphql-core coercion error says, in GraphQL's own terms.

    `given`: the variables, where the error is about their values.
    """
    locations = tuple((place.line, place.column) for place in error.locations or ())
    failure = InputError(in_json(of_null(error.message), given or {}))
    failure.locations = locations
    return failure


def variables_in(node: Any) -> Iterator[str]:
    """The variables in a value literal or an argument, at any depth."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, VariableNode):
            yield one.name.value
        elif isinstance(one, ArgumentNode | ObjectFieldNode):
            waiting.append(one.value)
        else:
            waiting += (*getattr(one, "values", ()), *getattr(one, "fields", ()))
