"""GraphQL over server-sent events: an operation's answers as one event stream.

The "distinct connections mode" of graphql-sse, https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md:
each answer is an event `next`, and `complete` is the last one.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from gateway.errors import Code, PlaitError, RequestError
from gateway.execution.exchange import refusal
from gateway.telemetry import log_internal
from gateway.telemetry.counters import Traffic
from gateway.transport.clients import TOO_MANY, Clients, Places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

    from gateway.execution.exchange import GraphQLRequest
    from gateway.transport.streaming import Caller, StreamLimits, Streams
    from gateway.viewer import Viewer

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # or a proxy would gather events before it passes them on
]
DRAINING = "plait.draining"
"""Where the listener keeps the event that is set when the process is about to stop."""
_COMPLETE = b"event: complete\ndata: \n\n"
_ALIVE = b":\n\n"
_NAME = "sse"


class EventStreams:
    """Answers operations event for event. A client that does not read for too long is left.

    `places`: those that clients have, of event streams and of whatever else stays open.
    """

    def __init__(
        self,
        engine: Streams,
        limits: StreamLimits,
        traffic: Traffic | None = None,
        places: Places | None = None,
    ) -> None:
        self._engine = engine
        self._limits = limits
        self._traffic = traffic or Traffic()
        self._clients = Clients(limits.client_header)
        self._places = places or Places(limits.per_client)

    @contextmanager
    def place(self, viewer: Viewer, scope: Scope) -> Iterator[None]:
        """One of the client's places, for as long as its stream lasts.

        Raises RequestError (SUBSCRIPTION_LIMIT_EXCEEDED) where it has none left.
        """
        client = self._clients.name(viewer, scope)
        if not self._places.take(client):
            raise RequestError(f"{TOO_MANY}.", code=Code.SUBSCRIPTION_LIMIT_EXCEEDED)
        try:
            yield
        finally:
            self._places.leave(client)

    async def serve(
        self,
        request: GraphQLRequest,
        caller: Caller,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Send the answers to one operation until they end, the client leaves or we stop."""
        writes = scope["method"] == "POST"
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": _ALIVE, "more_body": True})
        tasks = [
            asyncio.ensure_future(self._answer(request, caller, send, writes=writes)),
            asyncio.ensure_future(_gone(receive)),
            asyncio.ensure_future(self._watch(caller, send)),
        ]
        draining: asyncio.Event | None = scope.get("state", {}).get(DRAINING)
        if draining is not None:
            tasks.append(asyncio.ensure_future(_set(draining)))
        self._traffic.connections[_NAME] += 1
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._traffic.connections[_NAME] -= 1
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if any(task.exception() is not None for task in done):
            return  # it went away, or does not read: nobody is there to be told
        await self._send(send, b"", more=False)

    async def _answer(
        self, request: GraphQLRequest, caller: Caller, send: Send, *, writes: bool
    ) -> None:
        try:
            stream = self._engine.stream(request, caller, allow_mutations=writes)
            async with aclosing(stream) as answers:
                async for answer in answers:
                    await self._send(send, _next(answer.body))
                    self._traffic.sent[_NAME] += 1
        except PlaitError as error:
            await self._send(send, _next(refusal(error).body))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - the last place where one can be masked
            masked = PlaitError("Internal error.", extensions={"errorId": log_internal(error)})
            await self._send(send, _next(refusal(masked).body))
        await self._send(send, _COMPLETE)

    async def _watch(self, caller: Caller, send: Send) -> None:
        """Give signs of life, and look at the credentials now and then."""
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            await asyncio.sleep(min(self._limits.ping_seconds, self._limits.recheck_seconds))
            if loop.time() - looked >= self._limits.recheck_seconds:
                looked = loop.time()
                try:
                    await caller.now()
                except RequestError as error:
                    await self._send(send, _next(refusal(error).body) + _COMPLETE)
                    return
            await self._send(send, _ALIVE)

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        """Hand bytes to the connection. Raises OSError where nobody takes them."""
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError:
            self._traffic.slow[_NAME] += 1
            raise


def _next(body: bytes) -> bytes:
    """An answer as an event; a line's end in JSON is white space, in a stream it ends the data."""
    return b"event: next\ndata: " + body.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n\n"


async def _gone(receive: Receive) -> None:
    message: Any = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
    raise ConnectionResetError


async def _set(draining: asyncio.Event) -> None:
    await draining.wait()
