"""Walking a planned answer: resolvers among spliced fields, references, and paths of errors."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import TYPE_CHECKING, Any

import pytest
from toy.running import KEEPER, Zoo, running

from gateway.telemetry import configure_logging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url) as one:
        yield one


def paths(body: dict[str, Any]) -> set[tuple[str | int, ...]]:
    return {tuple(error["path"]) for error in body.get("errors", ())}


async def test_columns_a_resolver_needs_do_not_show(zoo: Zoo) -> None:
    """They are read for it, wherever it stands, and stay out of the answer."""
    data = await zoo.data(
        """{ animal(id: 1) { sign } star { sign } animals(first: 1) { edges { node { sign } } }
             report { best { sign enclosure { animals(first: 1) { nodes { sign } } } } } }"""
    )
    assert data == {
        "animal": {"sign": "Ada (calm)"},
        "star": {"sign": "Ede (WILD)"},
        "animals": {"edges": [{"node": {"sign": "Ada (calm)"}}]},
        "report": {
            "best": {
                "sign": "Cleo (very sleepy)",
                "enclosure": {"animals": {"nodes": [{"sign": "Cleo (very sleepy)"}]}},
            }
        },
    }


async def test_members_keep_the_order_of_the_selection(zoo: Zoo) -> None:
    """Whether they are spliced, resolved, guarded or fetched."""
    document = "{ animal(id: 1) { tags sign id secretName mates { id } visits dossier name } }"
    data = await zoo.data(document, viewer=KEEPER)
    assert list(data["animal"]) == [
        "tags", "sign", "id", "secretName", "mates", "visits", "dossier", "name",
    ]  # fmt: skip


async def test_errors_behind_references_have_whole_paths(zoo: Zoo) -> None:
    """Places in lists, and in lists of lists, included."""
    document = """{ animal(id: 1) { mates { visits children { nodes { visits } } } }
                    report { groups { visits children { edges { node { visits } } } } } }"""
    body = await zoo.ask(document)
    assert paths(body) == {
        ("animal", "mates", 1, "visits"),
        ("report", "groups", 2, 0, "children", "edges", 1, "node", "visits"),
    }
    assert body["data"]["animal"]["mates"][1]["visits"] is None
    assert body["data"]["animal"]["mates"][0]["visits"] == 12


async def test_the_errors_of_a_spliced_field_beside_a_resolver_are_told(zoo: Zoo) -> None:
    """Once each, with their paths."""
    body = await zoo.ask(
        "{ five: animal(id: 5) { visits sign } animals(first: 5) { nodes { visits } } }"
    )
    assert len(body["errors"]) == 2
    assert paths(body) == {("five", "visits"), ("animals", "nodes", 4, "visits")}


async def test_an_interface_is_walked_as_the_type_of_its_id(zoo: Zoo) -> None:
    """`node(nodeId:)` with resolvers and guarded fields below."""
    keys = await zoo.data("{ animal(id: 1) { nodeId } feedings(first: 1) { nodes { nodeId } } }")
    document = """query($id: ID!) { node(nodeId: $id) { __typename nodeId
        ... on Animal { sign secretName mother { name } } ... on Feeding { summary grams } } }"""
    animal = await zoo.ask(document, {"id": keys["animal"]["nodeId"]})
    assert animal["data"]["node"]["sign"] == "Ada (calm)"
    assert animal["data"]["node"]["secretName"] is None
    assert paths(animal) == {("node", "secretName")}
    node_id = keys["feedings"]["nodes"][0]["nodeId"]
    feeding = await zoo.data(document, {"id": node_id})
    assert feeding["node"] == {
        "__typename": "Feeding", "nodeId": node_id, "summary": "01.02. GOOD", "grams": 100,
    }  # fmt: skip


async def test_arguments_below_a_reference_are_read(zoo: Zoo) -> None:
    """Literals and variables, under conditions and in fragments."""
    document = """query($n: Int!, $w: AnimalWhere, $x: Boolean!) {
        star { mother { children(first: $n, where: $w) { nodes { id } } ...F @include(if: $x) } } }
        fragment F on Animal { mother { children(last: $n) { nodes { id } } } }"""
    variables: dict[str, Any] = {"n": 1, "w": {"id": {"ne": "4"}}, "x": True}
    mother = {"children": {"nodes": [{"id": "5"}]}}
    assert (await zoo.data(document, {**variables, "x": False}))["star"] == {"mother": mother}
    grandmother = {"children": {"nodes": [{"id": "3"}]}}
    on = await zoo.data(document, variables)
    assert on["star"] == {"mother": {**mother, "mother": grandmother}}


async def test_one_field_with_two_selections_is_fetched_twice(zoo: Zoo) -> None:
    """Each response position asks for what stands under it, and no more."""
    data = await zoo.data("{ animal(id: 1) { a: mates { id } b: mates { name tags } } }")
    assert data["animal"]["a"][0] == {"id": "1"}
    assert data["animal"]["b"][0] == {"name": "Ada", "tags": ["a", "b"]}


async def test_what_a_resolver_did_not_ask_for_is_named(zoo: Zoo) -> None:
    """To who develops the domain, in the log; a client sees a masked error."""
    loggers = [logging.getLogger(name) for name in ("", "gateway", "plait", "resolvers", "uvicorn")]
    before = [(one.level, one.propagate, one.handlers[:]) for one in loggers]
    configure_logging(stream := io.StringIO(), texts=True)
    try:
        body = await zoo.ask("{ animal(id: 1) { greedy } }")
    finally:
        configure_logging()
        for one, (level, propagate, handlers) in zip(loggers, before, strict=True):
            one.setLevel(level)
            one.propagate, one.handlers[:] = propagate, handlers
    assert body["errors"][0]["message"] == "Internal error."
    assert "Animal.weight was not read for this resolver" in stream.getvalue()


async def test_nothing_is_left_running_after_the_deadline(zoo: Zoo) -> None:
    """What a walked operation started is ended with it."""
    await zoo.connection.execute("BEGIN; LOCK TABLE animals IN ACCESS EXCLUSIVE MODE")
    before = asyncio.all_tasks()
    try:
        body = await zoo.ask("{ motto animals { nodes { sign } } star { name } }", seconds=0.2)
    finally:
        await zoo.connection.execute("ROLLBACK")
    assert {error["extensions"]["code"] for error in body["errors"]} == {"SOURCE_TIMEOUT"}
    async with asyncio.timeout(10):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110 - polls what has no event
            await asyncio.sleep(0.01)
