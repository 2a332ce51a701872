"""GraphQL over WebSocket: an ASGI application that speaks graphql-transport-ws.

One connection carries any number of operations. Each is a task that takes its next answer only
when the last one was accepted by the connection, so a client that reads slowly makes its own
operations wait at their sources and nobody else's; one that does not read at all is cut off.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from gateway.errors import Code, CredentialsError, RequestError
from gateway.execution.exchange import refusal
from gateway.execution.failures import ours
from gateway.telemetry import log_internal
from gateway.telemetry.counters import Traffic
from gateway.transport.limits import HttpLimits
from gateway.transport.messages import (
    ACK,
    PROTOCOL,
    Complete,
    Init,
    Ping,
    Subscribe,
    answer_message,
    complete,
    decode,
    pong,
)
from gateway.transport.request import require_shallow
from gateway.transport.shares import Shares
from gateway.transport.streaming import Caller, StreamLimits, is_foreign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

    from gateway.execution.exchange import GraphQLRequest
    from gateway.transport.http import Identify, RawHeaders
    from gateway.transport.messages import Incoming
    from gateway.transport.ratelimit import RateLimit
    from gateway.transport.streaming import Streams

BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN = 4400, 4401, 4403
WRONG_PROTOCOL, INIT_TIMEOUT, TAKEN_ID, TOO_MANY_INITS = 4406, 4408, 4409, 4429
POLICY, TRY_AGAIN_LATER = 1008, 1013
MAX_CREDENTIALS = 32
"""Members of the payload of `connection_init` that are looked at."""
MAX_CREDENTIAL_BYTES = 65_536
"""Of these together, names and values: they are kept as long as the connection."""
_NO_HEADER = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""RFC 9110, 5.5: what no header can hold; credentials may go on to upstreams as headers."""
_NAME = "websocket"
_FAREWELL = 1.0
"""Seconds to tell why a connection ends."""
_MOST_REASON = 120
"""Bytes of a reason: a close frame has room for 123."""


class _Closed(Exception):  # noqa: N818 - a condition to act on, not a failure
    """The connection ends, with a code where it is we who end it."""

    def __init__(self, code: int = 0, reason: str = "") -> None:
        self.code = code
        self.reason = reason


class GraphQLOverWebSocket:
    """Accepts connections at one endpoint. `forward` are headers that may go on to upstreams.

    `shape`: what variables may look like, as over HTTP. `shares`: as of `EventStreams`.
    """

    def __init__(  # noqa: PLR0913 - one parameter each
        self,
        engine: Streams,
        *,
        identify: Identify,
        forward: frozenset[str] = frozenset(),
        limits: StreamLimits | None = None,
        shape: HttpLimits | None = None,
        rate: RateLimit | None = None,
        traffic: Traffic | None = None,
        shares: Shares | None = None,
    ) -> None:
        self._engine = engine
        self.shape = shape or HttpLimits()
        self._rate = rate
        self._identify = identify
        self._forward = frozenset(name.encode() for name in forward)
        self._limits = limits or StreamLimits()
        self.traffic = traffic or Traffic()
        self._open = self.traffic.connections
        self.shares = shares or Shares(self._limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        await receive()  # websocket.connect
        if is_foreign(dict(scope["headers"]), self._limits.origins):
            await send({"type": "websocket.close"})  # before it is accepted: HTTP 403
            return
        if PROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            await _close(send, WRONG_PROTOCOL, f"This endpoint speaks {PROTOCOL}")
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        if self._open[_NAME] >= self._limits.connections:
            await _close(send, TRY_AGAIN_LATER, "Too many connections")
            return
        connection = _Connection(self, scope, receive, send)
        try:
            self.shares.connections.take(connection.client)
        except RequestError as error:
            self.traffic.refused[error.code] += 1
            await _close(send, POLICY, error.message)
            return
        self._open[_NAME] += 1
        try:
            await connection.serve()
        finally:
            self._open[_NAME] -= 1
            self.shares.connections.leave(connection.client)

    @property
    def engine(self) -> Streams:
        """What answers."""
        return self._engine

    @property
    def limits(self) -> StreamLimits:
        """The bounds of every connection."""
        return self._limits

    @asynccontextmanager
    async def admitted(
        self, request: GraphQLRequest, caller: Caller, scope: Scope, client: str
    ) -> AsyncIterator[None]:
        """An operation of `client`, for as long as the block lasts.

        Raises RequestError: its shape, or the client asks too often, or has too many.
        """
        with ExitStack() as place:
            try:
                require_shallow(request, self.shape)
                if self._rate is not None:
                    await self._rate.require(await caller.now(), scope)
                place.enter_context(self.shares.operations.held(client))
            except RequestError as error:
                self.traffic.refused[error.code] += 1
                raise
            yield

    def caller(self, lines: RawHeaders, scope: Scope) -> Caller:
        """Who sends these credentials."""
        return Caller(self._identify, self._forward, lines, scope)


class _Connection:
    """One accepted connection and its operations."""

    def __init__(
        self, endpoint: GraphQLOverWebSocket, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._endpoint = endpoint
        self._limits = endpoint.limits
        self._scope = scope
        self.client = endpoint.shares.clients.name(None, scope)
        self._headers: RawHeaders = scope["headers"]
        self._receive = receive
        self._send_raw = send
        self._caller: Caller | None = None
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._ending: asyncio.Future[_Closed] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Answer until either side ends it; then end every operation."""
        tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._watch())]
        try:
            waited: list[asyncio.Future[Any]] = [*tasks, self._ending]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks += self._operations.values()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if self._ending.done():
            closed = self._ending.result()
            if closed.code:
                await _close(self._send_raw, closed.code, closed.reason)

    def _end(self, closed: _Closed) -> None:
        if not self._ending.done():
            self._ending.set_result(closed)

    # What comes in -------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            try:
                async with asyncio.timeout(self._limits.init_seconds):
                    while self._caller is None:
                        await self._handle(await self._message())
            except TimeoutError:
                raise _Closed(INIT_TIMEOUT, "Connection initialisation timeout") from None
            while True:
                await self._handle(await self._message())
        except _Closed as closed:
            self._end(closed)
        except Exception as error:  # noqa: BLE001 - the last place where one can be masked
            self._end(_Closed(1011, f"Internal error {log_internal(error)}"))

    async def _message(self) -> Incoming:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise _Closed
        text = message.get("text")
        if text is None:
            raise _Closed(BAD_MESSAGE, "Messages are text")
        try:
            return decode(text, self._endpoint.shape.max_brackets)
        except ValueError as error:
            raise _Closed(BAD_MESSAGE, str(error)) from None

    async def _handle(self, message: Incoming) -> None:
        match message:
            case Init():
                await self._initialise(message.payload or {})
            case Ping():
                await self._send(pong(message.payload))
            case Subscribe():
                await self._subscribe(message)
            case Complete():
                task = self._operations.pop(message.id, None)
                if task is not None:
                    task.cancel()

    async def _initialise(self, payload: dict[str, Any]) -> None:
        if self._caller is not None:
            raise _Closed(TOO_MANY_INITS, "Too many initialisation requests")
        caller = self._endpoint.caller(_credentials(payload, self._headers), self._scope)
        try:
            viewer = await caller.now()
        except RequestError as error:
            raise _Closed(FORBIDDEN, error.message) from None
        self._count_for(self._endpoint.shares.clients.name(viewer, self._scope))
        await self._send(ACK)
        self._caller = caller

    def _count_for(self, client: str) -> None:
        """Take the connection from its address to the client that it turned out to be."""
        if client != self.client:
            places = self._endpoint.shares.connections
            try:
                places.take(client)
            except RequestError as error:
                self._endpoint.traffic.refused[error.code] += 1
                raise _Closed(POLICY, error.message) from None
            places.leave(self.client)
            self.client = client

    async def _subscribe(self, message: Subscribe) -> None:
        if self._caller is None:
            raise _Closed(UNAUTHORIZED, "Unauthorized")
        if message.id in self._operations:
            raise _Closed(TAKEN_ID, f"Subscriber for {message.id} already exists")
        if len(self._operations) >= self._limits.operations:
            most = self._limits.operations
            refused = RequestError(
                f"A connection carries at most {most} operations at once.",
                code=Code.SUBSCRIPTION_LIMIT_EXCEEDED,
            )
            self._endpoint.traffic.refused[refused.code] += 1
            await self._send(answer_message(message.id, refusal(refused)))
            return
        operation = self._operate(message.id, message.payload, self._caller)
        self._operations[message.id] = asyncio.ensure_future(operation)

    # What goes out -------------------------------------------------------------------------------

    async def _operate(self, identity: str, request: GraphQLRequest, caller: Caller) -> None:
        """Answer one operation to its end."""
        try:
            ended = await self._answered(identity, request, caller)
            # Nothing may follow for an id that the client may use anew at once.
            if self._operations.get(identity) is asyncio.current_task():
                del self._operations[identity]
                await self._send(ended)
        except CredentialsError as error:
            await self._expire(error)
        except _Closed as closed:
            self._end(closed)

    async def _answered(self, identity: str, request: GraphQLRequest, caller: Caller) -> str:
        """Send the answers; the message that ends the operation. Raises CredentialsError."""
        try:
            async with (
                self._endpoint.admitted(request, caller, self._scope, self.client),
                aclosing(self._endpoint.engine.stream(request, caller)) as answers,
            ):
                async for answer in answers:
                    message = answer_message(identity, answer)
                    if not answer.executed:
                        return message
                    await self._send(message)
                    self._endpoint.traffic.sent[_NAME] += 1
        except (CredentialsError, _Closed):
            raise
        except Exception as error:  # noqa: BLE001 - the last place where one can be masked
            return answer_message(identity, refusal(ours(error)))
        return complete(identity)

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await self._send_raw({"type": "websocket.send", "text": text})
        except TimeoutError:
            self._endpoint.traffic.slow[_NAME] += 1
            raise _Closed(TRY_AGAIN_LATER, "The client does not read") from None
        except OSError:
            raise _Closed from None

    # Who is asking -------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Look at the credentials now and then, for operations to which nothing happens."""
        while True:
            await asyncio.sleep(self._limits.recheck_seconds)
            if self._caller is None:
                continue
            try:
                await self._caller.now()
            except RequestError as error:
                await self._expire(error)

    async def _expire(self, error: RequestError) -> None:
        """End every operation with the error, then the connection."""
        try:
            for identity in list(self._operations):
                await self._send(answer_message(identity, refusal(error)))
            self._end(_Closed(FORBIDDEN, error.message))
        except _Closed as closed:
            self._end(closed)


async def _close(send: Send, code: int, reason: str) -> None:
    text = reason.encode()[:_MOST_REASON].decode(errors="ignore")
    try:
        async with asyncio.timeout(_FAREWELL):
            await send({"type": "websocket.close", "code": code, "reason": text})
    except (OSError, RuntimeError):
        return  # the client was faster, or reads nothing: the server cuts it off


def _credentials(payload: dict[str, Any], headers: RawHeaders) -> RawHeaders:
    """Header lines of what `connection_init` says, before those of the connection itself.

    Browsers cannot send headers with a WebSocket, so its payload may hold them: by their names, or
    all under `headers`.
    """
    given = payload.get("headers")
    said = given if isinstance(given, dict) else payload
    lines = [
        (name.lower().encode(), value.encode("utf-8", "replace"))
        for name, value in list(said.items())[:MAX_CREDENTIALS]
        if isinstance(value, str)
    ]
    if sum(len(name) + len(value) for name, value in lines) > MAX_CREDENTIAL_BYTES:
        raise _Closed(BAD_MESSAGE, f"Credentials have at most {MAX_CREDENTIAL_BYTES} bytes")
    if any(_NO_HEADER.search(part) for line in lines for part in line):
        raise _Closed(BAD_MESSAGE, "Credentials hold no line breaks or other control characters")
    return lines or headers
