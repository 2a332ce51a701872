"""The gateway as a subgraph: `_entities` by the planner, and the SDL it tells a router."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - Strawberry reads annotations at run time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import strawberry
from graphql import build_schema
from strawberry import ID
from strawberry.federation.schema_directives import Shareable
from toy import tables
from toy.running import Zoo, running

from gateway import (
    Connection,
    Domain,
    belongs_to,
    by_key,
    column,
    entity,
    external,
    field,
    has_many,
    queries,
)
from gateway.errors import ConfigurationError
from gateway.schema.build import build
from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@strawberry.federation.type
class Organ:
    name: str = strawberry.federation.field(external=True)
    size: int | None = strawberry.federation.field(external=True)


@strawberry.federation.type
class Scan:
    organs: list[Organ | None] = strawberry.federation.field(external=True)
    taken_by: str | None = strawberry.federation.field(external=True)


@entity(tables.enclosures)
class Enclosure:
    id: ID
    name: str = column(directives=[Shareable()])
    animals: Connection[Animal] = has_many("enclosure_id")


@entity(tables.animals)
class Animal:
    id: ID
    name: str
    enclosure: Enclosure | None = belongs_to("enclosure_id")
    weight_on_moon: float | None = external()
    colour: str | None = external()
    scan: Scan | None = external()

    @field(needs=("name",), requires="scan { organs { name } takenBy } weightOnMoon")
    def finding(self) -> str | None:
        """What was seen in the animal."""
        if self.scan is None:
            return None
        seen = [organ and (organ.name, organ.size) for organ in self.scan.organs]
        return f"{self.name} {seen} by {self.scan.taken_by}"

    @field(needs=("name",), requires="weightOnMoon")
    def report(self) -> str:
        """A sentence about the animal."""
        return f"{self.name} weighs {self.weight_on_moon}"

    @field(needs=("name",))
    def shout(self) -> str:
        """Its name, loudly."""
        return self.name.upper()


@entity(tables.passports, key="code", other_keys=["animal_id"])
class Passport:
    code: ID
    animal_id: ID | None
    issued: dt.datetime | None
    animal: Animal | None = belongs_to("animal_id")


@queries
class Roots:
    animal: Animal | None = by_key()


DOMAIN = Domain(entities=[Enclosure, Animal, Passport], queries=[Roots], subgraph=True)

ASK = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename %s } }"


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url, DOMAIN) as one:
        yield one


def animal(key: Any, **more: Any) -> dict[str, Any]:
    """A representation."""
    return {"__typename": "Animal", "id": key, **more}


async def test_entities_of_several_types_in_order(zoo: Zoo) -> None:
    """One statement a type, whatever the number; duplicates and absent ones in their places."""
    zoo.postgres.ran.clear()
    given = [
        animal("2"),
        {"__typename": "Enclosure", "id": 1},
        animal(1),
        animal("999"),
        animal("2"),
    ]
    data = await zoo.data(
        ASK % "... on Animal { id enclosure { name } } ... on Enclosure { id name }", {"r": given}
    )
    found = data["_entities"]
    assert [one and (one["__typename"], one["id"]) for one in found] == [
        ("Animal", "2"),
        ("Enclosure", "1"),
        ("Animal", "1"),
        None,
        ("Animal", "2"),
    ]
    assert len(zoo.postgres.ran) == 2


async def test_a_wrong_representation_is_null_alone(zoo: Zoo) -> None:
    """With an error at its index that says what is wrong; nothing it claims comes back."""
    given = [
        animal("1", name="forged"),
        {"__typename": "Nobody", "id": "1"},
        {"__typename": "Animal"},
        animal("not a number"),
        animal({"deep": 1}),
        animal(None),
        "text",
        animal("2"),
    ]
    body = await zoo.ask(ASK % "... on Animal { id name }", {"r": given})
    names = [one and one["name"] for one in body["data"]["_entities"]]
    assert names[1:-1] == [None] * 6
    assert "forged" not in str(body)
    assert [error["path"] for error in body["errors"]] == [
        ["_entities", place] for place in range(1, 7)
    ]
    assert {error["extensions"]["code"] for error in body["errors"]} == {"BAD_USER_INPUT"}
    assert "lacks the key field `id`" in body["errors"][1]["message"]


async def test_entities_by_another_key(zoo: Zoo) -> None:
    """Whichever key is there finds the row, the first before others; one statement for each."""
    zoo.postgres.ran.clear()
    given = [
        {"__typename": "Passport", "animalId": "1"},
        {"__typename": "Passport", "code": "P/1"},
        {"__typename": "Passport", "animalId": 999},
        {"__typename": "Passport", "code": "no such", "animalId": "1"},
        {"__typename": "Passport", "animalId": "no number"},
        {"__typename": "Passport"},
    ]
    body = await zoo.ask(ASK % "... on Passport { nodeId code animalId }", {"r": given})
    first, second, *others = body["data"]["_entities"]
    assert first == second
    assert first["code"] == "P/1"
    assert first["animalId"] == "1"
    assert others == [None] * 4
    assert [error["path"][1] for error in body["errors"]] == [4, 5]
    assert "its key (animalId)" in body["errors"][0]["message"]
    assert "lacks the key field `code`" in body["errors"][1]["message"]
    assert len(zoo.postgres.ran) == 2
    data = await zoo.data(
        "query ($id: ID!) { node(nodeId: $id) { ... on Passport { code } } }",
        {"id": first["nodeId"]},
    )
    assert data["node"] == {"code": "P/1"}


@pytest.mark.parametrize(
    ("other", "says"), [("issued", "no unique constraint over issued"), ("nobody", "has no field")]
)
def test_another_key_must_identify_a_row(other: str, says: str) -> None:
    """Start-up says what is missing."""

    @entity(tables.passports, key="code", other_keys=[other])
    class Paper:
        code: ID
        issued: dt.datetime | None

    with pytest.raises(ConfigurationError, match=says):
        build(Domain(entities=[Paper], queries=[], subgraph=True))


async def test_only_wrong_ones(zoo: Zoo) -> None:
    """Nobody is asked, and each has its error."""
    zoo.postgres.ran.clear()
    body = await zoo.ask(ASK % "... on Animal { id }", {"r": [{"__typename": "No"}, 7]})
    assert body["data"] == {"_entities": [None, None]}
    assert len(body["errors"]) == 2
    assert zoo.postgres.ran == []
    assert await zoo.data(ASK % "... on Animal { id }", {"r": []}) == {"_entities": []}


async def test_too_many_are_refused(zoo: Zoo) -> None:
    """Before anything is asked."""
    body = await zoo.ask(ASK % "... on Animal { id }", {"r": [animal("1")] * 1001})
    assert body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "1000" in body["errors"][0]["message"]


async def test_what_is_required_is_believed_and_nothing_else(zoo: Zoo) -> None:
    """A resolver reads what the router says of the declared field; other fields are the table's."""
    given = [
        animal("1", weightOnMoon=1.5, colour="red", name="forged", weight_on_moon=9),
        animal("2"),
        {"__typename": "Enclosure", "id": "1"},
    ]
    selection = "... on Animal { report shout name colour } ... on Enclosure { name }"
    data = await zoo.data(ASK % selection, {"r": given})
    first, second, third = data["_entities"]
    assert first["report"] == f"{first['name']} weighs 1.5"
    assert first["shout"] == first["name"].upper() != "FORGED"
    assert first["colour"] is None
    assert second["report"].endswith("weighs None")
    assert third["name"]


async def test_what_is_believed_must_fit(zoo: Zoo) -> None:
    """A resolver gets what the field's type allows, or the representation is wrong at its index."""
    given = [animal("1", weightOnMoon=wrong) for wrong in ("heavy", True, {"kg": 1}, [1.5])]
    body = await zoo.ask(
        ASK % "... on Animal { report }", {"r": [*given, animal("2", weightOnMoon=None)]}
    )
    found = body["data"]["_entities"]
    assert found[:-1] == [None] * 4
    assert found[-1]["report"].endswith("weighs None")
    assert [error["path"] for error in body["errors"]] == [["_entities", n] for n in range(4)]
    assert body["errors"][0]["message"] == "Representation 0: its `weightOnMoon` is no Float."


async def test_what_is_required_of_an_object(zoo: Zoo) -> None:
    """Is an object to the resolver, with what was asked for and nothing else that it claims."""
    scan = {
        "organs": [{"name": "heart", "size": 7}, None],
        "takenBy": "Dr No",
        "taken_by": "forged",
    }
    given = [animal("1", scan=scan), animal("2", scan=None), animal("3", scan={"organs": []})]
    data = await zoo.data(ASK % "... on Animal { name finding }", {"r": given})
    first, second, third = data["_entities"]
    assert first["finding"] == f"{first['name']} [('heart', None), None] by Dr No"
    assert second["finding"] is None
    assert third["finding"] == f"{third['name']} [] by None"


async def test_what_is_required_of_an_object_must_fit(zoo: Zoo) -> None:
    """At any depth; else the representation is wrong at its index."""
    wrong: list[Any] = [
        "heart",
        [],
        {"organs": {"name": "heart"}},
        {"organs": [{"name": None}]},
        {"organs": [{"name": ["heart"]}]},
        {"organs": None},
    ]
    given = [animal("1", scan=one) for one in wrong]
    body = await zoo.ask(ASK % "... on Animal { finding }", {"r": given})
    assert body["data"]["_entities"] == [None] * len(wrong)
    assert [error["path"] for error in body["errors"]] == [
        ["_entities", place] for place in range(len(wrong))
    ]
    assert body["errors"][0]["message"] == "Representation 0: its `scan` is no Scan."


async def test_external_fields_are_null_elsewhere(zoo: Zoo) -> None:
    """They are others' to tell."""
    data = await zoo.data("{ animal(id: 1) { name weightOnMoon report } }")
    assert data["animal"]["weightOnMoon"] is None
    assert data["animal"]["report"].endswith("weighs None")


async def test_the_sdl(zoo: Zoo) -> None:
    """Has keys, imports what it uses, and is GraphQL."""
    sdl = (await zoo.data("{ _service { sdl } }"))["_service"]["sdl"]
    assert 'type Animal @key(fields: "id", resolvable: true) {' in sdl
    assert (
        'type Passport @key(fields: "code", resolvable: true) '
        '@key(fields: "animalId", resolvable: true) {'
    ) in sdl
    assert "name: String! @shareable" in sdl
    assert "weightOnMoon: Float @external" in sdl
    assert 'report: String! @requires(fields: "weightOnMoon")' in sdl
    assert "https://specs.apollo.dev/federation/v2" in sdl
    build_schema(sdl, assume_valid_sdl=True)


@pytest.mark.parametrize(
    ("viewer", "code"),
    [
        (Viewer("router", frozenset({"router"})), None),
        (Viewer("ann", frozenset({"editor"})), "FORBIDDEN"),
        (ANONYMOUS, "UNAUTHENTICATED"),
    ],
)
async def test_the_sdl_may_be_for_the_router_alone(
    fresh_database: FreshDatabase, redis_url: str, viewer: Viewer, code: str | None
) -> None:
    """Under any alias and in a fragment; entities have rules of their own."""
    query = "{ ...f } fragment f on Query { s: _service { sdl } }"
    entities = ASK % "... on Animal { name }"
    closed = replace(DOMAIN, router_roles=["router"])
    async with running(fresh_database, redis_url, closed) as zoo:
        body = await zoo.ask(query, viewer=viewer)
        assert ("type Animal" in str(body)) == (code is None)
        assert [error["extensions"]["code"] for error in body.get("errors", ())] == [code] * bool(
            code
        )
        assert (await zoo.data(entities, {"r": [animal(1)]}, viewer=viewer))["_entities"][0]


def test_what_is_required_must_be_declared() -> None:
    """Start-up names the field and how to declare it."""

    @entity(tables.animals)
    class Bad:
        id: ID

        @field(requires="weight")
        def report(self) -> str:
            return ""

    with pytest.raises(ConfigurationError, match=r"Bad: .*'weight'.*external\(\)"):
        build(Domain(entities=[Bad], queries=[], subgraph=True))


@pytest.mark.parametrize("fields", ["scan {", "scan { ...F }", "w: weight", "scan(at: 1) { by }"])
def test_what_is_required_must_be_a_set_of_fields(fields: str) -> None:
    """Start-up names the resolver and shows how to write it."""

    @entity(tables.animals)
    class Bad:
        id: ID

        @field(requires=fields)
        def report(self) -> str:
            return ""

    with pytest.raises(ConfigurationError, match=r"Bad\.report: .*no set of fields"):
        build(Domain(entities=[Bad], queries=[], subgraph=True))


def test_an_api_is_no_subgraph_unless_it_says_so() -> None:
    """`_entities` would open every entity by its key."""

    @entity(tables.enclosures)
    class Pen:
        id: ID

    api = build(Domain(entities=[Pen], queries=[]))
    assert "_entities" not in api.catalog.schema.query_type.fields
