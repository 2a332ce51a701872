"""One-of inputs of an upstream: what is wrong with one is told here, and nothing is asked there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from graphql import build_schema, parse, validate
from upstream import joined
from upstream.joined import Hello

from gateway import Domain, Upstream

if TYPE_CHECKING:
    from upstream.people import People

SDL = """
input By @oneOf { id: ID, name: String, deep: Within, all: [Within!] }
input Within @oneOf { id: ID, by: By }
input Holder { by: By }
type Query { thing(by: By!): String, held(in: Holder): String, each(by: [By!]): String }
"""
EXACTLY_ONE = "exactly one field must be specified, and the value for that field must be non-null"
NULLABLE = (
    "Variable '$v' is of type 'ID' but must be non-nullable to be used for OneOf Input Object"
)

LITERALS = {
    "none": ("query { thing(by: {}) }", EXACTLY_ONE),
    "null": ("query { thing(by: { id: null }) }", EXACTLY_ONE),
    "two": ('query { thing(by: { id: 1, name: "x" }) }', EXACTLY_ONE),
    "two, of which one is null": ("query { thing(by: { id: 1, name: null }) }", EXACTLY_ONE),
    "nested": ("query { thing(by: { deep: { id: null } }) }", EXACTLY_ONE),
    "in a list": ("query { each(by: [{ id: 1 }, {}]) }", EXACTLY_ONE),
    "a default": ("query ($b: By = {}) { held(in: { by: $b }) }", EXACTLY_ONE),
    "a variable": ("query ($v: ID) { thing(by: { id: $v }) }", NULLABLE),
    "with a default": ("query ($v: ID = 1) { thing(by: { id: $v }) }", NULLABLE),
    "a variable, nested": ("query ($v: ID) { thing(by: { deep: { id: $v } }) }", NULLABLE),
    "a variable, in a list": ("query ($v: ID) { each(by: [{ id: $v }]) }", NULLABLE),
    "in a list, nested": ("query ($v: ID) { each(by: [{ all: [{ id: $v }] }]) }", NULLABLE),
    "within another input": ("query ($v: ID) { held(in: { by: { id: $v } }) }", NULLABLE),
    "in a fragment": (
        "query ($v: ID) { ...F } fragment F on Query { thing(by: { id: $v }) }",
        NULLABLE,
    ),
}
VALUES: dict[str, tuple[str, Any, str]] = {
    "none": ("By!", {}, "Within OneOf Input Object type"),
    "null": ("By!", {"id": None}, "at .id: Within OneOf Input Object type"),
    "two": ("By!", {"id": 1, "name": "x"}, "Within OneOf Input Object type"),
    "nested": ("By!", {"deep": {"id": None}}, "at .deep.id: Within OneOf Input Object type"),
    "in a list": ("By!", {"all": [{"id": 1}, {}]}, "at .all[1]: Within OneOf Input Object type"),
    "a member without a value": ("ID!", None, "non-null type 'ID!' not to be null"),
}


@pytest.mark.parametrize("prefix", ["", "Far"])
@pytest.mark.parametrize("kind", LITERALS)
async def test_a_document_with_a_wrong_one_of_input_is_invalid(
    service: People, prefix: str, kind: str
) -> None:
    """By graphql-js's words, wherever the input stands."""
    document, says = LITERALS[kind]
    error = await refused(service, prefix, document, {})
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert says in error["message"]
    assert f"'{prefix}{'Within' if 'nested' in kind else 'By'}'" in error["message"]


@pytest.mark.parametrize("prefix", ["", "Far"])
@pytest.mark.parametrize("kind", VALUES)
async def test_a_wrong_value_of_a_variable_is_bad_input(
    service: People, prefix: str, kind: str
) -> None:
    """The variable is named, and the place in it."""
    type_, value, says = VALUES[kind]
    place = "$v" if type_ == "By!" else "{ id: $v }"
    document = f"query ($v: {type_}) {{ thing(by: {place}) }}"
    error = await refused(service, prefix, document, {"v": value})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "Variable '$v' has invalid value" in error["message"]
    assert says in error["message"]


@pytest.mark.parametrize("document", [one for one, says in LITERALS.values() if says != NULLABLE])
def test_graphql_core_says_the_same(document: str) -> None:
    """Of what it finds itself."""
    (error, *_) = validate(build_schema(SDL), parse(document))
    assert EXACTLY_ONE in error.message


async def test_what_is_right_travels(service: People) -> None:
    """A variable that cannot be null, also in a list."""
    service.schema = build_schema(SDL)
    async with joined.running(service, domain("Far")) as gateway:
        found = await gateway.data(
            "query ($v: ID!) { farThing(by: { id: $v }) farEach(by: [{ all: [{ id: $v }] }]) }",
            {"v": "1"},
        )
    assert found == {"farThing": None, "farEach": None}
    assert service.requests[-1]["variables"] == {"v": "1"}


async def refused(service: People, prefix: str, document: str, variables: Any) -> dict[str, Any]:
    """The one error of a request of which nothing is sent on."""
    for name in ("thing", "held", "each"):
        document = document.replace(f"{name}(", f"{_root(prefix, name)}(")
    document = document.replace(": By", f": {prefix}By")
    async with joined.running(service, domain(prefix)) as gateway:
        error = await gateway.error(document, variables)
    assert service.requests == []
    return error


def domain(prefix: str) -> Domain:
    """The upstream, and nothing else."""
    upstream = Upstream("people", SDL, prefix=prefix)
    return Domain(entities=[], queries=[Hello], upstreams=[upstream])


def _root(prefix: str, name: str) -> str:
    return f"{prefix.lower()}{name.capitalize()}" if prefix else name
