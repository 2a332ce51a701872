"""MCP over HTTP: who asks, how often and how much is settled before the protocol sees a request.

Streamable HTTP without sessions: each POST stands alone and is answered with JSON; as the server
never begins to talk by itself, there is nothing to GET.
https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import orjson
from starlette.responses import Response

from gateway.errors import HTTP_STATUS, Code, RequestError
from gateway.mcp.server import ADMITTED, Admitted
from gateway.transport.body import read_body
from gateway.transport.challenges import challenges
from gateway.transport.ratelimit import retry_after
from gateway.transport.request import is_json
from gateway.transport.streaming import Caller
from gateway.transport.watch import ClientLeft

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from starlette.types import Message, Receive, Scope, Send

    from gateway.mcp.server import ToolServer
    from gateway.telemetry.counters import Traffic
    from gateway.transport.http import Identify
    from gateway.transport.limits import HttpLimits
    from gateway.transport.ratelimit import RateLimit
    from gateway.viewer import Viewer

_INVALID_REQUEST = -32600
"""JSON-RPC 2.0, section 5.1."""
_FORBIDDEN = 403


class McpEndpoint:
    """An ASGI application of one path. `origins`: sites whose pages may ask, in lower case."""

    headers = frozenset({"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"})
    """What clients of the protocol send beside the headers of any request."""

    def __init__(  # noqa: PLR0913 - one parameter each
        self,
        server: ToolServer,
        *,
        name: str,
        identify: Identify,
        forward: frozenset[str],
        origins: frozenset[str],
        limits: HttpLimits,
        rate: RateLimit | None,
        traffic: Traffic,
    ) -> None:
        self._protocol = server.protocol(name, limits.max_body_bytes)
        self._identify = identify
        self._forward = frozenset(header.encode() for header in forward)
        self._origins = origins
        self._limits = limits
        self._rate = rate
        self._traffic = traffic

    def running(self) -> AbstractAsyncContextManager[None]:
        """Requests are answered within the block, which can be entered once."""
        return self._protocol.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers = dict(scope["headers"])
        try:
            self._require_post(scope, headers)
            body = await self._body(receive, headers)
            deadline = asyncio.get_running_loop().time() + self._limits.answer_seconds
            admitted = Admitted(await self._viewer(scope), deadline)
        except ClientLeft:
            return
        except RequestError as error:
            self._traffic.refused[error.code] += 1
            await _refusal(error, headers)(scope, receive, send)
            return
        await self._protocol.handle_request({**scope, ADMITTED: admitted}, _replaying(body), send)

    def _require_post(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Raise RequestError for what is no POST of JSON, or sent for a page of a foreign site.

        Its own address is no proof that a page is ours: names can be bound to it anew.
        """
        if scope["method"] != "POST":
            raise RequestError("Use POST.", code=Code.METHOD_NOT_ALLOWED)
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if origin and not self._origins & {origin, "*"}:
            says = "Pages of this origin may not ask; serve.origins lists those that may."
            raise RequestError(says, code=Code.CSRF_REFUSED)
        if not is_json(headers.get(b"content-type", b"")):
            says = "The Content-Type must be application/json, in UTF-8."
            raise RequestError(says, code=Code.UNSUPPORTED_MEDIA_TYPE)

    async def _body(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        """The body, which is JSON as its standard has it. Raises RequestError, and ClientLeft."""
        seconds = self._limits.body_seconds
        try:
            async with asyncio.timeout(seconds):
                body = await read_body(receive, headers, self._limits.max_body_bytes)
            msgspec.json.decode(body)  # the SDK takes NaN and halves of characters, too
        except TimeoutError:
            says = f"The body did not arrive within {seconds:g} seconds."
            raise RequestError(says, code=Code.REQUEST_TIMEOUT) from None
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            raise RequestError("The body is not valid JSON.") from None
        return body

    async def _viewer(self, scope: Scope) -> Viewer:
        """Who asks, and may ask so often. Raises RequestError."""
        viewer = await Caller(self._identify, self._forward, scope["headers"], scope).now()
        if self._rate is not None:
            await self._rate.require(viewer, scope)
        return viewer


def _replaying(body: bytes) -> Receive:
    """A `receive` that gives the body; that a client leaves it never tells."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await asyncio.Future()

    return receive


def _refusal(error: RequestError, headers: Mapping[bytes, bytes]) -> Response:
    """The response to a request that the protocol does not see, in the protocol's own form."""
    # The protocol has a status of its own for this one.
    status = _FORBIDDEN if error.code is Code.CSRF_REFUSED else HTTP_STATUS[error.code]
    told = {"code": _INVALID_REQUEST, "message": error.message, "data": error.extensions}
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": told})
    lines = {"connection": "close"}  # its body may be unread
    if error.code is Code.METHOD_NOT_ALLOWED:
        lines["allow"] = "POST"
    for name, value in (*challenges(error.code, headers, error), *retry_after(error)):
        lines[name.decode()] = value.decode()
    return Response(body, status, lines, media_type="application/json")
