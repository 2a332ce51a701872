"""The bundled domain through the gateway: every field, every condition and every order works.

The queries are made from the schema, so that a field added to the domain is tried as well.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)
from operations.stage import Addresses, Stage, fill, served

from gateway.domain import load_schema
from gateway.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from conftest import FreshDatabase

SCHEMA = load_schema(load(environ={}))._schema
QUERY = SCHEMA.type_map["Query"]
assert isinstance(QUERY, GraphQLObjectType)
LISTS = {
    get_named_type(get_named_type(field.type).fields["nodes"].type).name: name
    for name, field in QUERY.fields.items()
    if get_named_type(field.type).name.endswith("Connection") and "where" in field.args
}
"""Entity → the root field that lists it."""

INCLUDES = ("eq", "in", "lte", "gte", "containedBy", "overlaps", "contains")
EXCLUDES = ("ne", "notIn", "lt", "gt")
OF_LISTS = ("in", "notIn")
DIRECTIONS = ("ASC", "DESC_NULLS_FIRST", "DESC", "ASC_NULLS_FIRST")
SIZE = 3
"""Rows of a page: some lists end with a full page, some with a part of one."""
VALUES = 3
"""Different values tried of a column."""
WITHOUT_ROWS = {"WorkflowRun"}
"""Entities of which the data set has no rows; tests/workflows has."""
ELSEWHERE = {"article"}
"""Fields of sources that are not there; tests/directus has them."""


@pytest.fixture(scope="module")
async def stage(
    module_database: FreshDatabase, qdrant_endpoint: str, redis_url: str
) -> AsyncIterator[Stage]:
    """The gateway over the data set of the golden operations."""
    redis = f"{redis_url.rpartition('/')[0]}/13"
    addresses = Addresses(await module_database(), qdrant_endpoint, redis)
    await fill(addresses)
    async with served(addresses) as running:
        yield running


def entity(name: str) -> GraphQLObjectType:
    """The object type of an entity."""
    found = SCHEMA.get_type(name)
    assert isinstance(found, GraphQLObjectType)
    return found


def selection(field: GraphQLField) -> str:
    """A small selection of a field's value; empty for a scalar."""
    named = get_named_type(field.type)
    if is_leaf_type(named):
        return ""
    assert isinstance(named, GraphQLObjectType)
    if named.name.endswith("Connection"):
        return " { nodes { nodeId } pageInfo { hasNextPage endCursor } totalCount }"
    if named.name.endswith("Hit"):
        return " { id score payload }"
    return " { nodeId }" if "nodeId" in named.fields else " { __typename }"


def columns(name: str) -> Iterator[tuple[str, GraphQLInputObjectType]]:
    """The columns an entity's list can be filtered by, each with its input."""
    where = SCHEMA.get_type(f"{name}Where")
    assert isinstance(where, GraphQLInputObjectType)
    for member, given in where.fields.items():
        named = get_named_type(given.type)
        if named.name.endswith("Filter") and isinstance(named, GraphQLInputObjectType):
            yield member, named


def distinct(everything: list[dict[str, Any]], column: str) -> list[dict[str, Any]]:
    """Rows with different values in a column, null among them where there is one; a few."""
    by_value = {json.dumps(row[column]): row for row in everything}
    return sorted(by_value.values(), key=lambda row: row[column] is not None)[:VALUES]


async def rows(stage: Stage, name: str, variables: dict[str, Any]) -> dict[str, Any]:
    """A page of an entity's list: its rows with all scalars, and where it lies."""
    own = entity(name)
    scalars = " ".join(
        field for field, given in own.fields.items() if not selection(given) and not given.args
    )
    answer = await stage.ask(
        f"query ($where: {name}Where, $order: [{name}OrderBy!],"
        " $first: Int, $after: String, $last: Int, $before: String) {"
        f" {LISTS[name]}(where: $where, orderBy: $order,"
        " first: $first, after: $after, last: $last, before: $before)"
        f" {{ nodes {{ {scalars} }} pageInfo {{ hasNextPage hasPreviousPage"
        " startCursor endCursor } totalCount } }",
        variables,
    )
    assert "errors" not in answer, (variables, answer["errors"])
    page: dict[str, Any] = answer["data"][LISTS[name]]
    return page


def ids(page: dict[str, Any]) -> list[str]:
    """The rows of a page by their global ids."""
    return [row["nodeId"] for row in page["nodes"]]


@pytest.mark.parametrize("name", sorted(LISTS.keys() - WITHOUT_ROWS))
async def test_every_field_is_answered(name: str, stage: Stage) -> None:
    """All fields of an entity at once, in a list and by global id: the same row, and no error."""
    everything = " ".join(
        field + selection(given)
        for field, given in entity(name).fields.items()
        if field not in ELSEWHERE
    )
    answer = await stage.ask(f"{{ {LISTS[name]} {{ nodes {{ {everything} }} }} }}")
    assert "errors" not in answer
    nodes = answer["data"][LISTS[name]]["nodes"]
    assert nodes
    for node in nodes:
        again = await stage.ask(
            f"query ($id: ID!) {{ node(nodeId: $id) {{ ... on {name} {{ {everything} }} }} }}",
            {"id": node["nodeId"]},
        )
        assert again == {"data": {"node": node}}


@pytest.mark.parametrize("name", sorted(LISTS))
async def test_every_condition_holds_for_its_rows(name: str, stage: Stage) -> None:
    """All operators on each column, with the values rows have: the rows are found, and counted.

    A row is found by every operator that its value meets, and by none that it does not; a row
    without a value by `isNull` alone.
    """
    everything = (await rows(stage, name, {}))["nodes"]
    for column, given in columns(name):
        for row in distinct(everything, column):
            value = row[column]
            met: dict[str, Any]
            unmet: dict[str, Any]
            if value is None:
                met = {column: {"isNull": True}}
                unmet = {column: {"isNull": False}}
            else:
                operands = {
                    operator: [value] if operator in OF_LISTS else value
                    for operator in given.fields
                    if (operator, value) != ("overlaps", [])
                }
                met = {column: {one: operands[one] for one in INCLUDES if one in operands}}
                unmet = {"or": [{column: {o: operands[o]}} for o in EXCLUDES if o in operands]}
            page = await rows(stage, name, {"where": met})
            assert row["nodeId"] in ids(page), met
            assert page["totalCount"] == len(page["nodes"])
            assert row["nodeId"] not in ids(await rows(stage, name, {"where": unmet})), unmet


@pytest.mark.parametrize("name", sorted(LISTS))
async def test_every_order_can_be_paged_both_ways(name: str, stage: Stage) -> None:
    """Page by page from either end: each row once, in the order of the whole list.

    The columns take turns with the directions.
    """
    order = SCHEMA.get_type(f"{name}OrderBy")
    assert isinstance(order, GraphQLInputObjectType)
    scalars = [key for key, of in order.fields.items() if is_leaf_type(get_named_type(of.type))]
    for column, direction in zip(scalars, itertools.cycle(DIRECTIONS), strict=False):
        asked = {"order": [{column: direction}]}
        whole = await rows(stage, name, asked)
        nulls = [row[column] is None for row in whole["nodes"]]
        assert nulls == sorted(nulls, reverse="FIRST" in direction)
        assert await forwards(stage, name, asked) == ids(whole), (column, direction)
        assert await backwards(stage, name, asked) == ids(whole), (column, direction)


async def forwards(stage: Stage, name: str, asked: dict[str, Any]) -> list[str]:
    """All rows by pages from the beginning."""
    found: list[str] = []
    page = await rows(stage, name, {**asked, "first": SIZE})
    while True:
        found += ids(page)
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]
        page = await rows(stage, name, {**asked, "first": SIZE, "after": after})


async def backwards(stage: Stage, name: str, asked: dict[str, Any]) -> list[str]:
    """All rows by pages from the end."""
    found: list[str] = []
    page = await rows(stage, name, {**asked, "last": SIZE})
    while True:
        found = ids(page) + found
        if not page["pageInfo"]["hasPreviousPage"]:
            return found
        before = page["pageInfo"]["startCursor"]
        page = await rows(stage, name, {**asked, "last": SIZE, "before": before})


def test_every_entity_can_be_listed_or_reached_by_key() -> None:
    """No entity is without a way to it; a table between two others needs no list of its own."""
    node = SCHEMA.get_type("Node")
    assert isinstance(node, GraphQLInterfaceType)
    entities = {found.name for found in SCHEMA.get_possible_types(node)}
    assert entities - set(LISTS) == {"TopicItem"}


def test_secrets_are_not_in_the_schema() -> None:
    """Neither to be read nor to be filtered or ordered by: passwords, keys, and their hashes."""
    for found in SCHEMA.type_map.values():
        for name in getattr(found, "fields", {}):
            assert not {"password", "apikey", "secret"} & {
                word for word in ("password", "apikey", "secret") if word in name.lower()
            }, f"{found.name}.{name}"


def test_entities_root_fields_and_arguments_are_described() -> None:
    """Who explores the schema finds a sentence at every type and argument, and at these fields."""
    objects = [
        found
        for found in SCHEMA.type_map.values()
        if isinstance(found, GraphQLObjectType) and not found.name.startswith("_")
    ]
    bare = [found.name for found in objects if not found.description]
    bare += [
        f"{found.name}.{name}"
        for found in objects
        if found.interfaces or found.name in {"Query", "Mutation"}
        for name, field in found.fields.items()
        if not field.description and not name.startswith("_")
    ]
    bare += [
        f"{found.name}.{name}({argument}:)"
        for found in objects
        for name, field in found.fields.items()
        for argument, given in field.args.items()
        if not given.description and not name.startswith("_")
    ]
    assert not bare


@pytest.mark.parametrize(
    ("id_", "momentum"),
    [(1, "viral, growing"), (3, "sustained, fading"), (4, "emerging, steady"), (6, "dead, fading")],
)
async def test_momentum_says_state_and_direction(id_: int, momentum: str, stage: Stage) -> None:
    """The words of a trend's momentum follow its state and the sign of its velocity."""
    answer = await stage.ask("query ($id: ID!) { trend(id: $id) { momentum } }", {"id": id_})
    assert answer == {"data": {"trend": {"momentum": momentum}}}
