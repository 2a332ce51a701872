"""A gateway whose upstream is a gateway: client, outer, inner and database, all by real HTTP."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - Strawberry reads annotations at run time
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import supergraph
from strawberry import ID  # noqa: TC002 - Strawberry reads annotations at run time
from toy import tables
from toy.running import running
from upstream import joined
from upstream.people import serving

from gateway import (
    Connection,
    Domain,
    Join,
    Remote,
    Upstream,
    by_key,
    entity,
    listing,
    queries,
    remote,
)
from gateway.transport.http import GraphQLOverHTTP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase
    from toy.running import Zoo
    from upstream.joined import Joined

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FORWARD = frozenset({"traceparent", "x-user"})


@entity(tables.passports, key="code")
class Passport:
    code: ID
    animal_id: ID | None
    animal: Remote | None = remote("zoo", "Animal", {"id": "animal_id"}, by="_entities")


@entity(tables.remarks)
class Remark:
    id: ID
    text: str
    animal_id: ID | None
    day: dt.date | None
    feeding: Remote | None = remote(
        "zoo", "Feeding", {"animalId": "animal_id", "day": "day"}, by="_entities"
    )


@queries
class Roots:
    passports: Connection[Passport] | None = listing()
    remarks: Connection[Remark] | None = listing()
    remark: Remark | None = by_key()


JOINS = (Join("Enclosure", "remark", Remark, "id", description="Ours, by the same number."),)


class Inner:
    """The inner gateway as the outer one sees it, with what reached it."""

    def __init__(self, zoo: Zoo) -> None:
        self.zoo = zoo
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[bytes, bytes]] = []
        self._endpoint = GraphQLOverHTTP(zoo.engine, identify=supergraph.viewer_of, forward=FORWARD)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        self.requests.append(json.loads(message["body"]))
        self.headers.append(dict(scope["headers"]))
        waiting = [message]

        async def again() -> Any:
            return waiting.pop() if waiting else await receive()

        await self._endpoint(scope, again, send)


class Gateways:
    """Both gateways; `ask` goes to the outer one."""

    def __init__(self, inner: Inner, outer: Joined, url: str) -> None:
        self.inner = inner
        self.outer = outer
        self._url = url

    async def ask(
        self, document: str, variables: dict[str, Any] | None = None, **headers: str
    ) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=30) as client:
            response = await client.post(
                self._url, json={"query": document, "variables": variables}, headers=headers
            )
        body: dict[str, Any] = response.json()
        return body

    async def data(self, document: str, **variables: Any) -> Any:
        body = await self.ask(document, variables)
        assert "errors" not in body, body["errors"]
        return body["data"]


@pytest.fixture(scope="module")
async def both(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Gateways]:
    databases: list[str] = []

    async def database() -> str:
        databases.append(await module_database())
        return databases[-1]

    async with running(database, redis_url, supergraph.ZOO) as zoo:
        inner = Inner(zoo)
        sdl = (await zoo.data("{ _service { sdl } }"))["_service"]["sdl"]
        domain = Domain(
            entities=[Passport, Remark],
            queries=[Roots],
            upstreams=[Upstream("zoo", sdl, prefix="Far", joins=JOINS, guards_itself=True)],
        )
        async with (
            serving(inner) as inner.url,
            joined.running(inner, domain, databases[0], forward=FORWARD) as outer,
            serving(
                GraphQLOverHTTP(outer.engine, identify=supergraph.viewer_of, forward=FORWARD)
            ) as url,
        ):
            yield Gateways(inner, outer, url)


@pytest.fixture
def gateways(both: Gateways) -> Gateways:
    both.inner.requests.clear()
    both.inner.headers.clear()
    both.inner.zoo.postgres.ran.clear()
    return both


async def test_types_under_a_prefix(gateways: Gateways) -> None:
    """Lists, edges and page information of the inner one; each says its name in the outer one."""
    data = await gateways.data(
        """query ($n: Int) { farAnimals(first: $n, orderBy: [{id: ASC}]) { __typename
             pageInfo { __typename hasNextPage }
             edges { cursor node { __typename id enclosure { __typename name } } } } }""",
        n=2,
    )
    found = data["farAnimals"]
    assert found["__typename"] == "FarAnimalConnection"
    assert found["pageInfo"] == {"__typename": "FarPageInfo", "hasNextPage": True}
    assert found["edges"][0]["node"]["enclosure"]["__typename"] == "FarEnclosure"
    after = found["edges"][0]["cursor"]
    data = await gateways.data(
        "query ($a: String) { farAnimals(first: 1, after: $a, orderBy: [{id: ASC}])"
        " { nodes { id } } }",
        a=after,
    )
    assert data["farAnimals"]["nodes"] == [{"id": "2"}]


async def test_joins_by_entities(gateways: Gateways) -> None:
    """All keys of a wave are one `_entities` and one statement; the document is exact."""
    data = await gateways.data(
        "{ passports(orderBy: [{code: ASC}]) { nodes { code animal { name enclosure { id } } } } }"
    )
    nodes = {one["code"]: one["animal"] for one in data["passports"]["nodes"]}
    assert nodes["P/1"]["name"]
    assert nodes["ÿ"] is None
    (request,) = gateways.inner.requests
    assert request["query"] == (
        "query ($plait_keys: [_Any!]!) { _entities(representations: $plait_keys)"
        " { ... on Animal { name enclosure { id } } } }"
    )
    asked = request["variables"]["plait_keys"]
    assert {one["id"] for one in asked} >= {"1", "3", "5"}
    assert {one["__typename"] for one in asked} == {"Animal"}
    assert len(gateways.inner.zoo.postgres.ran) == 1


async def test_rows_below_their_objects(gateways: Gateways) -> None:
    """Back from the inner gateway into our rows, and from those into it again: three waves."""
    data = await gateways.data(
        """{ farAnimals(first: 3, orderBy: [{id: ASC}]) { nodes {
             enclosure { id remark { text feeding { __typename grams } } } } } }"""
    )
    remarks = {
        one["enclosure"]["id"]: one["enclosure"]["remark"]
        for one in data["farAnimals"]["nodes"]
        if one["enclosure"]
    }
    assert remarks["1"]["text"] == "hungry"
    assert remarks["1"]["feeding"]["__typename"] == "FarFeeding"
    assert len(gateways.inner.requests) == 2


async def test_the_plan_shows_both_waves(gateways: Gateways) -> None:
    """Rows first, then the document for the other gateway."""
    plan = gateways.outer.engine.explain("{ passports { nodes { animal { name } } } }")
    assert [[fetch["source"] for fetch in wave] for wave in plan["waves"]] == [
        ["postgres"],
        ["upstream.zoo"],
    ]
    assert plan["waves"][1][0]["request"]["document"] == (
        "query ($plait_keys: [_Any!]!) { _entities(representations: $plait_keys)"
        " { ... on Animal { name } } }"
    )


async def test_headers_go_on(gateways: Gateways) -> None:
    """Trace context and identity arrive within; a cookie does not."""
    body = await gateways.ask(
        "{ farAnimals(first: 1) { nodes { born } } passports(first: 1) { nodes"
        " { animal { born } } } }",
        **{"x-user": "ann", "traceparent": TRACE, "cookie": "secret=1", "x-other": "1"},
    )
    assert "errors" not in body
    assert len(gateways.inner.headers) == 2
    for headers in gateways.inner.headers:
        assert headers[b"traceparent"] == TRACE.encode()
        assert headers[b"x-user"] == b"ann"
        assert b"cookie" not in headers
        assert b"x-other" not in headers


async def test_viewers_share_no_answer(gateways: Gateways) -> None:
    """What the inner one refuses to one viewer, it gives to another, at the same time."""
    document = "{ passports(first: 2) { nodes { code animal { born } } } }"
    refused = await gateways.ask(document)
    allowed = await gateways.ask(document, **{"x-user": "ann"})
    assert "errors" not in allowed
    assert allowed["data"]["passports"]["nodes"][0]["animal"]["born"] is not None
    assert [one["animal"] for one in refused["data"]["passports"]["nodes"]] == [{"born": None}] * 2
    places = [["passports", "nodes", number, "animal", "born"] for number in range(2)]
    assert [one["path"] for one in refused["errors"]] == places
    assert {one["extensions"]["code"] for one in refused["errors"]} == {"UNAUTHENTICATED"}


async def test_errors_are_where_they_belong(gateways: Gateways) -> None:
    """Paths of the inner one become the outer one's; what it refuses the client is a refusal."""
    body = await gateways.ask("{ farAnimals(first: 1) { nodes { id seen } } remark(id: 1) { id } }")
    (error,) = body["errors"]
    assert error["path"] == ["farAnimals", "nodes", 0, "seen"]
    assert body["data"]["farAnimals"]["nodes"] == [{"id": "1", "seen": None}]
    assert error["extensions"]["code"] == error["extensions"]["upstreamCode"] == "UNAUTHENTICATED"
    body = await gateways.ask(
        "{ remarks(orderBy: [{id: ASC}]) { nodes { id feeding { grams } } } }"
    )
    nodes = body["data"]["remarks"]["nodes"]
    assert nodes[0]["feeding"]["grams"] is not None
    (request,) = gateways.inner.requests[1:]
    assert request["variables"]["plait_keys"][0] == {
        "__typename": "Feeding",
        "animalId": "1",
        "day": "2024-02-01",
    }
