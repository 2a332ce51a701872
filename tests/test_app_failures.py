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

SETTINGS = {"PLAIT_SERVE_DEADLINE_SECONDS": "2", "REDIS_SOCKET_TIMEOUT": "0.5"}

QUERY = """{
  trends(first: 2) { nodes { title views similar(first: 1) { id } } }
  searchTrends(id: 1, limit: 1) { id trend { title } }
  topic(id: 1) { title trends(last: 1) { nodes { views } } }
}"""
WALKED = "{ trends(first: 2) { nodes { title momentum views similar(first: 1) { id } } } }"

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
    found = Addresses(urls.postgres, urls.qdrant, urls.redis)
    await fill(found)
    return found


@pytest.fixture
async def stage(addresses: Addresses) -> AsyncIterator[Stage]:
    """A gateway that answered in full before the test begins."""
    async with served(addresses, SETTINGS) as running:
        await recovered(running)
        yield running


async def recovered(stage: Stage) -> None:
    """Ask until everything is answered again."""
    for _ in range(100):
        answer = await stage.ask(QUERY)
        if "errors" not in answer:
            assert answer["data"] == WHOLE
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"it never recovered: {answer['errors']}")


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
        response = await stage.client.post("/graphql", json={"query": QUERY})
        ready = await stage.client.get("/health/ready")
    finally:
        await mend(own_engines, name)
    answer = response.json()
    assert response.status_code == 200
    assert answer["data"] == without(*LOST[name])
    paths = [".".join(map(str, error["path"])) for error in answer["errors"]]
    assert sorted(paths) == sorted(LOST[name])
    assert {error["extensions"]["code"] for error in answer["errors"]} == {HARMS[harm]}
    assert "127.0.0.1" not in response.text

    assert ready.status_code == 503
    failed = [source for source, health in ready.json()["sources"].items() if not health["ready"]]
    assert failed == [{"valkey": "redis"}.get(name, name)]
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
            answer = await stage.ask(QUERY)
            assert answer["data"] == without(*LOST[name])
            await mend(own_engines, name)
            await recovered(stage)
    finally:
        await mend(own_engines, name)


async def test_many_requests_while_the_database_dies(own_engines: Engines, stage: Stage) -> None:
    """Every request under way is answered, with its data or with a typed error; then all heals."""
    asking = [asyncio.create_task(stage.ask(QUERY)) for _ in range(40)]
    await asyncio.sleep(0)
    own_engines.processes["postgres"].kill()
    try:
        answers = await asyncio.gather(*asking)
    finally:
        await mend(own_engines, "postgres")
    codes = {
        error["extensions"]["code"] for answer in answers for error in answer.get("errors", [])
    }
    assert codes <= {"SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"}
    assert all(set(answer["data"]) == set(WHOLE) for answer in answers)
    await recovered(stage)
