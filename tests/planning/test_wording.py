"""What is said of wrong values: in GraphQL's words and in JSON, with nothing of Python in it."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import UploadFile
from toy.profiles import examples

from gateway.errors import InputError
from gateway.planning.variables import VariableCoercer

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SCHEMA = build_schema(
    """
    enum Mood { CALM WILD }
    input Where { title: String, in: [Int!], moods: [[Mood!]!], and: [Where!], flag: Boolean!, id: ID }
    input Key @oneOf { id: ID, name: String }
    type Query { motto: String }
    """
)
TYPES = [
    "Where",
    "[Where!]!",
    "Key!",
    "Mood",
    "[Mood]",
    "Int!",
    "String",
    "Boolean",
    "[[Float!]!]",
    "ID",
]
NAMES = st.sampled_from(["title", "in", "moods", "and", "flag", "id", "name", "$ne"])
VALUES: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
PYTHON = re.compile(r"\b(None|True|False|Undefined|NaN)\b|': |\{'|\['|instance")


def refused(type_: str, value: Any) -> str:
    """What is said of a value; empty where it is accepted."""
    definition = parse(f"query($v: {type_}) {{ motto }}").definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    coercer = VariableCoercer(SCHEMA, definition.variable_definitions or (), suggestions=True)
    try:
        coercer.coerce({"v": value})
    except InputError as error:
        error.message.encode()
        return error.message
    return ""


@given(st.sampled_from(TYPES), VALUES)
@examples(400)
def test_nothing_of_python_is_told(type_: str, value: Any) -> None:
    """Whatever is given for whatever type; what a client wrote itself may say anything."""
    assert PYTHON.search(QUOTED.sub("", refused(type_, value))) is None


@pytest.mark.parametrize(
    ("type_", "value", "says"),
    [
        ("String", {"$ne": None}, 'a non string value: {"$ne": null}'),
        ("Where", {"flag": 1, "and": {"flag": True, "title": [None]}}, "at .and.title: String"),
        (
            "Where",
            {"flag": True, "and": [{"flag": False, "in": [7, True]}]},
            "at .and[0].in[1]: Int cannot represent non-integer value: true",
        ),
        ("Mood", False, "Enum 'Mood' cannot represent non-string value: false."),
        ("Int", "it's", 'non-integer value: "it\'s"'),
        ("Int", None, ""),
        ("Int!", None, "Expected value of non-null type 'Int!' not to be null."),
        ("Where", "x", "Expected value of type 'Where' to be an object, found: \"x\"."),
        ("Key!", {"nam": None}, "'nam'. Did you mean 'name'? Found: {\"nam\": null}."),
        ("Boolean", {"a": {"b": {"c": [None]}}}, '{"a": {"b": {"c": [null]}}}'),
        ("Boolean", "\ud800", '"\\ud800"'),
        ("String", UploadFile(io.BytesIO(b"x"), filename="secret"), '"(file)"'),
    ],
)
def test_a_wrong_value_is_shown_as_it_was_written(type_: str, value: Any, says: str) -> None:
    """At its place, in JSON."""
    found = refused(type_, value)
    assert says in found
    assert bool(says) == bool(found)


@pytest.mark.parametrize("value", [["é" * 10] * 1_000, {"é" * 5_000: None}, ["x", "y" * 1_000_000]])
def test_of_a_long_value_the_head_is_shown(value: Any) -> None:
    """However long it is, and wherever a character would be cut."""
    found = refused("String", value).partition("non string value: ")[2]
    assert found[:-1] == json.dumps(value, ensure_ascii=False)[:239]
    assert found[-1] == "…"
