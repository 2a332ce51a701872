"""The application while one of its engines is frozen, dead, or not there yet."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from operations.stage import Addresses, Stage, fill, served

from gateway.embedded import Engines, start

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

SETTINGS = {"PLAIT_SERVE_DEADLINE_SECONDS": "2", "REDIS_SOCKET_TIMEOUT": "0.5"}

QUERY = """{
  trends(first: 2) { nodes { title views similar(first: 1) { id } } }
  topic(id: 1) { title trends(last: 1) { nodes { views } } }
}"""
SEARCH = "{ searchTrends(id: 1, limit: 1) { id trend { title } } }"
WALKED = "{ trends(first: 2) { nodes { title momentum views similar(first: 1) { id } } } }"

VECTORS = """{
  trend(id: 1) { title }
  one: searchTrends(id: 1, limit: 1) { id }
  other: searchTrends(text: "sun", limit: 1) { id trend { title } }
  recommendTrends(positive: [{id: 1}], limit: 1) { id }
  searchTrendsBatch(searches: [{id: 1, limit: 1}]) { id }
  searchTrendGroups(id: 1, groupBy: STATE) { key }
  trendFacets(key: STATE) { count }
  points(collection: "note_embeddings", ids: [1]) { id }
  pointCount(collection: "note_embeddings")
  pointScroll(collection: "note_embeddings", first: 1) { totalCount nodes { id } }
  trends(first: 1) { nodes { near: similar(first: 1) { id } far: similar(first: 2) { score } } }
}"""

TRENDS = [
    {"title": "Aurora over Rome", "views": 1200, "similar": [{"id": "2"}]},
    {"title": "Satellites fail", "views": 0, "similar": [{"id": "1"}]},
]
WHOLE = {
    "trends": {"nodes": TRENDS},
    "searchTrends": [{"id": "2", "trend": {"title": "Satellites fail"}}],
    "topic": {"title": "Solar storms", "trends": {"nodes": [{"views": 0}]}},
}
HARMS = {"freeze": "SOURCE_TIMEOUT", "kill": "SOURCE_UNAVAILABLE"}


def without(*paths: str) -> dict[str, Any]:
    """The whole answer, with null at these paths."""
    answer: dict[str, Any] = json.loads(json.dumps(WHOLE))
    for path in paths:
        *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
        place: Any = answer
        for step in way:
            place = place[step]
        place[last] = None
    return answer


LOST = {
    "valkey": (
        "trends.nodes.0.views",
        "trends.nodes.1.views",
        "topic.trends.nodes.0.views",
    ),
    "qdrant": ("trends.nodes.0.similar", "trends.nodes.1.similar", "searchTrends"),
    "postgres": ("trends", "searchTrends.0.trend", "topic"),
}
"""By the engine that fails: the paths that are null then, in the order of their errors."""


@pytest.fixture(scope="module")
def own_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Engines that these tests may harm."""
    with start(tmp_path_factory.mktemp("engines"), durable=False) as engines:
        yield engines


@pytest.fixture(scope="module")
async def addresses(own_engines: Engines) -> Addresses:
    """Where they are, the data set stored in them."""
    urls = own_engines.urls
    vectors = f"http://127.0.0.1:{urls.qdrant_grpc_port}"
    found = Addresses(urls.postgres, vectors, urls.redis)
    await fill(found)
    return found


@pytest.fixture
async def stage(addresses: Addresses) -> AsyncIterator[Stage]:
    """A gateway that answered in full before the test begins."""
    async with served(addresses, SETTINGS) as running:
        await recovered(running)
        yield running


async def both(stage: Stage) -> list[httpx.Response]:
    """The responses to the two queries, asked at once."""
    asked = (stage.client.post("/graphql", json={"query": query}) for query in (QUERY, SEARCH))
    return await asyncio.gather(*asked)


def merged(responses: list[httpx.Response]) -> dict[str, Any]:
    """The data of several responses as one."""
    return {
        root: value for response in responses for root, value in response.json()["data"].items()
    }


async def recovered(stage: Stage) -> None:
    """Ask until everything is answered again."""
    responses: list[httpx.Response] = []
    for _ in range(100):
        responses = await both(stage)
        if not any("errors" in response.json() for response in responses):
            assert merged(responses) == WHOLE
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"it never recovered: {[response.text for response in responses]}")


async def mend(engines: Engines, name: str) -> None:
    """Let the engine go on, or start it again on its port."""
    process = engines.processes[name]
    if process.alive:
        process.thaw()
    else:
        await asyncio.to_thread(engines.restart, name)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("name", LOST)
async def test_a_failing_engine_costs_its_own_fields_only(
    name: str, harm: str, own_engines: Engines, stage: Stage
) -> None:
    """Its fields are null under typed errors at their paths; all others are there; it heals.

    That other fields are there at all says that the deadline held: a request that overran it is
    refused as a whole.
    """
    getattr(own_engines.processes[name], harm)()
    try:
        responses = await both(stage)
        ready = await stage.client.get("/health/ready")
    finally:
        await mend(own_engines, name)
    assert [response.status_code for response in responses] == [200, 200]
    assert merged(responses) == without(*LOST[name])
    errors = [error for response in responses for error in response.json().get("errors", [])]
    assert sorted(".".join(map(str, error["path"])) for error in errors) == sorted(LOST[name])
    assert {error["extensions"]["code"] for error in errors} == {HARMS[harm]}
    assert not any("127.0.0.1" in error["message"] for error in errors)

    assert ready.status_code == 503
    sources = ready.json()["sources"].items()
    # Directus is not configured here, and need not be.
    failed = [
        name for name, health in sources if not health["ready"] and health.get("required", True)
    ]
    own = {"valkey": "redis"}.get(name, name)
    # Its parts fail with it: the feed of changes, say.
    assert {source.partition(":")[0] for source in failed} == {own}
    await recovered(stage)


@pytest.mark.parametrize("name", ["valkey", "qdrant"])
async def test_a_plain_resolver_beside_a_dead_source(
    name: str, own_engines: Engines, stage: Stage
) -> None:
    """Where graphql-core walks the answer the errors stand at the same paths."""
    own_engines.processes[name].kill()
    try:
        answer = await stage.ask(WALKED)
    finally:
        await mend(own_engines, name)
    field = {"valkey": "views", "qdrant": "similar"}[name]
    momentum = ["viral, growing", "emerging, growing"]
    assert answer["data"]["trends"]["nodes"] == [
        {**row, "momentum": text, field: None} for row, text in zip(TRENDS, momentum, strict=True)
    ]
    assert [error["path"] for error in answer["errors"]] == [
        ["trends", "nodes", place, field] for place in range(2)
    ]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"SOURCE_UNAVAILABLE"}
    await recovered(stage)


@pytest.mark.parametrize("harm", HARMS)
async def test_every_reading_of_vectors_fails_in_its_place(
    harm: str, own_engines: Engines, stage: Stage
) -> None:
    """Whatever is read, alone or together: null under one typed error, and the rows are there."""
    process = own_engines.processes["qdrant"]
    getattr(process, harm)()
    try:
        answer = await stage.ask(VECTORS)
    finally:
        await mend(own_engines, "qdrant")
    data = answer["data"]
    assert data.pop("trend") == {"title": "Aurora over Rome"}
    assert data.pop("trends") == {"nodes": [{"near": None, "far": None}]}
    assert len(data) == 9
    assert set(data.values()) == {None}
    paths = sorted(".".join(map(str, error["path"])) for error in answer["errors"])
    assert paths == sorted([*data, "trends.nodes.0.near", "trends.nodes.0.far"])
    assert {error["extensions"]["code"] for error in answer["errors"]} == {HARMS[harm]}
    await recovered(stage)


async def test_a_silent_database_is_spared(own_engines: Engines, stage: Stage) -> None:
    """Once it shows, reads and writes of it fail without waiting, and it is not ready; it heals."""
    insert = 'mutation { insertTopic(input: {title: "x", category: TECHNOLOGY}) { id } }'
    own_engines.processes["postgres"].freeze()
    try:
        async with asyncio.timeout(60):
            codes = {""}
            while codes != {"SOURCE_UNAVAILABLE"}:
                answers = [
                    await stage.ask(query) for query in ("{ trend(id: 1) { title } }", insert)
                ]
                codes = {answer["errors"][0]["extensions"]["code"] for answer in answers}
        ready = await stage.client.get("/health/ready")
    finally:
        await mend(own_engines, "postgres")
    figures = ready.json()["sources"]["postgres"]["figures"]
    assert (ready.status_code, figures["breaker_open"]) == (503, 1)
    await recovered(stage)


async def test_a_dead_database_beside_a_plain_resolver(own_engines: Engines, stage: Stage) -> None:
    """A walked root field whose source is gone is null under one error, its neighbour as well."""
    own_engines.processes["postgres"].kill()
    try:
        answer = await stage.ask("{ a: trend(id: 1) { momentum } b: trend(id: 2) { title } }")
    finally:
        await mend(own_engines, "postgres")
    assert answer["data"] == {"a": None, "b": None}
    assert [error["path"] for error in answer["errors"]] == [["a"], ["b"]]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"SOURCE_UNAVAILABLE"}
    await recovered(stage)


@pytest.mark.parametrize("name", LOST)
async def test_starting_before_an_engine(
    name: str, own_engines: Engines, addresses: Addresses
) -> None:
    """A gateway starts while an engine is away, serves the rest, and finds it when it comes."""
    own_engines.processes[name].kill()
    try:
        async with served(addresses, SETTINGS) as stage:
            assert merged(await both(stage)) == without(*LOST[name])
            await mend(own_engines, name)
            await recovered(stage)
    finally:
        await mend(own_engines, name)


async def test_many_requests_while_the_database_dies(own_engines: Engines, stage: Stage) -> None:
    """Every request under way is answered, with its data or with a typed error; then all heals."""
    asking = [asyncio.create_task(both(stage)) for _ in range(40)]
    await asyncio.sleep(0)
    own_engines.processes["postgres"].kill()
    try:
        answers = await asyncio.gather(*asking)
    finally:
        await mend(own_engines, "postgres")
    errors = [
        error
        for responses in answers
        for response in responses
        for error in response.json().get("errors", [])
    ]
    assert {error["extensions"]["code"] for error in errors} <= set(HARMS.values())
    assert all(set(merged(responses)) == set(WHOLE) for responses in answers)
    await recovered(stage)
