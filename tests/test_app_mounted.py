"""A gateway within another application: its paths, its life, and who asks."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from operations.stage import lifespan
from serving.library import library
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from gateway import Application, Code, PlaitError, Viewer, create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from conftest import FreshDatabase
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

pytestmark = pytest.mark.usefixtures("anyio_backend")  # plain tests need the async fixtures, too

TITLES = {"query": '{ books(where: {title: {eq: "Emma"}}) { nodes { title } } }'}
EMMA = {"data": {"books": {"nodes": [{"title": "Emma"}]}}}
EVENTS = {"accept": "text/event-stream"}
TICKS = {"query": "subscription { ticks(to: 2) }"}
PAGE = {"accept": "text/html"}


@pytest.fixture(scope="module")
async def tables(module_database: FreshDatabase) -> dict[str, Any]:
    """The settings of this module's gateways."""
    return await library(module_database)


def outer(
    gateway: Application, path: str = "/api", *, opens: bool = True, **more: Any
) -> Starlette:
    """An application with a route of its own, and the gateway at `path`."""

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        async with gateway:
            yield

    async def hello(_: Request) -> Response:
        return PlainTextResponse("hello")

    routes = [Route("/hello", hello), Mount(path, gateway)]
    return Starlette(routes=routes, lifespan=life if opens else None, **more)


@asynccontextmanager
async def client_of(app: ASGIApp, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that is started."""
    transport = httpx.ASGITransport(app, **options)
    async with lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        yield client


async def test_everything_below_a_prefix(tables: dict[str, Any]) -> None:
    """Queries, events, GraphiQL with its files, health, figures and tools, beside other routes."""
    wanted = {"mcp": {"enabled": True, "explore": True}, "telemetry": {"metrics": True}}
    async with client_of(outer(create_app({**tables, **wanted}))) as client:
        assert (await client.get("/hello")).text == "hello"
        assert (await client.post("/api/graphql", json=TITLES)).json() == EMMA
        events = await client.post("/api/graphql", json=TICKS, headers=EVENTS)
        assert events.text.count("event: next") == 2
        page = await client.get("/api/graphql", headers=PAGE)
        assert '"endpoint": "./graphql"' in page.text
        assert (await client.get("/api/graphql/ui/")).status_code == 200
        health = await client.get("/api/health/ready")
        assert health.json()["ready"] is True
        called = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        tools = await client.post("/api/mcp", json=called, headers={"accept": "application/json"})
        assert "search_schema" in tools.text
        figures = (await client.get("/api/metrics")).text
        assert 'http_route="/graphql"' in figures
        assert (await client.get("/api/")).headers["location"] == "./graphql"
        for elsewhere in ("/graphql", "/apigraphql", "/api/hello"):
            assert (await client.post(elsewhere, json=TITLES)).status_code == 404


async def test_at_the_root(tables: dict[str, Any]) -> None:
    """Mounted last at `/`, it takes what the other routes leave."""
    async with client_of(outer(create_app(tables), "/")) as client:
        assert (await client.get("/hello")).text == "hello"
        assert (await client.post("/graphql", json=TITLES)).json() == EMMA


@pytest.mark.parametrize("path", ["/edge/graphql", "/graphql"])
async def test_the_prefix_of_a_proxy(tables: dict[str, Any], path: str) -> None:
    """`root_path` counts whether the server left it in the path or the proxy has taken it off."""
    async with client_of(create_app(tables), root_path="/edge") as client:
        assert (await client.post(path, json=TITLES)).json() == EMMA
        assert (await client.post(f"/edgy{path}", json=TITLES)).status_code == 404


def test_a_forgotten_lifespan(tables: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Requests, health and WebSockets are refused, and both the client and the log say what to do."""
    client = TestClient(outer(create_app(tables), opens=False))
    with caplog.at_level(logging.ERROR):
        answer = client.post("/api/graphql", json=TITLES)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (500, "CONFIGURATION")
    assert "write `async with gateway:` in the lifespan" in error["message"]
    assert error["message"] in caplog.messages
    assert client.get("/api/health/ready").status_code == 500
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/api/graphql"):
        pass


def test_each_test_client_opens_it_anew(tables: dict[str, Any]) -> None:
    """One application of a module serves as many clients as there are tests, one by one."""
    gateway = create_app(tables)
    for app, path in ((outer(gateway), "/api/graphql"), (gateway, "/graphql")) * 2:
        with TestClient(app) as client:
            assert client.post(path, json=TITLES).json() == EMMA
        assert client.post(path, json=TITLES).status_code == 500


def ask(client: TestClient, query: str, **connect: Any) -> list[Any]:
    """What a WebSocket answers to one operation."""
    said = []
    with client.websocket_connect("/api/graphql", ["graphql-transport-ws"], **connect) as socket:
        socket.send_json({"type": "connection_init", "payload": {"x-user": "mallory"}})
        assert socket.receive_json() == {"type": "connection_ack"}
        socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})
        while (message := socket.receive_json())["type"] == "next":
            said.append(message["payload"].get("data") or message["payload"]["errors"])
    return said


class ByHeader:
    """Signs in whom a header names, as a middleware of somebody's own does."""

    async def authenticate(
        self, connection: HTTPConnection
    ) -> tuple[AuthCredentials, SimpleUser] | None:
        name = connection.headers.get("x-user")
        return (AuthCredentials(["editor"]), SimpleUser(name)) if name else None


def who(connection: HTTPConnection) -> Viewer | None:
    """As the documents have it."""
    user = connection.user
    if not user.is_authenticated:
        return None
    return Viewer(user.display_name, roles=frozenset(connection.auth.scopes))


async def who_later(connection: HTTPConnection) -> Viewer | None:
    """The same, after somebody was asked."""
    return who(connection)


@pytest.mark.parametrize("identify", [who, who_later])
def test_the_application_says_who_asks(tables: dict[str, Any], identify: Any) -> None:
    """By HTTP and WebSocket, from its middleware; whom it does not know, the settings' keys tell.

    What a WebSocket's first message claims is none of the connection's headers.
    """
    key = {"hash": sha256(b"a-key-for-these-tests-only").hexdigest(), "subject": "ci"}
    gateway = create_app({**tables, "api_key": {"ci": key}}, identify=identify)
    signing_in = Middleware(AuthenticationMiddleware, backend=ByHeader())
    app = outer(gateway, middleware=[signing_in])
    with TestClient(app) as client:
        me = {"query": "{ me }"}
        ann, nobody = {"x-user": "ann"}, "None [] {}"
        told = client.post("/api/graphql", json=me, headers=ann).json()
        assert told == {"data": {"me": "ann ['editor'] {}"}}
        assert client.post("/api/graphql", json=me).json() == {"data": {"me": nobody}}
        assert ask(client, "{ me }", headers=ann) == [{"me": "ann ['editor'] {}"}]
        assert ask(client, "{ me }") == [{"me": nobody}]
        by_key = client.post(
            "/api/graphql", json=me, headers={"x-api-key": "a-key-for-these-tests-only"}
        )
        assert by_key.json() == {"data": {"me": "ci [] {}"}}
        unknown = client.post("/api/graphql", json=me, headers={"x-api-key": "another"})
        assert unknown.status_code == 401


def test_no_cache_keeps_what_hangs_on_more_than_it_knows(tables: dict[str, Any]) -> None:
    """Where the application says who asks, GETs are not kept; else as their types declare."""
    query = {"query": TITLES["query"]}
    asks = {"content-type": "application/json"}
    for identify, kept in ((None, True), (lambda _: None, False)):
        with TestClient(create_app(tables, identify=identify)) as client:
            answer = client.get("/graphql", params=query, headers=asks)
        assert answer.json() == EMMA
        assert ("max-age" in answer.headers["cache-control"]) is kept


def refuse(_: HTTPConnection) -> Viewer | None:
    """Raises what is to be told."""
    raise PlaitError("Come back tomorrow.", code=Code.FORBIDDEN)


def fail(_: HTTPConnection) -> Viewer | None:
    """Raises what is nobody's business."""
    raise ValueError("the password of a database")


WRONG: dict[str, tuple[Callable[[HTTPConnection], Any], int, str, str]] = {
    "refuses": (refuse, 403, "FORBIDDEN", "Come back tomorrow."),
    "fails": (fail, 500, "INTERNAL_SERVER_ERROR", "Internal error."),
    "gives no viewer": (lambda _: {"sub": 1}, 500, "CONFIGURATION", "not dict"),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_application_that_cannot_say(tables: dict[str, Any], what: str) -> None:
    """Its own refusals are told, its faults masked, by HTTP and when a WebSocket is opened."""
    identify, status, code, message = WRONG[what]
    with TestClient(outer(create_app(tables, identify=identify))) as client:
        answer = client.post("/api/graphql", json=TITLES)
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["extensions"]["code"]) == (status, code)
        assert message in error["message"]
        assert "password" not in answer.text
        with pytest.raises(WebSocketDisconnect) as closed:
            ask(client, "{ me }")
        assert message in closed.value.reason


def test_an_application_that_never_says(tables: dict[str, Any]) -> None:
    """It is waited for as long as for an answer, and no longer."""

    async def identify(_: HTTPConnection) -> Viewer | None:
        await asyncio.Event().wait()

    short = {**tables, "serve": {**tables.get("serve", {}), "deadline_seconds": 0.2}}
    with TestClient(create_app(short, identify=identify)) as client:
        answer = client.post("/graphql", json=TITLES)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (504, "SOURCE_TIMEOUT")
    assert error["message"] == "The application did not tell in time who asks."


async def test_middleware_around_it(tables: dict[str, Any]) -> None:
    """Starlette's middleware of functions sees requests and event streams, and passes them on."""

    async def stamp(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        response = await call_next(request)
        response.headers["x-stamp"] = "1"
        return response

    stamping = Middleware(BaseHTTPMiddleware, dispatch=stamp)
    async with client_of(outer(create_app(tables), middleware=[stamping])) as client:
        answer = await client.post("/api/graphql", json=TITLES)
        events = await client.post("/api/graphql", json=TICKS, headers=EVENTS)
    assert (answer.json(), answer.headers["x-stamp"]) == (EMMA, "1")
    told = [json.loads(line[6:]) for line in events.text.splitlines() if line.startswith("data: {")]
    assert told == [{"data": {"ticks": 0}}, {"data": {"ticks": 1}}]
