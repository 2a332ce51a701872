"""What agents ask: the list of tools, and calls, each of which is a request like any other.

Protocol: https://modelcontextprotocol.io/specification, spoken by its SDK, the extra `mcp`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, ListToolsResult, Tool, ToolAnnotations

from gateway.errors import Code, ConfigurationError, InputError, PlaitError, RequestError
from gateway.execution.exchange import GraphQLRequest, refusal
from gateway.execution.failures import ours
from gateway.mcp.exploring import SEARCH, Run, SchemaIndex, Search, run_tool
from gateway.mcp.results import WITH_HOLES
from gateway.mcp.tools import tools_of
from gateway.transport.limits import HttpLimits
from gateway.transport.request import require_shallow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.server.context import ServerRequestContext
    from mcp_types import CallToolRequestParams, PaginatedRequestParams

    from gateway.execution.engine import Engine
    from gateway.mcp.tools import OperationTool
    from gateway.settings import Settings
    from gateway.viewer import Viewer

# What is wrong with a client's message is told to that client; the SDK would log it, too.
logging.getLogger("mcp").setLevel(logging.ERROR)

ADMITTED = "plait.admitted"
"""The key of a scope under which it is told who asks."""
_INSTRUCTIONS = (
    "Each tool is an operation of a GraphQL API. A result is a GraphQL response: `data`, and "
    "`errors`, whose `extensions.code` says what kind of error it is."
)
_HTTP = HttpLimits()
"""What variables may look like, and how late an answer may be, as over HTTP."""
_MOST_NAME = 100


@dataclass(slots=True)
class Admitted:
    """Who sends a request, and by when it must be answered (event loop's clock, seconds).

    `answer`: the GraphQL response to the call that it was, for the holes of its result.
    """

    viewer: Viewer
    deadline: float
    answer: bytes | None = None


class ToolServer:
    """Answers for the API of an engine, with the operations of a manifest.

    Raises ConfigurationError for a manifest that gives no tools, or two of one name.
    """

    def __init__(self, engine: Engine, manifest: Mapping[str, str], settings: Settings) -> None:
        mcp, catalog = settings.mcp, engine.api.catalog
        self._engine = engine
        self._max_bytes = mcp.max_bytes
        self._nobody_writes = settings.identity.anonymous != "all"
        tools = tools_of(manifest, engine.store, catalog, mutations=mcp.mutations)
        self._run = self._index = None
        if mcp.explore and not settings.documents.require:
            self._run = run_tool(mutations=mcp.mutations)
            tools.setdefault(self._run.name, self._run)
            if settings.serve.introspection:
                self._index = SchemaIndex(catalog.schema, mutations=mcp.mutations)
                tools.setdefault(SEARCH.name, SEARCH)
        if not tools:
            raise ConfigurationError(
                "mcp.enabled (PLAIT_MCP_ENABLED): there are no tools; documents.manifest lists no "
                "operation that can be one, and mcp.explore is off."
            )
        self._tools = tools
        self._told = {name: _told(tool) for name, tool in tools.items()}

    def protocol(self, name: str, max_body_bytes: int) -> StreamableHTTPSessionManager:
        """What speaks over HTTP and asks this server; `name` is what clients are told."""
        server: Server[Any] = Server(
            name,
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
            get_tool_input_schema=lambda _: None,  # no argument of ours is to be sent as a header
        )
        server.middleware.clear()  # the engine traces what it does
        return StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=max_body_bytes
        )

    async def _list(
        self, context: ServerRequestContext[Any], _: PaginatedRequestParams | None
    ) -> ListToolsResult:
        """The tools of which the viewer may use a root field at least, as the schema says."""
        viewer, authority = _asker(context).viewer, self._engine.api.catalog.authority
        nobody = viewer.subject is None and self._nobody_writes
        return ListToolsResult(
            tools=[
                self._told[name]
                for name, tool in self._tools.items()
                if not all(authority.refused(one, viewer) for one in tool.demands)
                and not (nobody and tool.writes and tool is not self._run)
            ]
        )

    async def _call(
        self, context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        tool, asker = self.tool(params.name), _asker(context)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"There is no tool {params.name[:_MOST_NAME]!r}.")
        asker.answer = await self.call(tool, params.arguments or {}, asker)
        return WITH_HOLES

    def tool(self, name: str) -> OperationTool | None:
        """The tool of that name."""
        return self._tools.get(name)

    async def call(self, tool: OperationTool, given: dict[str, Any], asker: Admitted) -> bytes:
        """The GraphQL response to a call, in time and within its bound, whatever happens."""
        try:
            async with asyncio.timeout_at(asker.deadline + _HTTP.grace_seconds):
                body = await self._answer(tool, given, asker)
            _require_small(tool, len(body), self._max_bytes)
        except TimeoutError:
            return refusal(PlaitError("The deadline passed.", code=Code.SOURCE_TIMEOUT)).body
        except Exception as error:  # noqa: BLE001 - the last place where one can be masked
            return refusal(ours(error)).body
        return body

    async def _answer(self, tool: OperationTool, given: dict[str, Any], asker: Admitted) -> bytes:
        """The GraphQL response to a call, or what was found. Raises RequestError."""
        _require_known(tool, given)
        try:
            if tool is SEARCH and self._index is not None:
                return orjson.dumps(self._index.search(msgspec.convert(given, Search).words))
            request = GraphQLRequest(tool.document, tool.name, given)
            if tool is self._run:
                own = msgspec.convert(given, Run)
                request = GraphQLRequest(own.query, variables=own.variables)
        except msgspec.ValidationError as error:
            says = f"The arguments of `{tool.name}` are wrong: {error}."
            raise RequestError(says, code=Code.BAD_USER_INPUT) from None
        require_shallow(request, _HTTP)
        answer = await self._engine.answer(
            request, asker.viewer, allow_mutations=tool.writes, deadline=asker.deadline
        )
        if answer.code is Code.METHOD_NOT_ALLOWED:
            raise RequestError(f"`{tool.name}` runs queries only.", code=answer.code)
        return answer.body


def _asker(context: ServerRequestContext[Any]) -> Admitted:
    """Who sends the request, as the endpoint found out before."""
    request: Any = context.request
    asker: Admitted = request.scope[ADMITTED]
    return asker


def _told(tool: OperationTool) -> Tool:
    """A tool as clients see it."""
    hints = ToolAnnotations(
        read_only_hint=not tool.writes, destructive_hint=tool.writes, open_world_hint=False
    )
    schema = dict(tool.schema)
    return Tool(
        name=tool.name, description=tool.description, input_schema=schema, annotations=hints
    )


def _require_known(tool: OperationTool, given: Mapping[str, Any]) -> None:
    """Raise InputError for an argument that the tool does not have: GraphQL would ignore it."""
    known = tool.schema["properties"]
    if unknown := sorted(given.keys() - known.keys()):
        takes = ", ".join(f"`{name}`" for name in known) or "none"
        named = unknown[0][:_MOST_NAME]
        raise InputError.about(named, f"is no argument of {tool.name}, which takes {takes}")


def _require_small(tool: OperationTool, size: int, most: int) -> None:
    """Raise RequestError for an answer that is too large; it says how to ask for less."""
    if size > most:
        known = tool.schema["properties"]
        sizes = " or ".join(f"`{one}`" for one in ("first", "last", "limit") if one in known)
        less = f"a smaller {sizes}" if sizes else "fewer rows or fields"
        done = "The operation was run, but its" if tool.writes else "The"
        raise RequestError(
            f"{done} answer has {size} bytes, more than the {most} given here; ask for {less}.",
            code=Code.PAYLOAD_TOO_LARGE,
        )
