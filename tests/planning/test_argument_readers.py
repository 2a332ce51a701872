"""Readers of arguments: what literals say is read once, what variables say for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from asking import built
from graphql import OperationDefinitionNode, parse
from toy.domain import domain

from gateway.errors import InputError
from gateway.planning.arguments import KeySpec, PageLimits, PageSpec, SplitSpec
from gateway.planning.variables import VariableCoercer
from gateway.planning.writing import WriteSpec
from gateway.schema.selection import Reader

if TYPE_CHECKING:
    from gateway.planning.variables import Variables
    from gateway.schema.build import Api
    from gateway.schema.selection import Field


@pytest.fixture(scope="module")
def api() -> Api:
    return built(domain)


def read(api: Api, document: str, given: dict[str, Any] | None = None) -> tuple[Field, Variables]:
    """The first root field of a query, and its variables coerced."""
    (operation,) = parse(document).definitions
    assert isinstance(operation, OperationDefinitionNode)
    reader = Reader(api.catalog, {}, {})
    (field, *_) = reader.root("Query", operation.selection_set)
    declared = operation.variable_definitions or ()
    return field, VariableCoercer(api.catalog.schema, declared).coerce(given or {})


def test_literals_are_read_once(api: Api) -> None:
    """The shape and the values of every request are the same objects."""
    field, variables = read(api, "{ animal(id: 7) { id } }")
    spec = KeySpec(field, api.catalog.entities["Animal"])
    assert spec.read(variables) == ((), (7,))
    assert spec.read(variables) is spec.read(variables)


def test_variables_are_read_for_each_request(api: Api) -> None:
    """Also where other arguments are literals."""
    document = "query ($n: Int) { animals(first: $n, where: {id: {gt: 2}}) { nodes { id } } }"
    entity = api.catalog.entities["Animal"]
    field, three = read(api, document, {"n": 3})
    spec = PageSpec(field, entity, api.catalog, PageLimits())
    assert spec.read(three)[1] == (2, 3)
    assert spec.read(read(api, document, {"n": 4})[1])[1] == (2, 4)


def test_what_a_function_makes_of_them_is_made_anew(api: Api) -> None:
    """It may be changed by who gets it, as what is written may be."""
    field, variables = read(api, "{ animal(id: 7) { id } }")
    spec = SplitSpec(field, lambda values: ((), ([values["id"]],)))
    first, second = spec.read(variables)[1][0], spec.read(variables)[1][0]
    assert first == second == ["7"]
    assert first is not second
    assert not WriteSpec.keeps


def test_a_wrong_literal_is_refused_each_time(api: Api) -> None:
    """With its place in the document."""
    field, variables = read(api, "{\n  animals(first: -1) { nodes { id } } }")
    spec = PageSpec(field, api.catalog.entities["Animal"], api.catalog, PageLimits())
    for _ in range(2):
        with pytest.raises(InputError, match="`first`") as caught:
            spec.read(variables)
        assert spec.located(caught.value).locations == ((2, 11),)


def test_a_page_without_a_size_keeps_the_bound() -> None:
    """A bound below the usual size holds for who says nothing, too."""
    limits = PageLimits(most=10)
    assert limits.size("first", None) == limits.size("first", 10) == 10
    with pytest.raises(InputError, match="from 0 to 10"):
        limits.size("first", 11)
