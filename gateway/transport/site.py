"""The whole of what the gateway serves: the endpoint, health, GraphiQL, and 404 for the rest."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.errors import Code, PlaitError, RequestError
from gateway.execution.exchange import error_body
from gateway.telemetry import log_internal, log_refusal
from gateway.transport.health import health_routes
from gateway.transport.timing import timed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gateway.telemetry.counters import Traffic
    from gateway.transport.health import Readiness

    Lifespan = Callable[[Starlette], AbstractAsyncContextManager[Any]]

ENDPOINT = "/graphql"


def build_site(  # noqa: PLR0913 - the parts of a site, all by name
    *,
    graphql: ASGIApp,
    socket: ASGIApp | None = None,
    readiness: Readiness,
    endpoint: str = ENDPOINT,
    page: ASGIApp | None = None,
    routes: Sequence[BaseRoute] = (),
    lifespan: Lifespan | None = None,
    traffic: Traffic | None = None,
) -> ASGIApp:
    """Put the parts together into one ASGI application.

    `graphql` answers at `endpoint`, without a framework in between, and `socket` those who open a
    WebSocket there. `page`, if there is one, is what a browser gets that opens the endpoint without
    a query. `routes` are served beside `/health/…` and the redirect from `/`; `lifespan` is entered
    at start-up and left at shutdown. `traffic` is where requests' times are counted, if they are.
    """
    rest = Starlette(
        routes=[
            *health_routes(readiness),
            Route("/", _redirect_to(endpoint), methods=["GET"]),
            *routes,
        ],
        exception_handlers={HTTPException: _refusing(endpoint)},
        lifespan=lifespan,
    )
    rest.router.redirect_slashes = False  # by the Host and scheme that we see, not the proxy's

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(rest, scope, receive, send)
        elif scope["type"] != "http" or scope["path"] != endpoint:
            opens = scope["type"] == "websocket" and scope["path"] == endpoint
            app = socket if opens and socket is not None else rest
            await app(scope, receive, send)
        elif page is not None and _wants_page(scope):
            await page(scope, receive, send)
        else:
            await graphql(scope, receive, send)

    if traffic is None:
        return site
    paths = {endpoint, *(route.path for route in rest.routes if isinstance(route, Route))}
    return timed(site, traffic, paths)


async def _live(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Start up and shut down. What goes wrong is logged by its code, or without its words."""

    async def bare(message: Message) -> None:
        await send({"type": message["type"]})  # the text of a failure is a traceback

    try:
        await app(scope, receive, bare)
    except PlaitError as error:
        log_refusal(error)
    except Exception as error:  # noqa: BLE001 - the server was told that it failed
        log_internal(error)


def _wants_page(scope: Scope) -> bool:
    if scope["method"] != "GET" or b"query=" in scope["query_string"]:
        return False
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _redirect_to(endpoint: str) -> Callable[[Request], Awaitable[RedirectResponse]]:
    # Relative, so that it holds behind a proxy that strips a prefix.
    async def redirect(_: Request) -> RedirectResponse:
        return RedirectResponse(f".{endpoint}")

    return redirect


_CODES = {404: Code.BAD_REQUEST, 405: Code.METHOD_NOT_ALLOWED}


def _refusing(endpoint: str) -> Callable[[Request, Exception], Response]:
    def refuse(_: Request, error: Exception) -> Response:
        status, headers = (
            (error.status_code, dict(error.headers or {}))
            if isinstance(error, HTTPException)
            else (500, {})
        )
        phrase = HTTPStatus(status).phrase
        message = f"{phrase}; GraphQL is served at {endpoint}, health at /health/ready."
        body = error_body([RequestError(message, code=_CODES.get(status, Code.BAD_REQUEST))])
        return Response(body, status, headers, media_type="application/json")

    return refuse
