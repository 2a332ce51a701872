"""What is served beside the endpoint: health, the page, the redirect, and errors in our shape."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from telemetry.shelf import ask, served
from toy_engine import ToyEngine
from toy_site import client_of, no_sources, site_of

from gateway.errors import ConfigurationError
from gateway.sources.contract import Budget, Health
from gateway.transport import health as health_module
from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.site import build_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import httpx
    from conftest import FreshDatabase

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
UP = Health(ready=True, detail="answers", figures={"connections": 2.0})
DOWN = Health(ready=False, detail="connection refused")


def health_client(readiness: Any) -> httpx.AsyncClient:
    return client_of(build_site(graphql=GraphQLOverHTTP(ToyEngine()), readiness=readiness))


async def test_liveness_asks_nobody() -> None:
    """The process lives as long as its loop turns, whatever its sources do."""

    async def fail(_budget: Budget) -> Mapping[str, Health]:
        raise AssertionError

    async with health_client(fail) as client:
        response = await client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"live": True})


async def test_readiness_is_that_of_every_source() -> None:
    """One that is not ready makes 503, and the body says which and why."""
    sources = {"main": UP, "state": UP}

    async def readiness(_budget: Budget) -> Mapping[str, Health]:
        return sources

    async with health_client(readiness) as client:
        ready = await client.get("/health/ready")
        sources["state"] = DOWN
        unready = await client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["ready"] is True
    assert unready.status_code == 503
    assert unready.json() == {
        "ready": False,
        "sources": {
            "main": {"ready": True, "detail": "answers", "figures": {"connections": 2.0}},
            "state": {"ready": False, "detail": "connection refused"},
        },
    }


async def test_a_check_under_way_is_shared() -> None:
    """A hundred who ask at once make one check, and one who leaves does not end it."""
    gate, checks = asyncio.Event(), 0

    async def readiness(_budget: Budget) -> Mapping[str, Health]:
        nonlocal checks
        checks += 1
        await gate.wait()
        return {"main": UP}

    async with health_client(readiness) as client:
        calls = [asyncio.create_task(client.get("/health/ready")) for _ in range(100)]
        for _ in range(10):
            await asyncio.sleep(0)
        calls[0].cancel()
        gate.set()
        responses = await asyncio.gather(*calls[1:])
    assert {response.status_code for response in responses} == {200}
    assert checks == 1


async def test_a_check_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 once its time is over; the budget it was given ended before that."""
    monkeypatch.setattr(health_module, "CHECK_SECONDS", 0.01)

    async def readiness(_budget: Budget) -> Mapping[str, Health]:
        await asyncio.Event().wait()
        raise AssertionError

    async with health_client(readiness) as client:
        response = await client.get("/health/ready")
    assert response.status_code == 503
    assert "in time" in response.json()["sources"]["gateway"]["detail"]


async def test_a_check_that_fails_says_no_more_than_an_id() -> None:
    """The exception's text stays inside."""

    async def readiness(_budget: Budget) -> Mapping[str, Health]:
        raise RuntimeError("password")

    async with health_client(readiness) as client:
        response = await client.get("/health/ready")
    assert response.status_code == 503
    assert "password" not in response.text


@pytest.fixture
async def page_client(engine: ToyEngine) -> AsyncIterator[httpx.AsyncClient]:
    async def asset(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("asset")

    site = build_site(
        graphql=GraphQLOverHTTP(engine),
        readiness=no_sources,
        page=HTMLResponse("<p>page</p>"),
        routes=[Route("/graphql/asset", asset)],
    )
    async with client_of(site) as client:
        yield client


async def test_a_browser_gets_the_page(page_client: httpx.AsyncClient, engine: ToyEngine) -> None:
    """Only a browser, only without a query, and the routes that go with it."""
    assert (await page_client.get("/graphql", headers=BROWSER)).text == "<p>page</p>"
    assert (await page_client.get("/graphql/asset")).text == "asset"
    assert (await page_client.get("/graphql")).status_code == 400
    assert engine.requests == []
    response = await page_client.get("/graphql", params={"query": "{echo}"}, headers=BROWSER)
    assert response.json() == {"data": {"echo": None}}
    response = await page_client.post("/graphql", json={"query": "{echo}"}, headers=BROWSER)
    assert response.json() == {"data": {"echo": None}}


async def test_without_a_page_a_browser_is_told_what_is_missing(client: httpx.AsyncClient) -> None:
    """In JSON, as any other client."""
    response = await client.get("/graphql", headers=BROWSER)
    assert response.status_code == 400
    assert "'query'" in response.json()["errors"][0]["message"]


async def test_the_root_leads_to_the_endpoint(client: httpx.AsyncClient) -> None:
    """By a relative address, so that a prefix in front of us survives."""
    response = await client.get("/")
    assert response.status_code == 307
    assert response.headers["location"] == "./graphql"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "BAD_REQUEST"),
        ("GET", "/graphql/", 404, "BAD_REQUEST"),
        ("GET", "/health/ready/", 404, "BAD_REQUEST"),
        ("GET", "/GRAPHQL", 404, "BAD_REQUEST"),
        ("POST", "/health/live", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_what_is_not_there_is_said_in_json(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    """The error shape is the same at every address."""
    response = await client.request(method, path)
    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == code


async def test_the_lifespan_surrounds_the_service(engine: ToyEngine) -> None:
    """Entered at start-up, left at shutdown."""
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        events.append("up")
        yield
        events.append("down")

    site = build_site(graphql=GraphQLOverHTTP(engine), readiness=no_sources, lifespan=lifespan)
    incoming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    outgoing: list[str] = []

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        outgoing.append(message["type"])

    await site({"type": "lifespan", "state": {}}, receive, send)
    assert events == ["up", "down"]
    assert outgoing == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (ConfigurationError("a is wrong\nb is wrong"), ["a is wrong", "b is wrong"]),
        (RuntimeError("hunter2"), ["masked error"]),
    ],
)
async def test_a_start_that_fails_is_told_without_a_traceback(
    engine: ToyEngine, caplog: pytest.LogCaptureFixture, error: Exception, logged: list[str]
) -> None:
    """The server learns that it failed and no words; the log has what is meant for it, by code."""

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        raise error
        yield

    site = build_site(graphql=GraphQLOverHTTP(engine), readiness=no_sources, lifespan=lifespan)
    outgoing: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        outgoing.append(message)

    await site({"type": "lifespan", "state": {}}, receive, send)
    assert outgoing == [{"type": "lifespan.startup.failed"}]
    assert [record.getMessage() for record in caplog.records] == logged
    if isinstance(error, ConfigurationError):
        codes = [record.__dict__["fields"]["code"] for record in caplog.records]
        assert codes == ["CONFIGURATION"] * 2


async def test_a_websocket_is_closed(engine: ToyEngine) -> None:
    """There are none yet; one that is tried is refused, not left hanging."""
    sent: list[str] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {"type": "websocket", "path": "/graphql", "headers": [], "query_string": b""}
    await site_of(engine)(scope, receive, send)
    assert sent == ["websocket.close"]


@pytest.mark.parametrize("production", [True, False])
async def test_production_tells_strangers_nothing_of_the_schema(
    fresh_database: FreshDatabase, *, production: bool
) -> None:
    """Neither by introspection nor by suggestions, plans or GraphiQL; by default all of them do."""
    settings = {"PLAIT_SERVE_PRODUCTION": str(production).lower()}
    async with served(await fresh_database(), **settings) as client:
        schema = await ask(client, "{ __schema { queryType { name } } }")
        misspelt = await ask(client, "{ helo }")
        explained = await ask(client, "{ hello }", extensions={"plait": {"explain": True}})
        page = await client.get("/graphql", headers=BROWSER)
        assert await ask(client, "{ hello __typename }") == {
            "data": {"hello": "hello", "__typename": "Query"}
        }
    assert ("errors" in schema) is production
    assert ("hello" in misspelt["errors"][0]["message"]) is not production
    assert ("extensions" in explained) is not production
    assert page.headers["content-type"].startswith("text/html") is not production
