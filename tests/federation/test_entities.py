"""What may stand below `_entities`: everything that may stand below a row, however it is reached."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from strawberry import ID  # noqa: TC002 - Strawberry reads annotations at run time
from toy import tables
from toy.domain import domain as zoo_domain
from toy.running import KEEPER, WIDE, Zoo, running

from gateway import Domain, belongs_to, by_key, entity, queries
from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

VIEWERS = {"anonymous": ANONYMOUS, "keeper": KEEPER}

IDS = ("3", "1", "999", "5", "3", "2", "8")


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    domain = replace(zoo_domain, subgraph=True)
    async with running(module_database, redis_url, domain, document_limits=WIDE) as one:
        yield one


def animals(*keys: Any) -> list[dict[str, Any]]:
    """Representations."""
    return [{"__typename": "Animal", "id": key} for key in keys]


def asking(selection: str) -> str:
    return f"query ($r: [_Any!]!) {{ _entities(representations: $r) {{ {selection} }} }}"


SELECTIONS = [
    "... on Animal { id name mood tags seen weight }",
    "__typename ... on Animal { __typename nodeId mother { name children { totalCount } } }",
    """... on Animal { name keepers(first: 2, orderBy: [{name: ASC}]) { totalCount
         pageInfo { hasNextPage } nodes { name animals(first: 1) { nodes { id } } } } }""",
    "... on Animal { visits a: name b: name mother { visits mother { visits } } }",
    "...A ... on Node { nodeId } ... on Animal { id } ... on Passport { code }",
    "... on Animal @include(if: true) { id } ... on Animal @skip(if: true) { name }",
    '... on Animal { sign dossier(prefix: "x") seenAgain name }',
    "... on Animal { twin { name twin { id } } mates { id sign } }",
    "... on Animal { nickname mother { nickname children(first: 2) { nodes { sign } } } }",
    "... on Animal { id broken whisper greedy }",
    "... on Animal { id fragile }",
    "... on Animal { id secretName passport { code } }",
    "... on Animal { id guarded(first: 1) { totalCount } }",
]
FRAGMENT = " fragment A on Animal { id passport { code animal { id } } }"


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("selection", SELECTIONS)
async def test_as_by_key(zoo: Zoo, selection: str, viewer: str) -> None:
    """Each entity is what a root field by key gives for the same row: data, and errors at their places."""
    tail = FRAGMENT if "...A" in selection else ""
    body = await zoo.ask(asking(selection) + tail, {"r": animals(*IDS)}, viewer=VIEWERS[viewer])
    data, errors = [], []
    for place, key in enumerate(IDS):
        alone = f"query ($k: ID!) {{ animal(id: $k) {{ {selection} }} }}" + tail
        alone = alone.replace("... on Passport { code }", "")
        one = await zoo.ask(alone, {"k": key}, viewer=VIEWERS[viewer])
        data.append(one["data"]["animal"])
        errors += [
            (error["extensions"]["code"], ["_entities", place, *error["path"][1:]])
            for error in one.get("errors", ())
        ]
    assert body["data"]["_entities"] == data
    found = [(error["extensions"]["code"], error["path"]) for error in body.get("errors", ())]
    assert sorted(found, key=str) == sorted(errors, key=str)


@pytest.mark.parametrize("selection", SELECTIONS[:6])
async def test_planned_or_walked(zoo: Zoo, selection: str) -> None:
    """The same answer, whether graphql-core walks the operation, the entities, or nothing."""
    tail = FRAGMENT if "...A" in selection else ""
    asked = {"r": [*animals(*IDS), {"__typename": "No"}, *animals("x")]}
    planned = await zoo.ask(asking(selection) + tail, asked)
    beside = await zoo.ask(asking(selection)[:-1] + "motto }" + tail, asked)
    del beside["data"]["motto"]
    walked = await zoo.ask(asking(selection + " ... on Animal { sign_: sign }") + tail, asked)
    for one in walked["data"]["_entities"]:
        if one is not None:
            del one["sign_"]
    assert planned == beside == walked


async def test_hundreds_of_keys(zoo: Zoo) -> None:
    """More than one statement takes, in their order."""
    keys = [str(1000 - number) for number in range(1000)]
    zoo.postgres.ran.clear()
    data = await zoo.data(asking("... on Animal { id sign }"), {"r": animals(*keys)})
    present = {row["id"] for row in await zoo.connection.fetch("SELECT id FROM animals")}
    found = [one and one["id"] for one in data["_entities"]]
    assert found == [key if int(key) in present else None for key in keys]
    assert len(zoo.postgres.ran) <= 1 + 1000 // 128


async def test_under_several_aliases(zoo: Zoo) -> None:
    """Two lists of representations in one document are two lists of entities."""
    data = await zoo.data(
        """query ($a: [_Any!]!, $b: [_Any!]!) {
             a: _entities(representations: $a) { ... on Animal { id name } }
             b: _entities(representations: $b) { ... on Animal { id sign } } }""",
        {"a": animals("1", "2"), "b": animals("2")},
    )
    assert [one["id"] for one in data["a"]] == ["1", "2"]
    assert data["b"][0]["sign"].startswith(data["a"][1]["name"])


async def test_representations_as_literals(zoo: Zoo) -> None:
    """What a person writes in GraphiQL."""
    data = await zoo.data(
        '{ _entities(representations: [{__typename: "Animal", id: 2}]) { ... on Animal { id } } }'
    )
    assert data == {"_entities": [{"id": "2"}]}


async def test_keys_of_several_columns(zoo: Zoo) -> None:
    """With a date; a part that is wrong or absent is its index's error alone."""
    given = [
        {"__typename": "Feeding", "animalId": "1", "day": "2024-02-01"},
        {"__typename": "Feeding", "animalId": 1, "day": "2024-02-01"},
        {"__typename": "Feeding", "animalId": "1"},
        {"__typename": "Feeding", "animalId": "1", "day": "yesterday"},
        {"__typename": "Feeding", "animalId": "1", "day": "1999-01-01"},
    ]
    body = await zoo.ask(asking("... on Feeding { animalId day summary grams }"), {"r": given})
    first, second, *rest = body["data"]["_entities"]
    assert first is not None
    assert first == second
    assert rest == [None, None, None]
    assert [error["path"] for error in body["errors"]] == [["_entities", 2], ["_entities", 3]]


# Row rules -------------------------------------------------------------------------------------


@entity(tables.enclosures, rule=lambda row, viewer: row.name == viewer.subject)
class Enclosure:
    id: ID
    name: str


@entity(tables.animals, roles=["keeper"])
class Animal:
    id: ID
    name: str
    enclosure: Enclosure | None = belongs_to("enclosure_id")


@queries
class Roots:
    animal: Animal | None = by_key()


@pytest.fixture(scope="module")
async def ruled(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    domain = Domain(entities=[Enclosure, Animal], queries=[Roots], subgraph=True)
    async with running(module_database, redis_url, domain) as one:
        yield one


async def test_a_hidden_row_is_null(ruled: Zoo) -> None:
    """A rule holds for representations and below them, and a hidden row is as one that is not."""
    name = await ruled.connection.fetchval("SELECT name FROM enclosures WHERE id = 1")
    owner = Viewer(subject=name, roles=frozenset({"keeper"}))
    given = {"r": [{"__typename": "Enclosure", "id": key} for key in (1, 2, 999)]}
    body = await ruled.ask(asking("... on Enclosure { id name }"), given, viewer=owner)
    assert body == {"data": {"_entities": [{"id": "1", "name": name}, None, None]}}
    body = await ruled.ask(asking("... on Enclosure { id name }"), given)
    assert body == {"data": {"_entities": [None, None, None]}}
    data = await ruled.data(
        asking("... on Animal { id enclosure { id } }"), {"r": animals(*range(1, 9))}, viewer=owner
    )
    assert {one["enclosure"] and one["enclosure"]["id"] for one in data["_entities"]} == {"1", None}


async def test_a_type_that_is_not_for_everybody(ruled: Zoo) -> None:
    """Naming it in a representation opens nothing."""
    body = await ruled.ask(asking("... on Animal { id }"), {"r": animals("1")})
    assert "data" not in body
    assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    body = await ruled.ask(asking("__typename"), {"r": animals("1")})
    assert "data" not in body
