"""Rows of ours with objects of an upstream, and the other way round, batched by wave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest
from graphql import parse
from upstream import joined, people

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from upstream.joined import Joined


@pytest.fixture
async def gateway(database: str) -> AsyncIterator[Joined]:
    async with (
        people.running() as service,
        joined.running(service, joined.joined(), database) as one,
    ):
        yield one


async def test_rows_with_objects_by_one_key(gateway: Joined) -> None:
    """All keys of a wave are fields of one document."""
    data = await gateway.data("{ enclosures { nodes { id keeper { name team { title } } } } }")
    nodes = data["enclosures"]["nodes"]
    assert nodes[0] == {"id": "1", "keeper": {"name": "Ada", "team": {"title": "One"}}}
    (document,) = gateway.people.documents()
    assert document.count(": person(id: $plait_k") == len(nodes)


async def test_rows_with_objects_of_a_list(gateway: Joined) -> None:
    """All keys go into one argument; the list's order is its own; what is not there is null."""
    data = await gateway.data("{ animals(first: 20) { nodes { id friend { name born } } } }")
    nodes = data["animals"]["nodes"]
    assert nodes[0] == {"id": "1", "friend": {"name": "Ada", "born": "2001-01-02"}}
    assert [one["friend"] for one in nodes if int(one["id"]) > 5] == [None] * (len(nodes) - 5)
    assert gateway.people.documents() == [
        "query ($plait_keys: [ID!]) { people(ids: $plait_keys) { plait_key: id name born } }"
    ]


LONG = "Zoo" * 50


@pytest.mark.parametrize(
    ("operation", "names"),
    [
        ("query Zoo", ["Zoo__people", "Zoo__people__friend", "Zoo__people__keeper"]),
        ("query", [None, None, None]),
        (f"query {LONG}", [f"{LONG[:64]}__people{rest}" for rest in ("", "__friend", "__keeper")]),
    ],
    ids=["a name", "none", "a long one"],
)
async def test_documents_are_named(
    gateway: Joined, operation: str, names: list[str | None]
) -> None:
    """After the client's operation and the place in it, so that the service's traces can tell."""
    query = (
        f"{operation} {{ person(id: 1) {{ name }} animals(first: 2) {{ nodes {{ friend {{ name }} "
        "enclosure { keeper { name } } } } }"
    )
    await gateway.data(query)
    requests = sorted(gateway.people.requests, key=lambda one: one.get("operationName") or "")
    assert [one.get("operationName") for one in requests] == names
    for request in requests:
        (definition,) = parse(request["query"]).definitions
        own = definition.name and definition.name.value
        assert own == request.get("operationName")
    shown = await gateway.ask(query, extensions={"plait": {"explain": True}})
    assert "Zoo" not in str(shown["extensions"]["plan"])


async def test_requests_share_a_document(gateway: Joined) -> None:
    """What different requests want to know of one type, while they wait, is asked at once."""
    gateway.people.delay = asyncio.Event()
    document = "query ($id: ID!) { animal(id: $id) { friend { name } } }"
    asked = [asyncio.create_task(gateway.data(document, id=number)) for number in (1, 2, 3, 4, 5)]
    (name,) = (one for one in gateway.engine.groups if one.startswith("upstream"))
    figures = gateway.engine.groups[name].figures
    # Two are under way, three wait: only then is it certain that they share a request.
    while (len(gateway.people.requests), figures()["waiting"]) != (2, 3):  # noqa: ASYNC110 - the service offers no event for it
        await asyncio.sleep(0.005)
    gateway.people.delay.set()
    names = [one["animal"]["friend"]["name"] for one in await asyncio.gather(*asked)]
    assert names == ["Ada", "Bob", "Cleo", 'Dee "D"\t\\', "Émil"]
    assert len(gateway.people.requests) < 5
    assert max(len(one["variables"]["plait_keys"]) for one in gateway.people.requests) > 1


async def test_objects_with_rows(gateway: Joined) -> None:
    """Over lists in lists, one statement, and back into the upstream."""
    data = await gateway.data(
        """{ person(id: 1) { name pet { name }
             friends(first: 2) { id pet { name friend { name pet { id } } } } } }"""
    )
    assert data["person"]["pet"]["name"]
    assert [one["pet"]["friend"]["pet"]["id"] for one in data["person"]["friends"]] == ["2", "3"]
    assert len(gateway.people.documents()) == 2
    assert "plait_0_pet: id" in gateway.people.documents()[0]


async def test_objects_of_an_interface_with_rows(gateway: Joined) -> None:
    """A key that no row has, or that cannot be one, is null and harms nobody else."""
    body = await gateway.ask(
        "{ beings { name ... on Person { pet { id } } ... on Robot { pet { id } } } }"
    )
    assert [one["pet"] and one["pet"]["id"] for one in body["data"]["beings"]] == ["1", None, "2"]


async def test_objects_with_lists_of_rows(gateway: Joined) -> None:
    """Over lists in lists, one statement for all; with arguments, and back into the upstream."""
    data = await gateway.data(
        """query ($first: Int) { person(id: 1) {
          herd(first: $first, where: {name: {ne: "Bo"}}, orderBy: [{id: DESC}]) {
            totalCount
            nodes { id name friend { name } }
            pageInfo { hasNextPage }
          }
          friends(first: 2) { name herd(first: 1) { edges { cursor node { id } } } }
        } }""",
        first=2,
    )
    assert data["person"]["herd"] == {
        "totalCount": 5,
        "nodes": [
            {"id": "12", "name": "Leo-Leonardo", "friend": None},
            {"id": "11", "name": "Kim", "friend": None},
        ],
        "pageInfo": {"hasNextPage": True},
    }
    bob, cleo = data["person"]["friends"]
    assert [edge["node"] for edge in bob["herd"]["edges"]] == [{"id": "3"}]
    assert cleo["herd"] == {"edges": []}
    assert len(gateway.people.documents()) == 2


async def test_lists_of_rows_are_one_statement(gateway: Joined) -> None:
    """For all objects of the wave, each list with its own limit, in lists within lists."""
    document = "{ team(id: 1) { members { ... on Person { friends { herd(first: 1) { nodes { id } } } } } } }"
    plan = gateway.engine.explain(document)
    (wave,) = plan["waves"][1:]
    (fetch,) = wave
    assert "unnest" in fetch["request"]["sql"]
    data = await gateway.data(document)
    ada, _, bob = data["team"]["members"]
    assert [one["herd"]["nodes"] for one in ada["friends"]] == [[{"id": "3"}], [], [], []]
    assert [one["herd"]["nodes"] for one in bob["friends"]] == [[{"id": "1"}], [], [], []]


async def test_a_list_under_a_key_that_can_be_none(gateway: Joined) -> None:
    """Is null, and harms nobody else."""
    data = await gateway.data(
        """{ beings { ... on Person { herd(first: 1) { nodes { id } } }
             ... on Robot { herd { nodes { id } } } } }"""
    )
    lists = [one["herd"] for one in data["beings"]]
    assert lists == [{"nodes": [{"id": "1"}]}, None, {"nodes": [{"id": "3"}]}]


async def test_rows_with_objects_by_a_column_that_is_not_shown(gateway: Joined) -> None:
    """The key need not be a field; where it is null, so is the object."""
    data = await gateway.data("{ animals(first: 3) { nodes { owner { name } } } }")
    owners = [one["owner"] for one in data["animals"]["nodes"]]
    assert owners == [None, {"name": "Ada"}, {"name": "Ada"}]


@pytest.mark.parametrize("prefix", ["", "Crm"])
async def test_plain_resolvers_below_an_interface_of_the_upstream(
    database: str, prefix: str
) -> None:
    """graphql-core walks there, though nobody asked for the types' names; lists in lists too."""
    beings = f"{prefix.lower()}Beings" if prefix else "beings"
    document = f"""{{ {beings} {{
      name ... on {prefix}Person {{
        pet {{ id shout }} herd(first: 1) {{ nodes {{ shout }} }}
        writings {{ ... on {prefix}Note {{ text }} }}
      }}
    }} }}"""
    async with (
        people.running() as service,
        joined.running(service, joined.joined(prefix=prefix), database) as gateway,
    ):
        data = await gateway.data(document)
        assert data[beings] == [
            {
                "name": "Ada",
                "pet": {"id": "1", "shout": "ADA"},
                "herd": {"nodes": [{"shout": "ADA"}]},
                "writings": [{"text": "a\tb"}, {}],
            },
            {"name": "Rob"},
            {
                "name": "Bob",
                "pet": {"id": "2", "shout": "BO"},
                "herd": {"nodes": [{"shout": "CLEO"}]},
                "writings": [{"text": "a\tb"}, {}],
            },
        ]
        told = await gateway.data(document.replace("name ...", "kind: __typename ...", 1))
        assert [one["kind"] for one in told[beings]] == [
            f"{prefix}Person",
            f"{prefix}Robot",
            f"{prefix}Person",
        ]


async def test_what_a_viewer_may_not_see_below_an_interface_of_the_upstream(
    database: str,
) -> None:
    """Is an error at its place; the rest of the object is there, and its row was never read."""
    async with (
        people.running() as service,
        joined.running(service, joined.guarded(), database) as gateway,
    ):
        body = await gateway.ask(
            "{ beings { ... on Person { note { text } } ... on Robot { model } } }"
        )
        assert body["data"] == {"beings": [{"note": None}, {"model": "T"}, {"note": None}]}
        assert [error["path"] for error in body["errors"]] == [
            ["beings", 0, "note"],
            ["beings", 2, "note"],
        ]
        assert {error["extensions"]["code"] for error in body["errors"]} == {"UNAUTHENTICATED"}
        (document,) = service.documents()
        assert "note" not in document


async def test_an_upstreams_failure_below_rows(gateway: Joined) -> None:
    """Is each object's own, at its place."""
    body = await gateway.ask("{ animals(first: 2) { nodes { id friend { name secret } } } }")
    nodes = body["data"]["animals"]["nodes"]
    assert nodes[1] == {"id": "2", "friend": {"name": "Bob", "secret": None}}
    assert [error["path"] for error in body["errors"]] == [
        ["animals", "nodes", place, "friend", "secret"] for place in (0, 1)
    ]


async def test_an_upstream_that_is_down_below_rows(gateway: Joined) -> None:
    """The rows are there, the objects null, with an error each."""

    async def answer(_scope: object, _receive: object, send: object) -> None:
        await people.reply(send, 500, "no", b"text/plain")

    gateway.people.answer = answer
    body = await gateway.ask("{ enclosures { nodes { name keeper { name } } } }")
    assert all(one["keeper"] is None and one["name"] for one in body["data"]["enclosures"]["nodes"])
    assert {error["extensions"]["code"] for error in body["errors"]} == {"SOURCE_ERROR"}


async def test_the_plan_shows_the_documents(gateway: Joined) -> None:
    """What goes where, in which wave."""
    plan = gateway.engine.explain("{ person(id: 1) { name pet { name friend { name } } } }")
    sources = [[fetch["source"] for fetch in wave] for wave in plan["waves"]]
    assert sources == [["upstream.people"], ["postgres"], ["upstream.people"]]
    assert plan["waves"][0][0]["request"]["document"] == (
        "query { person(id: 1) { name plait_0_pet: id } }"
    )


async def test_a_key_beyond_its_column(gateway: Joined) -> None:
    """Is the key of no row, whatever the column's width; the others have theirs."""
    team = gateway.people.root._team()
    team["members"][1]["id"] = str(2**32)
    gateway.people.root.beings = lambda _info: team["members"]  # type: ignore[method-assign]  # another answer
    data = await gateway.data(
        """{ beings { ... on Person { herd(first: 1) { nodes { id } } }
             ... on Robot { pet { id } herd(first: 1) { nodes { id } } } } }"""
    )
    assert [one["herd"] for one in data["beings"]] == [
        {"nodes": [{"id": "1"}]},
        {"nodes": []},
        {"nodes": [{"id": "3"}]},
    ]
    assert data["beings"][1]["pet"] is None


async def test_a_number_that_is_text_with_us(database: str) -> None:
    """Finds its row: JSON of another service knows nothing of our columns."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("INSERT INTO passports (code) VALUES ('21')")
    finally:
        await connection.close()
    async with (
        people.running() as service,
        joined.running(service, joined.by_text(), database) as gateway,
    ):
        data = await gateway.data(
            "{ person(id: 1) { passport { code } passports { nodes { code } } } }"
        )
        assert data["person"] == {
            "passport": {"code": "21"},
            "passports": {"nodes": [{"code": "21"}]},
        }


async def test_plain_resolvers_below_an_interface_below_rows(gateway: Joined) -> None:
    """Row, object, list of an interface, row: each is walked as what it is."""
    data = await gateway.data(
        """{ animals(first: 1) { nodes { shout friend { team { members {
             ... on Person { name pet { shout } } } } } } } }"""
    )
    assert data["animals"]["nodes"] == [
        {
            "shout": "ADA",
            "friend": {
                "team": {
                    "members": [
                        {"name": "Ada", "pet": {"shout": "ADA"}},
                        {},
                        {"name": "Bob", "pet": {"shout": "BO"}},
                    ]
                }
            },
        }
    ]
