"""Composed by `@apollo/composition` and asked through `@apollo/gateway`, over real HTTP.

Three subgraphs: two domains of ours over the same tables, and one written in JavaScript.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import supergraph
from toy.running import running

import resolvers
from gateway.schema.build import build

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from conftest import FreshDatabase
    from supergraph import Supergraph
    from toy.running import Zoo

    from gateway.schema.build import Api


class Federation:
    """The supergraph, and the engines of our two subgraphs."""

    def __init__(self, whole: Supergraph, zoo: Zoo, office: Zoo) -> None:
        self.whole = whole
        self.zoo = zoo
        self.office = office

    def forget(self) -> None:
        """Forget which statements ran."""
        self.zoo.postgres.ran.clear()
        self.office.postgres.ran.clear()


@pytest.fixture(scope="module")
async def federation(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Federation]:
    folder = await supergraph.installed()
    async with (
        running(module_database, redis_url, supergraph.ZOO) as zoo,
        running(module_database, redis_url, supergraph.OFFICE) as office,
        supergraph.over_http(zoo) as zoo_url,
        supergraph.over_http(office) as office_url,
        supergraph.composed(folder, f"zoo={zoo_url}", f"office={office_url}", "vets") as whole,
    ):
        assert whole.errors == []
        yield Federation(whole, zoo, office)


@pytest.fixture
def whole(federation: Federation) -> Supergraph:
    federation.forget()
    return federation.whole


PATIENTS = "query ($ids: [ID!]!) { patients(ids: $ids) { %s } }"


async def test_entities_are_one_batch(federation: Federation, whole: Supergraph) -> None:
    """One `_entities` for all, one statement; duplicates in place, an absent row null alone."""
    body = await whole.ask(
        PATIENTS % "id vet enclosure { name animals(first: 1) { nodes { name } } }",
        ids=["2", "1", "999", "2"],
    )
    assert "errors" not in body
    found = body["data"]["patients"]
    assert [one["id"] for one in found] == ["2", "1", "999", "2"]
    assert found[0] == found[3]
    assert found[1]["enclosure"]["name"]
    assert found[2]["enclosure"] is None
    assert len(whole.to("zoo")) == 1
    assert len(federation.zoo.postgres.ran) == 1


async def test_a_hundred_and_more(federation: Federation, whole: Supergraph) -> None:
    """A batch beyond any statement's usual size comes back in its order."""
    ids = [str(number) for number in range(400, 0, -1)]
    data = await whole.data(PATIENTS % "id enclosure { id }", ids=ids)
    assert [one["id"] for one in data["patients"]] == ids
    rows = await federation.zoo.connection.fetch("SELECT id, enclosure_id FROM animals")
    known = {str(row["id"]): str(row["enclosure_id"]) for row in rows if row["enclosure_id"]}
    found = {
        one["id"]: one["enclosure"]["id"]
        for one in data["patients"]
        if one["enclosure"] is not None
    }
    assert found == known
    assert len(federation.zoo.postgres.ran) <= 1 + len(ids) // 128
    assert len(whole.to("zoo")) == 1


async def test_what_is_required_comes_from_its_owner(whole: Supergraph) -> None:
    """`@requires`: the router fetches it there, and the resolver reads it."""
    data = await whole.data("{ animals(first: 3) { nodes { id name report weightOnMoon } } }")
    reports = [one["report"].split(" weighs ") for one in data["animals"]["nodes"]]
    assert reports == [[one["name"], str(one["weightOnMoon"])] for one in data["animals"]["nodes"]]
    assert [weight for _, weight in reports] == ["1.5", "2.5", "None"]
    (representations,) = [one["variables"] for one in whole.to("zoo") if one["variables"]]
    assert representations["representations"][0] == {
        "__typename": "Animal",
        "id": "1",
        "weightOnMoon": 1.5,
    }


async def test_what_is_required_of_an_object(whole: Supergraph) -> None:
    """`@requires` of fields below a field: they travel with the representation, no others."""
    data = await whole.data("{ animals(first: 3) { nodes { name finding } } }")
    first, _, third = data["animals"]["nodes"]
    assert first["finding"] == f"{first['name']}: ['heart'] by Dr 1"
    assert third["finding"] is None
    (asked,) = [one["variables"] for one in whole.to("zoo") if one["variables"]]
    assert asked["representations"][0] == {
        "__typename": "Animal",
        "id": "1",
        "scan": {"organs": [{"name": "heart"}], "takenBy": "Dr 1"},
    }


async def test_what_is_provided_needs_no_other(whole: Supergraph) -> None:
    """`@provides`: the papers' office tells an animal's name itself; not what it does not have."""
    data = await whole.data("{ papers { code animal { name } } }")
    assert data["papers"][0]["animal"]["name"]
    assert data["papers"][1] == {"code": "no such", "animal": None}
    assert not whole.to("zoo")
    await whole.data("{ papers { animal { name weight } } }")
    assert len(whole.to("zoo")) == 1


async def test_what_is_overridden_comes_from_us(federation: Federation, whole: Supergraph) -> None:
    """`@override`: the former owner has the field still, and is not asked."""
    data = await whole.data(PATIENTS % "nickname", ids=["1", "2", "3"])
    rows = await federation.zoo.connection.fetch(
        "SELECT nickname FROM animals WHERE id <= 3 ORDER BY id"
    )
    assert [one["nickname"] for one in data["patients"]] == [row["nickname"] for row in rows]


async def test_shared_fields(whole: Supergraph) -> None:
    """`@shareable`: each tells it itself."""
    data = await whole.data("{ enclosure(id: 1) { name } enclosureOf(id: 1) { name } }")
    assert data["enclosure"] == data["enclosureOf"]
    assert len(whole.sent) == 2


async def test_tags_and_what_is_hidden(whole: Supergraph) -> None:
    """`@tag` arrives in the supergraph; what is `@inaccessible` nobody may ask for."""
    assert '@tag(name: "public")' in whole.sdl
    body = await whole.ask("{ animals(first: 1) { nodes { tags } } }")
    assert 'Cannot query field "tags" on type "Animal".' in body["errors"][0]["message"]
    body = await whole.ask('{ node(nodeId: "x") { nodeId } }')
    assert 'Cannot query field "node" on type "Query".' in body["errors"][0]["message"]


async def test_keys_of_several_fields(federation: Federation, whole: Supergraph) -> None:
    """A composite key with a date: each subgraph finds its own part of the entity."""
    data = await whole.data("{ fed { day grams remarks(first: 5) { nodes { text } } } }")
    (fed,) = data["fed"]
    assert fed["grams"] is not None
    assert [one["text"] for one in fed["remarks"]["nodes"]] == ["hungry", "still hungry"]
    assert len(federation.zoo.postgres.ran) == len(federation.office.postgres.ran) == 1


async def test_fields_of_an_interface(federation: Federation, whole: Supergraph) -> None:
    """`@interfaceObject`: we add a field to all types of an interface that we do not know."""
    data = await whole.data("{ things { __typename id small ... on Rock { hardness } } }")
    (low,) = [
        row["small"]
        for row in await federation.office.connection.fetch(
            "SELECT small FROM specimens WHERE id = 1"
        )
    ]
    first, second, third = data["things"]
    assert first == {"__typename": "Rock", "id": "1", "small": low, "hardness": 7}
    assert second["__typename"] == "Leaf"
    assert third == {"__typename": "Rock", "id": "999", "small": None, "hardness": 1}
    assert len(federation.office.postgres.ran) == 1


async def test_our_two_together(whole: Supergraph) -> None:
    """One entity's fields of both, page information and lists among them."""
    data = await whole.data(
        """{ animals(first: 2) { pageInfo { hasNextPage } nodes {
             nodeId keepers(first: 1) { totalCount pageInfo { hasNextPage } nodes { name } } } }
             keepers(first: 1) { pageInfo { hasNextPage } } }"""
    )
    assert data["animals"]["pageInfo"] == {"hasNextPage": True}
    assert all(one["keepers"]["nodes"] for one in data["animals"]["nodes"])


async def test_access_rules_compose(whole: Supergraph) -> None:
    """As Apollo's own, so that a router enforces them too."""
    assert "born: Date" in whole.sdl
    line = next(line for line in whole.sdl.splitlines() if line.strip().startswith("born:"))
    assert "@authenticated" in line
    line = next(line for line in whole.sdl.splitlines() if line.strip().startswith("seen:"))
    assert '@requiresScopes(scopes: [["a", "b"], ["c"]])' in line
    assert '@policy(policies: [["adult"]])' in line
    assert "https://specs.apollo.dev/policy/" in whole.sdl


@pytest.mark.parametrize(("name", "field"), [("born", "born"), ("seen", "seen"), ("mood", "mood")])
async def test_access_rules_hold_below_entities(whole: Supergraph, name: str, field: str) -> None:
    """Apollo's gateway enforces none of them; a representation opens nothing."""
    body = await whole.ask(PATIENTS % f"vet {field}", ids=["1"])
    assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert body["data"]["patients"] == [{"vet": "Dr 1", field: None}]
    data = await whole.data(PATIENTS % field, "ann", ids=["1"])
    assert name in data["patients"][0]


async def test_the_bundled_domain_composes(federation: Federation, tmp_path: Path) -> None:
    """With every kind of source and of field, alone and beside other APIs of this kind."""
    folder = await supergraph.installed()
    sdl = tmp_path / "trends.graphql"
    sdl.write_text(await sdl_of(build(resolvers.domain)), "utf-8")
    async with supergraph.composed(folder, f"trends={sdl}") as alone:
        assert alone.errors == []
    async with (
        supergraph.over_http(federation.zoo) as zoo,
        supergraph.over_http(federation.office) as office,
        supergraph.composed(
            folder, f"trends={sdl}", f"zoo={zoo}", f"office={office}", "vets"
        ) as together,
    ):
        assert together.errors == []


RELAY = """
extend schema @link(url: "https://specs.apollo.dev/federation/v2.5",
  import: ["@key", "@shareable", "@external", "@requires", "@override"])
interface Node { id: ID! }
type PageInfo @shareable { hasNextPage: Boolean! endCursor: String }
type Query { node(id: ID!): Node reviews: [Review!]! }
type Review implements Node @key(fields: "id") { id: ID! trend: Trend }
type Trend @key(fields: "id") {
  id: ID!
  title: String! @external
  loud: String @requires(fields: "title")
  summary: String! @override(from: "trends")
}
"""


async def test_a_subgraph_with_nodes_of_its_own_composes(tmp_path: Path) -> None:
    """The interface `Node` and `node` are the other's then, whatever it calls the id."""
    folder = await supergraph.installed()
    trends, relay = tmp_path / "trends.graphql", tmp_path / "relay.graphql"
    trends.write_text(await sdl_of(build(resolvers.domain)), "utf-8")
    relay.write_text(RELAY, "utf-8")
    async with supergraph.composed(folder, f"trends={trends}", f"relay={relay}") as whole:
        assert whole.errors == []
        assert "node(id: ID!): Node @join__field(graph: RELAY)" in whole.sdl
        assert "nodeId: ID!" in whole.sdl


async def sdl_of(api: Api) -> str:
    """What the API tells a router."""
    found = await api.schema.execute("{ _service { sdl } }")
    assert found.data is not None
    return str(found.data["_service"]["sdl"])


async def test_what_cannot_be_composed_says_so(federation: Federation) -> None:
    """The script tells what Apollo refuses, so that the tests above can fail."""
    folder = await supergraph.installed()
    async with (
        supergraph.over_http(federation.zoo) as zoo,
        supergraph.composed(folder, f"zoo={zoo}") as alone,
    ):
        assert "weightOnMoon" in alone.errors[0]
