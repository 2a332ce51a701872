"""MCP over HTTP: who asks, how often and how much is settled before the protocol sees a request.

Streamable HTTP without state: each POST stands alone and is answered with JSON; as the server
never begins to talk by itself, there is nothing to GET.
https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from starlette.responses import Response

from gateway.errors import HTTP_STATUS, Code, RequestError
from gateway.mcp.results import Envelopes, filled, plain_call
from gateway.mcp.server import ADMITTED, Admitted
from gateway.mcp.underway import CANCELLED, Cancelled, UnderWay
from gateway.transport.body import read_body
from gateway.transport.challenges import challenges
from gateway.transport.ratelimit import retry_after
from gateway.transport.request import is_json, require_few
from gateway.transport.streaming import Caller
from gateway.transport.watch import ClientLeft, Overran, Stalled, Watch, Watchtower

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
_SESSION = "mcp-session-id"


class McpEndpoint:
    """An ASGI application of one path. `origins`: sites whose pages may ask, in lower case."""

    headers = frozenset({"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id"})
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
        self._server = server
        self._protocol = server.protocol(name, limits.max_body_bytes)
        self._envelopes = Envelopes()
        self._tower = Watchtower()
        self._under_way = UnderWay()
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
        """Answer one HTTP request; when its client leaves, stop and say nothing."""
        headers = dict(scope["headers"])
        try:
            self._require_post(scope, headers)
            response = await self._exchange(scope, headers, receive)
        except ClientLeft:
            return
        except RequestError as error:
            self._traffic.refused[error.code] += 1
            response = _refusal(error, headers)
        await response(scope, receive, send)

    async def _exchange(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Response:
        """Read a message and answer it, watching the time and the client.

        Raises `RequestError` for what the protocol does not see, and `ClientLeft`.
        """
        limits, clock = self._limits, asyncio.get_running_loop().time
        message: Any = None
        try:
            with Watch(self._tower, receive, clock() + limits.body_seconds) as watch:
                body = await read_body(receive, headers, limits.max_body_bytes)
                message = _decoded(body, limits)
                deadline = clock() + limits.answer_seconds
                watch.body_is_read(until=deadline + 2 * limits.grace_seconds)
                asker = Admitted(await self._viewer(scope), deadline)
                session = (
                    headers.get(_SESSION.encode()),
                    asker.viewer.subject,
                    asker.viewer.tenant,
                )
                with self._under_way.noted(session, message, watch):
                    return await self._answer(scope, message, body, asker)
        except Stalled:
            says = f"The body did not arrive within {limits.body_seconds:g} seconds."
            raise RequestError(says, code=Code.REQUEST_TIMEOUT) from None
        except Overran:
            raise RequestError("The deadline passed.", code=Code.SOURCE_TIMEOUT) from None
        except Cancelled:
            return _json({"jsonrpc": "2.0", "id": message["id"], "error": CANCELLED})

    async def _answer(self, scope: Scope, message: Any, body: bytes, asker: Admitted) -> Response:
        """The response to a message: ours around what is plain, else what the SDK says."""
        call = plain_call(message, scope["headers"])
        tool = self._server.tool(call.name) if call else None
        if call and tool and call.version in self._envelopes:
            answer = await self._server.call(tool, call.arguments, asker)
            return _json(self._envelopes.reply(call, answer))
        reply = _Reply()
        told = {**scope, ADMITTED: asker}
        await self._protocol.handle_request(told, _replaying(body), reply.take)
        if asker.answer is not None:
            if call:
                self._envelopes.learn(call.version, reply.body)
            return _json(filled(reply.body, asker.answer))
        response = reply.response()
        if isinstance(message, dict) and message.get("method") == "initialize":
            # A name for what the client asks from now on, so that it can cancel; nothing is kept.
            response.headers[_SESSION] = secrets.token_hex(16)
        return response

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

    async def _viewer(self, scope: Scope) -> Viewer:
        """Who asks, and may ask so often. Raises RequestError."""
        viewer = await Caller(self._identify, self._forward, scope["headers"], scope).now()
        if self._rate is not None:
            await self._rate.require(viewer, scope)
        return viewer


class _Reply:
    """What the SDK says to one message."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def take(self, message: Message) -> None:
        """What an ASGI application sends."""
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")

    def response(self) -> Response:
        """The same as a response."""
        made = Response(self.body, self._status)
        made.raw_headers = self._headers
        return made


def _decoded(body: bytes, limits: HttpLimits) -> Any:
    """What a body says, in JSON as its standard has it. Raises RequestError."""
    require_few(body, limits)
    try:
        return msgspec.json.decode(body)  # the SDK takes NaN and halves of characters, too
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise RequestError("The body is not valid JSON.") from None


def _json(message: bytes | Mapping[str, Any]) -> Response:
    body = message if isinstance(message, bytes) else orjson.dumps(message)
    return Response(body, media_type="application/json")


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
