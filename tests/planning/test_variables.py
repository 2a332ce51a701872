"""Variables: the short way for plain types says exactly what graphql-core says."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from graphql import GraphQLError, OperationDefinitionNode, get_variable_values, parse
from hypothesis import given
from hypothesis import strategies as st
from toy.domain import domain
from toy.profiles import examples

from gateway.errors import Code, InputError
from gateway.planning.proxying import VariablesSpec
from gateway.planning.variables import VariableCoercer, Variables, variables_in
from gateway.schema.build import build
from gateway.schema.uploads import Upload

if TYPE_CHECKING:
    from graphql.execution.values import VariableValues

SCHEMA = build(domain).catalog.schema

_TYPES = [
    *("ID", "Int", "String", "Boolean", "Float", "BigInt", "AnimalWhere", "Mood"),
    *("[Int!]", "[Float!]", "[Float]", "[[Float!]]", "[Mood!]", "[ID]"),
]
_DEFAULTS = {"ID": '"7"', "Int": "7", "String": '"x"', "Boolean": "true", "Float": "1.5"}
_VALUES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 33), 1 << 33)
    | st.integers(0, 9).map(float)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["1", "CALM", "true"])
    | st.lists(st.integers(0, 3), max_size=2)
    | st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3)
    | st.lists(st.floats() | st.integers(0, 3) | st.none(), max_size=3)
    | st.lists(st.lists(st.floats(0, 1), max_size=2) | st.floats(0, 1), max_size=2)
    | st.lists(st.sampled_from(["CALM", "NOPE"]), max_size=2)
    | st.sampled_from([{}, {"name": {"eq": "Ada"}}, {"name": {"nope": 1}}, {"nope": 1}])
)


@st.composite
def operations(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """The head of an operation with variables, and values given for some of them."""
    declared, given = [], {}
    for number in range(draw(st.integers(0, 4))):
        type_ = draw(st.sampled_from(_TYPES))
        text = f"$v{number}: {type_}{draw(st.sampled_from(['', '!']))}"
        if type_ in _DEFAULTS and draw(st.booleans()):
            text += f" = {_DEFAULTS[type_]}"
        declared.append(text)
        if draw(st.integers(0, 4)):
            given[f"v{number}"] = draw(_VALUES)
    if draw(st.booleans()):
        given["unknown"] = 1
    head = f"query({', '.join(declared)})" if declared else "query"
    return head + " { motto }", given


@given(operations())
@examples(300)
def test_both_ways_coerce_alike(operation: tuple[str, dict[str, Any]]) -> None:
    """Equal values of equal types, in the same order, or an error on both sides."""
    text, values = operation
    definition = parse(text).definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    definitions = definition.variable_definitions or ()
    expected = get_variable_values(SCHEMA, definitions, values, max_errors=10)
    coercer = VariableCoercer(SCHEMA, definitions)
    if isinstance(expected, list):
        with pytest.raises(InputError) as raised:
            coercer.coerce(values)
        assert raised.value.code is Code.BAD_USER_INPUT
        return
    variables = coercer.coerce(values)
    assert _typed(variables.coerced) == _typed(expected.coerced)
    assert _typed(variables.whole().coerced) == _typed(expected.coerced)
    assert _sources(variables.whole()) == _sources(expected)


def _sources(whole: VariableValues) -> list[tuple[str, str, str, Any]]:
    return [
        (name, source.signature.name, str(source.signature.type), source.value)
        for name, source in whole.sources.items()
    ]


def _typed(values: dict[str, Any]) -> list[tuple[str, str, Any]]:
    return [(name, type(value).__name__, value) for name, value in values.items()]


def test_an_error_names_the_variable_and_its_place() -> None:
    """The first that is wrong, located in the document; a hint at the schema only where wanted."""
    definition = parse("query($name: String!, $mood: Mood!) { motto }").definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    coercer = VariableCoercer(SCHEMA, definition.variable_definitions or ())
    with pytest.raises(InputError) as raised:
        coercer.coerce({"name": "x", "mood": "CALMM"})
    assert "$mood" in raised.value.message
    assert "Did you mean" not in raised.value.message
    assert raised.value.locations == ((1, 23),)
    told = VariableCoercer(SCHEMA, definition.variable_definitions or (), suggestions=True)
    with pytest.raises(InputError, match="Did you mean the enum value 'CALM'"):
        told.coerce({"name": "x", "mood": "CALMM"})
    with pytest.raises(InputError, match="not to be null"):
        coercer.coerce({"name": None, "mood": "CALM"})


def test_variables_are_found_inside_values() -> None:
    """At any depth of a literal."""
    texts = {
        "1": False,
        "$a": True,
        "[1, [$a]]": True,
        "{a: {b: [{c: $d}]}}": True,
        "{a: [1]}": False,
    }
    for text, expected in texts.items():
        definition: Any = parse(f"{{ f(x: {text}) }}").definitions[0]
        value = definition.selection_set.selections[0].arguments[0].value
        assert any(variables_in(value)) is expected


def test_graphql_core_still_refuses_what_it_refused() -> None:
    """The property above would be empty if nothing was ever refused."""
    definition: Any = parse("query($n: Int!) { motto }").definitions[0]
    result = get_variable_values(SCHEMA, definition.variable_definitions, {"n": "1"})
    assert isinstance(result, list)
    assert isinstance(result[0], GraphQLError)


def test_a_file_does_not_go_on() -> None:
    """What is no JSON cannot be a variable of an upstream's document; the client is told so."""
    file = Upload(io.BytesIO(b"x"), "x", "text/plain", 1)
    operation = parse("query ($big: BigInt, $file: Upload) { a }").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    spec = VariablesSpec(["big", "file"], operation.variable_definitions or ())
    coercer = VariableCoercer(SCHEMA, [])
    assert spec.read(Variables(coercer, {"big": 1 << 70}, {}))[1] == (b'{"big":%d}' % (1 << 70),)
    with pytest.raises(InputError, match="file") as refused:
        spec.read(Variables(coercer, {"big": 1, "file": [file]}, {}))
    assert spec.located(refused.value).message == refused.value.message  # it is no argument's
