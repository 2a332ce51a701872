"""The site over the toy engine: in process, or behind a real uvicorn."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import uvicorn

from gateway.serving.listener import ListenerConfig
from gateway.settings import Limits, Serve
from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.site import build_site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.types import ASGIApp
    from toy_engine import ToyEngine

    from gateway.sources.contract import Budget, Health
    from gateway.transport.limits import HttpLimits

JSON = {"content-type": "application/json"}
STRICT = "application/graphql-response+json"


async def no_sources(_budget: Budget) -> Mapping[str, Health]:
    return {}


def site_of(engine: ToyEngine, limits: HttpLimits | None = None) -> ASGIApp:
    return build_site(graphql=GraphQLOverHTTP(engine, limits=limits), readiness=no_sources)


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plait")


class Server:
    """uvicorn in a thread, serving one site on a free loopback port."""

    def __init__(self, app: ASGIApp, *, max_header_bytes: int, **seconds: float) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        config = ListenerConfig(
            app,
            Serve(**seconds),
            Limits(max_header_bytes=max_header_bytes),
            log_level="critical",
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


@contextmanager
def serving(
    engine: ToyEngine,
    limits: HttpLimits | None = None,
    *,
    header_seconds: float = 30.0,
    max_header_bytes: int = 16_384,
    **seconds: float,
) -> Iterator[Server]:
    server = Server(
        site_of(engine, limits),
        header_seconds=header_seconds,
        max_header_bytes=max_header_bytes,
        **seconds,
    )
    server.thread.start()
    try:
        yield server
    finally:
        server.server.should_exit = True
        server.thread.join()
        server.socket.close()
