"""How long HTTP requests take: `http.server.request.duration` of OpenTelemetry's conventions.

https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gateway.telemetry.counters import Traffic

_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
"""All others are one, or a client could make as many figures as it liked."""
_SERVER_FAULT = 500


def timed(site: ASGIApp, traffic: Traffic, routes: Collection[str]) -> ASGIApp:
    """The site, with each request's time counted until its response begins.

    Until then, as a stream takes as long as its client likes. Paths that are none of `routes` are
    not told apart, and who leaves before there is a response is not counted.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await site(scope, receive, send)
            return
        started = perf_counter()
        begun = False

        def count(status: int) -> None:
            nonlocal begun
            begun = True
            method, path = scope["method"], scope["path"]
            labels = (
                method if method in _METHODS else "_OTHER",
                path if path in routes else "",
                scope["scheme"],
                str(status),
            )
            traffic.responded(labels, perf_counter() - started)

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(message["status"])
            await send(message)

        try:
            await site(scope, receive, counting)
        except Exception:
            if not begun:
                count(_SERVER_FAULT)
            raise

    return app
