"""A gateway as an ASGI application, or as a worker."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from contextlib import aclosing, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from gateway.composition import Gateway
from gateway.errors import Code, ConfigurationError, PlaitError
from gateway.execution.exchange import error_body, refusal
from gateway.in_process import asked, required, result_of, told_by
from gateway.schema.uploads import UPLOAD
from gateway.settings import Settings, given, load
from gateway.telemetry import log_refusal
from gateway.transport.cors import open_to
from gateway.transport.event_streams import DRAINING, EventStreams
from gateway.transport.graphiql import graphiql_page, graphiql_routes
from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.limits import HttpLimits
from gateway.transport.shares import Shares
from gateway.transport.site import ENDPOINT, build_site
from gateway.transport.streaming import Caller
from gateway.transport.websocket import GraphQLOverWebSocket
from gateway.wiring import forwarded, stream_limits
from gateway.working import worker_of, working

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager
    from typing import Self

    from graphql import ExecutionResult
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

    from gateway.in_process import AppIdentify
    from gateway.mcp.endpoint import McpEndpoint
    from gateway.viewer import Viewer


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


def create_app(
    settings: Settings | dict[str, Any] | None = None, *, identify: AppIdentify | None = None
) -> Application:
    """A gateway as an application.

    `settings`: of `gateway.settings.load`, which reads the file and the environment where None is
    given; or the tables of a settings file as Python holds them, and nothing else is read.
    `identify`: tells who asks, where the application around it knows.

    Raises ConfigurationError, which names all that is wrong.
    """
    if settings is None:
        settings = load()
    elif isinstance(settings, dict):
        settings = given(settings)
    if not isinstance(settings, Settings):
        raise ConfigurationError(
            "settings are tables in a dict, or what gateway.settings.load(Path(…)) gives; "
            f"not {type(settings).__name__}"
        )
    return Application(Gateway(settings), identify)


class Application:
    """A gateway as an ASGI application, and as what Python asks without HTTP.

    The server that runs it opens and closes it (ASGI's lifespan). Mounted in another application,
    or without one, it is open within `async with`; closed, it can be opened anew, in another event
    loop too. Its paths are those below the `root_path` that it is called with.
    """

    def __init__(self, gateway: Gateway, identify: AppIdentify | None = None) -> None:
        self._told = identify
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened: AbstractAsyncContextManager[None] | None = None
        self._used = False
        self._build(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or open and close as the server says.

        Requests to a gateway that is not open are told what to do, with status 500.
        """
        if scope["type"] != "lifespan":
            if asyncio.get_running_loop() is not self._loop:
                await _refuse(self._unopened(), scope, receive, send)
                return
            if root := scope.get("root_path"):
                scope = _below(root, scope)
        await self._site(scope, receive, send)

    async def __aenter__(self) -> Self:
        """Open the sources, and begin what is done beside. Raises ConfigurationError."""
        if self._opened is not None:
            raise ConfigurationError("the gateway is open already; it is opened once at a time")
        if self._used:
            self._build(Gateway(self._gateway.settings))
        self._opened, self._used = self._open(), True
        try:
            await self._opened.__aenter__()
        except BaseException:
            self._opened = None
            raise
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let what is under way finish, and close the sources."""
        opened, self._opened, self._loop = self._opened, None, None
        if opened is not None:
            await opened.__aexit__(None, None, None)

    async def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        viewer: Viewer | None = None,
        operation_name: str | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> ExecutionResult:
        """The answer to a query or a mutation, as a POST with this body would get it.

        `viewer`: who asks; None for somebody without credentials. Rules, limits and the deadline
        (`serve.deadline_seconds`) hold; the rate of requests is not counted. What is wrong with the
        request, or fails, is among the result's errors.

        Raises ConfigurationError: it is not open in this event loop, or that is no viewer.
        """
        caller, limits = self._caller(viewer), self._limits
        deadline = asyncio.get_running_loop().time() + limits.answer_seconds
        body = {"query": query, "variables": variables, "operationName": operation_name}
        try:
            request = asked(limits, **body, extensions=extensions)
            async with asyncio.timeout_at(deadline + limits.grace_seconds):
                answer = await self._gateway.engine.answer(
                    request, await caller.now(), allow_mutations=True, deadline=deadline
                )
        except PlaitError as error:
            answer = refusal(error)
        except TimeoutError:
            answer = refusal(PlaitError("The deadline passed.", code=Code.SOURCE_TIMEOUT))
        return result_of(answer)

    async def subscribe(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        viewer: Viewer | None = None,
        operation_name: str | None = None,
    ) -> AsyncGenerator[ExecutionResult, None]:
        """The answers to a subscription or a live query, one for each event; to others, the one.

        A refusal, or what ends it later, is the last of them. Raises as `execute`.
        """
        caller, streams = self._caller(viewer), self._gateway.subscriptions
        body = {"query": query, "variables": variables, "operationName": operation_name}
        try:
            request = asked(self._limits, **body)
            if not await streams.subscribes(request):
                yield await self.execute(
                    query, variables, viewer=viewer, operation_name=operation_name
                )
                return
            async with aclosing(streams.stream(request, caller)) as answers:
                async for answer in answers:
                    yield result_of(answer)
        except PlaitError as error:
            yield result_of(refusal(error))

    def explain(
        self, query: str, variables: Mapping[str, Any] | None = None, operation: str | None = None
    ) -> dict[str, Any]:
        """The plan of an operation, and its cost: waves of fetches, as `plait explain --json`.

        Nothing is asked, and nothing need be open. Raises PlaitError.
        """
        request = asked(self._limits, query=query, variables=variables)
        return self._gateway.engine.explain(query, request.variables, operation)

    def _caller(self, viewer: Viewer | None) -> Caller:
        """Who asks within this process. Raises ConfigurationError."""
        if asyncio.get_running_loop() is not self._loop:
            raise self._unopened()
        known = None if viewer is None else required(viewer)
        identify = self._gateway.identity if known is None else lambda *_: known
        return Caller(identify, frozenset(), (), {})

    def _unopened(self) -> ConfigurationError:
        if self._loop is not None:
            return ConfigurationError(_ELSEWHERE)
        return ConfigurationError(_CLOSED if self._used else _UNOPENED)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        gateway, agents = self._gateway, self._agents
        try:
            await gateway.open()
            answering = agents.running() if agents else nullcontext()
            async with working(gateway.settings, gateway.jobs(), gateway.chores()), answering:
                yield
        finally:
            await gateway.close()

    @asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[dict[str, Any]]:
        """What a server enters that runs nothing else: the process is ours."""
        async with self:
            _settle()
            yield {DRAINING: asyncio.Event()}

    def _build(self, gateway: Gateway) -> None:
        self._gateway, settings = gateway, gateway.settings
        serve, limits = settings.serve, stream_limits(settings)
        shares = Shares(limits)
        told, rest = self._told, gateway.identity
        identity = told_by(told, rest, serve.deadline_seconds) if told else rest
        identify = gateway.observed.identify(identity)
        rate = gateway.rate_limit
        forward = forwarded(settings)
        credentials = ("Authorization", settings.identity.key_header)
        self._limits = bounds = HttpLimits(
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
        self._agents = agents = _agents(gateway, identify=identify, forward=forward, limits=bounds)
        endpoint: ASGIApp = GraphQLOverHTTP(
            gateway.engine,
            identify=identify,
            forward=forward,
            credentials=credentials,
            rate=rate,
            traffic=gateway.traffic,
            # What else answers hang on than our own credentials, no cache could be told.
            keepable=settings.cache.http and told is None,
            events=EventStreams(gateway.subscriptions, limits, gateway.traffic, shares),
            incremental=gateway.subscriptions.incremental,
            limits=bounds,
        )
        if serve.origins:
            endpoint = open_to(serve.origins.lower().split(), endpoint, {*credentials, *forward})
        examples = [query.strip() for query in gateway.domain.examples.values()]
        self._site = build_site(
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
            lifespan=self._lifespan,
            traffic=gateway.traffic if settings.telemetry.metrics else None,
        )


_ENTER = (
    "write `async with gateway:` in the lifespan of the application that it is mounted in, as no "
    "server runs its own there, or around what asks it; in a test, `with TestClient(app)` opens it"
)
_UNOPENED = f"the gateway is not open; {_ENTER}"
_CLOSED = f"the gateway is closed; to use it again, {_ENTER}"
_ELSEWHERE = (
    "the gateway is open in another event loop; ask it there, as by "
    "asyncio.run_coroutine_threadsafe, or make another for this one"
)


def _below(root: str, scope: Scope) -> Scope:
    """The scope as if what stands at `root` stood alone.

    The path begins with it, as ASGI says, or else a proxy has taken it off.
    """
    path, root = scope["path"], root.rstrip("/")
    if f"{path}/".startswith(f"{root}/"):
        path = path[len(root) :] or "/"
    return {**scope, "path": path, "root_path": ""}


async def _refuse(error: ConfigurationError, scope: Scope, receive: Receive, send: Send) -> None:
    log_refusal(error)
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1011, "reason": "the gateway is not open"})
        return
    body = error_body([error])
    await Response(body, 500, media_type="application/json")(scope, receive, send)


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
