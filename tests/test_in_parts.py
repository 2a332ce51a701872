"""Answers in parts over HTTP, from the bundled domain and its real engines.

The bytes are those that Apollo Client, Relay, urql and GraphiQL read.
"""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from operations.stage import Addresses, Stage, fill, served
from toy.clients import parts_of, put_together

from gateway.execution.exchange import GraphQLRequest
from gateway.execution.incremental.formats import Form
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from conftest import FreshDatabase

ADMIN = Viewer(subject="ann", roles=frozenset({"admin"}))
APOLLO = (
    "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9"
)
APOLLO_4 = (
    "multipart/mixed;incrementalSpec=v0.2,application/graphql-response+json,application/json;q=0.9"
)
URQL = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"
GRAPHIQL = "application/json, multipart/mixed"
SUBSCRIBING = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"
DEFERRED = """query ($later: Boolean! = true) {
    trend(id: 1) { id ... @defer(if: $later, label: "more") { title views similar(first: 1) { score } } }
}"""
STREAMED = """{ trends(first: 3, orderBy: {id: ASC}) {
    nodes @stream(initialCount: 1, label: "trends") { id views } pageInfo { hasNextPage } } }"""


@pytest.fixture(scope="module")
async def stage(
    module_database: FreshDatabase, qdrant_endpoint: str, redis_url: str
) -> AsyncIterator[Stage]:
    redis = f"{redis_url.rpartition('/')[0]}/12"
    addresses = Addresses(await module_database(), qdrant_endpoint, redis)
    await fill(addresses)
    async with served(addresses) as running:
        yield running


async def post(stage: Stage, query: str, accept: str, **body: Any) -> httpx.Response:
    """The response to an operation."""
    return await stage.client.post(
        "/graphql", json={"query": query, **body}, headers={"accept": accept}
    )


async def whole(stage: Stage, query: str) -> dict[str, Any]:
    """The answer of a client that takes no parts."""
    answer = (await post(stage, query, "application/json")).json()
    assert "hasNext" not in answer
    return answer


@pytest.mark.parametrize("accept", [APOLLO, URQL, GRAPHIQL, "multipart/mixed"])
async def test_the_format_of_2022(stage: Stage, accept: str) -> None:
    """A part says by label and path what it is, and the last that there are no more."""
    response = await post(stage, DEFERRED, accept)
    assert response.headers["content-type"].endswith("deferSpec=20220824")
    parts = parts_of(response)
    assert parts[0] == {"data": {"trend": {"id": "1"}}, "hasNext": True}
    data = (await whole(stage, DEFERRED))["data"]["trend"]
    del data["id"]
    (part,) = parts[-1]["incremental"]
    assert part == {"data": data, "path": ["trend"], "label": "more"}
    assert parts[-1]["hasNext"] is False


async def test_the_format_of_the_draft(stage: Stage) -> None:
    """What will come is announced by an id, and each end is told."""
    response = await post(stage, DEFERRED, APOLLO_4)
    assert response.headers["content-type"].endswith("incrementalSpec=v0.2")
    parts = parts_of(response)
    assert parts[0]["pending"] == [{"id": "0", "path": ["trend"], "label": "more"}]
    assert parts[-1]["completed"] == [{"id": "0"}]
    assert put_together(parts)["data"] == (await whole(stage, DEFERRED))["data"]


@pytest.mark.parametrize("accept", [APOLLO, APOLLO_4])
async def test_a_list_comes_entry_after_entry(stage: Stage, accept: str) -> None:
    """The first entries at once, the others behind them."""
    parts = parts_of(await post(stage, STREAMED, accept))
    assert len(parts[0]["data"]["trends"]["nodes"]) == 1
    assert put_together(parts)["data"] == (await whole(stage, STREAMED))["data"]


@pytest.mark.parametrize(
    ("accept", "later"),
    [
        ("application/json", True),
        ("*/*", True),
        ("multipart/mixed;q=0, application/json", True),
        ("multipart/mixed;deferSpec=1, application/json", True),
        (SUBSCRIBING, True),
        (APOLLO, False),
    ],
)
async def test_an_answer_comes_whole(stage: Stage, accept: str, *, later: bool) -> None:
    """To clients that take no parts of a format of ours, or where `if` is false."""
    response = await post(stage, DEFERRED, accept, variables={"later": later})
    assert "json" in response.headers["content-type"]
    assert response.json()["data"]["trend"].keys() == {"id", "title", "views", "similar"}


async def test_what_is_not_in_parts_is_json(stage: Stage) -> None:
    """Operations without the directives, refusals and batches, whatever a client takes beside."""
    plain = await post(stage, "{ trend(id: 1) { id } }", APOLLO)
    assert plain.headers["content-type"].startswith("application/graphql-response+json")
    wrong = await post(stage, "{ trend(id: 1) { ... @defer { no } } }", APOLLO)
    assert wrong.status_code == 400
    batch = await stage.client.post(
        "/graphql", json=[{"query": DEFERRED}], headers={"accept": APOLLO}
    )
    assert batch.json()[0]["data"]["trend"]["title"]


@pytest.mark.parametrize(
    "query",
    [
        '{ a: trend(id: 1) { ... @defer(label: "x") { id } ... @defer(label: "x") { title } } }',
        "query ($l: String) { trend(id: 1) { ... @defer(label: $l) { id } } }",
        "{ trend(id: 1) { id @stream } }",
        "mutation { ... @defer { deleteTrend(id: 1) { id } } }",
        "subscription { ... @defer { trendChanged { key } } }",
    ],
)
async def test_misuse_is_refused(stage: Stage, query: str) -> None:
    """Labels are unique and no variables, only lists are streamed, no write is put off."""
    response = await post(stage, query, APOLLO)
    codes = {error["extensions"]["code"] for error in response.json()["errors"]}
    assert codes == {"GRAPHQL_VALIDATION_FAILED"}


async def test_a_source_that_is_slow_holds_up_its_part_only(stage: Stage) -> None:
    """The rows are there while vectors are still searched for: no more is sent before than rows."""
    query = "{ trend(id: 2) { title ... @defer { similar(first: 2) { score } } } }"
    searching = stage.gateway.groups["qdrant"]
    before = searching.figures()["sent"]
    incremental = stage.gateway.subscriptions.incremental
    answers = incremental.answers(
        GraphQLRequest(query), ADMIN, allow_mutations=False, deadline=_soon(), form=Form.LEGACY
    )
    first = await anext(answers)
    assert orjson.loads(first.body)["data"]["trend"].keys() == {"title"}
    assert searching.figures()["sent"] == before
    rest = [orjson.loads(answer.body) async for answer in answers]
    assert rest[-1]["hasNext"] is False
    assert searching.figures()["sent"] == before + 1


async def test_a_client_that_leaves_ends_the_work(stage: Stage) -> None:
    """Nothing is asked any more, and the answer is no longer open."""
    incremental = stage.gateway.subscriptions.incremental
    answers = incremental.answers(
        GraphQLRequest(STREAMED), ADMIN, allow_mutations=False, deadline=_soon(), form=Form.CURRENT
    )
    assert (await anext(answers)).more
    assert incremental.figures()["open"] == 1
    await answers.aclose()
    assert incremental.figures()["open"] == 0
    assert not [task for task in asyncio.all_tasks() if "Parts" in repr(task)]


async def test_too_many_at_once_come_whole(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound on answers in parts refuses nobody."""
    monkeypatch.setattr(stage.gateway.subscriptions.incremental, "_most", 0)
    response = await post(stage, DEFERRED, APOLLO)
    assert "json" in response.headers["content-type"]
    assert response.json()["data"]["trend"]["title"]


async def test_after_a_write_parts_show_what_it_wrote(stage: Stage) -> None:
    """They are read where it is seen, after it is committed."""
    query = """mutation ($input: TopicInsert!) { insertTopic(input: $input) {
        id ... @defer { title trends { totalCount } } } }"""
    topic = {"title": "In parts", "summary": "", "category": "TECHNOLOGY", "language": "en"}
    parts = parts_of(await post(stage, query, APOLLO, variables={"input": topic}))
    assert parts[0]["data"]["insertTopic"].keys() == {"id"}
    data = put_together(parts)["data"]["insertTopic"]
    assert data["title"] == "In parts"
    assert data["trends"] == {"totalCount": 0}


async def test_persisted_documents_come_in_parts(stage: Stage) -> None:
    """A document may be named by its hash, as anywhere."""
    digest = sha256(STREAMED.encode()).hexdigest()
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    first = parts_of(await post(stage, STREAMED, APOLLO_4, extensions=extensions))
    named = await stage.client.post(
        "/graphql", json={"extensions": extensions}, headers={"accept": APOLLO_4}
    )
    assert put_together(parts_of(named)) == put_together(first)


async def test_an_event_stream_has_the_same_parts(stage: Stage) -> None:
    """graphql-sse: each part is an event."""
    response = await post(stage, DEFERRED, "text/event-stream")
    events = [event for event in response.text.split("\n\n") if event.startswith("event: next")]
    parts = [json.loads(event.partition("data: ")[2]) for event in events]
    assert put_together(parts)["data"] == (await whole(stage, DEFERRED))["data"]


async def test_explaining_shows_the_whole(stage: Stage) -> None:
    """`explain` is about the operation, however it is delivered."""
    response = await post(stage, DEFERRED, APOLLO, extensions={"plait": {"explain": True}})
    assert response.json()["extensions"]["plan"]["waves"]


def _soon() -> float:
    return asyncio.get_running_loop().time() + 20
