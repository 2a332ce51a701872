"""A gateway as an ASGI application, or as a worker."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from gateway.composition import Gateway
from gateway.errors import ConfigurationError
from gateway.schema.uploads import UPLOAD
from gateway.transport.cors import open_to
from gateway.transport.event_streams import DRAINING, EventStreams
from gateway.transport.graphiql import graphiql_page, graphiql_routes
from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.limits import HttpLimits
from gateway.transport.shares import Shares
from gateway.transport.site import ENDPOINT, build_site
from gateway.transport.websocket import GraphQLOverWebSocket
from gateway.wiring import forwarded, stream_limits
from gateway.working import worker_of, working

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from gateway.mcp.endpoint import McpEndpoint
    from gateway.settings import Settings


def _settle() -> None:
    """Give back what start-up needed once, and let the collector never look at the rest again."""
    gc.collect()
    gc.freeze()
    # Few requests leave cycles behind, so looking may be rare; each look holds the loop.
    gc.set_threshold(10_000, 20, 50)
    # glibc's own function; other libraries give back by themselves.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def create_app(settings: Settings) -> ASGIApp:
    """The ASGI application; its lifespan opens and closes the sources."""
    return app_of(Gateway(settings))


def app_of(gateway: Gateway) -> ASGIApp:
    """The ASGI application of a gateway that is not opened yet."""
    settings = gateway.settings

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[dict[str, Any]]:
        try:
            await gateway.open()
            _settle()
            answering = agents.running() if agents else nullcontext()
            async with working(settings, gateway.jobs(), gateway.chores()), answering:
                yield {DRAINING: asyncio.Event()}
        finally:
            await gateway.close()

    serve, limits = settings.serve, stream_limits(settings)
    shares = Shares(limits)
    identify = gateway.observed.identify(gateway.identity)
    rate = gateway.rate_limit
    forward = forwarded(settings)
    credentials = ("Authorization", settings.identity.key_header)
    bounds = HttpLimits(
        max_body_bytes=settings.limits.max_body_bytes,
        max_batch=settings.limits.batch,
        body_seconds=serve.body_seconds,
        answer_seconds=serve.deadline_seconds,
        max_upload_bytes=(
            settings.limits.max_upload_bytes
            if UPLOAD.name in gateway.api.catalog.schema.type_map
            else 0
        ),
        max_files=settings.limits.max_files,
        max_uploads=settings.limits.max_uploads,
        upload_seconds=serve.upload_seconds,
    )
    agents = _agents(gateway, identify=identify, forward=forward, limits=bounds)
    endpoint: ASGIApp = GraphQLOverHTTP(
        gateway.engine,
        identify=identify,
        forward=forward,
        credentials=credentials,
        rate=rate,
        traffic=gateway.traffic,
        keepable=settings.cache.http,
        events=EventStreams(gateway.subscriptions, limits, gateway.traffic, shares),
        incremental=gateway.subscriptions.incremental,
        limits=bounds,
    )
    if serve.origins:
        endpoint = open_to(serve.origins.lower().split(), endpoint, {*credentials, *forward})
    examples = [query.strip() for query in gateway.domain.examples.values()]
    return build_site(
        graphql=endpoint,
        socket=GraphQLOverWebSocket(
            gateway.subscriptions,
            identify=identify,
            forward=forward,
            limits=limits,
            shape=bounds,
            rate=rate,
            traffic=gateway.traffic,
            shares=shares,
        ),
        readiness=gateway.check,
        page=graphiql_page(ENDPOINT, examples) if serve.graphiql else None,
        routes=[
            *(graphiql_routes(ENDPOINT, examples) if serve.graphiql else ()),
            *_metrics(gateway),
            *_tools(settings, agents, {*credentials, *forward}),
        ],
        lifespan=lifespan,
        traffic=gateway.traffic if settings.telemetry.metrics else None,
    )


def _metrics(gateway: Gateway) -> Iterable[BaseRoute]:
    telemetry = gateway.settings.telemetry
    if telemetry.metrics:
        from gateway.transport.metrics import metrics_route  # noqa: PLC0415 - only where wanted

        yield metrics_route(gateway.figures, telemetry.metrics_token.reveal())


def _agents(gateway: Gateway, **door: Any) -> McpEndpoint | None:
    """What answers agents; `door`: how it reads requests. Its SDK is an extra, and not small."""
    settings = gateway.settings
    if not settings.mcp.enabled:
        return None
    from gateway.mcp.endpoint import McpEndpoint  # noqa: PLC0415 - only where wanted
    from gateway.mcp.server import ToolServer  # noqa: PLC0415 - likewise

    return McpEndpoint(
        ToolServer(gateway.engine, gateway.documents.trusted(), settings),
        name=settings.telemetry.service,
        origins=frozenset(settings.serve.origins.lower().split()),
        rate=gateway.rate_limit,
        traffic=gateway.traffic,
        **door,
    )


def _tools(
    settings: Settings, agents: McpEndpoint | None, headers: set[str]
) -> Iterable[BaseRoute]:
    """The path of agents' tools; `headers`: what pages of other sites may send."""
    if agents is not None:
        origins = settings.serve.origins.lower().split()
        opened = open_to(origins, agents, headers | agents.headers) if origins else agents
        yield Route(settings.mcp.path, opened)


async def run_worker(settings: Settings) -> None:
    """Do jobs until cancelled, for `plait worker`. Raises ConfigurationError where none are."""
    gateway = Gateway(settings)
    try:
        await gateway.open()
        jobs = list(gateway.jobs())
        if not jobs:
            raise ConfigurationError(
                "there are no jobs: workflows.enabled (PLAIT_WORKFLOWS_ENABLED) offers no "
                "workflow, and the domain syncs no collection"
            )
        await worker_of(settings, jobs).run()
    finally:
        await gateway.close()
