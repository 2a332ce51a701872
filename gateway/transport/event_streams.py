"""GraphQL over responses that stay open: an operation's answers as one stream of events.

`gateway.transport.framing` has the ways in which they are written.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.errors import RequestError
from gateway.execution.exchange import refusal
from gateway.execution.failures import ours
from gateway.telemetry.counters import Traffic
from gateway.transport.framing import SSE, UNGATHERED
from gateway.transport.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from gateway.execution.exchange import GraphQLRequest
    from gateway.transport.framing import Framing
    from gateway.transport.streaming import Caller, StreamLimits, Streams
    from gateway.viewer import Viewer

    Say: TypeAlias = Callable[[bytes], Awaitable[None]]

DRAINING = "plait.draining"
"""Where the listener keeps the event that is set when the process is about to stop."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A request that may be answered event for event, to whom `caller` names at each of them.

    `viewer`: whom it named at first.
    """

    request: GraphQLRequest
    framing: Framing
    viewer: Viewer
    caller: Caller


class EventStreams:
    """Answers operations event for event. A client that does not read for too long is left.

    `shares`: those of clients, of event streams and of whatever else stays open.
    """

    def __init__(
        self,
        engine: Streams,
        limits: StreamLimits,
        traffic: Traffic | None = None,
        shares: Shares | None = None,
    ) -> None:
        self._engine = engine
        self._limits = limits
        self._traffic = traffic or Traffic()
        self._shares = shares or Shares(limits)

    async def takes(self, followed: Followed) -> bool:
        """Whether it is answered as a stream: by multipart only where it is a subscription."""
        return followed.framing is SSE or await self._engine.subscribes(followed.request)

    async def serve(self, followed: Followed, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answers to one operation until they end, the client leaves or we stop.

        Raises RequestError (SUBSCRIPTION_LIMIT_EXCEEDED), before anything was sent, where the
        client has as much open as it may.
        """
        shares = self._shares
        client = shares.clients.name(followed.viewer, scope)
        with shares.connections.held(client), shares.operations.held(client):
            await self._serve(followed, scope, receive, send)

    async def _serve(self, followed: Followed, scope: Scope, receive: Receive, send: Send) -> None:
        framing = followed.framing
        headers = [(b"content-type", framing.content_type), *UNGATHERED]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        say = partial(self._say, send, framing.name)
        draining: asyncio.Event | None = scope.get("state", {}).get(DRAINING)
        stopping = asyncio.ensure_future((draining or asyncio.Event()).wait())
        tasks: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._answer(followed, say, writes=scope["method"] == "POST")),
            asyncio.ensure_future(_gone(receive)),
            asyncio.ensure_future(self._watch(followed, say)),
            stopping,
        ]
        self._traffic.connections[framing.name] += 1
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._traffic.connections[framing.name] -= 1
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if any(task.exception() is not None for task in done):
            return  # it went away, or does not read: nobody is there to be told
        await say(framing.stopping if done == {stopping} else b"", more=False)

    async def _answer(self, followed: Followed, say: Say, *, writes: bool) -> None:
        framing = followed.framing
        try:
            await say(framing.opening)
            stream = self._engine.stream(followed.request, followed.caller, allow_mutations=writes)
            async with aclosing(stream) as answers:
                async for answer in answers:
                    await say(framing.next(answer.body))
                    self._traffic.sent[framing.name] += 1
            await say(framing.complete)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - the last place where one can be masked
            await say(framing.failure(refusal(ours(error)).body) + framing.complete)

    async def _watch(self, followed: Followed, say: Say) -> None:
        """Give signs of life, and look at the credentials now and then."""
        framing, loop = followed.framing, asyncio.get_running_loop()
        looked = loop.time()
        while True:
            await asyncio.sleep(min(self._limits.ping_seconds, self._limits.recheck_seconds))
            if loop.time() - looked >= self._limits.recheck_seconds:
                looked = loop.time()
                try:
                    await followed.caller.now()
                except RequestError as error:
                    await say(framing.failure(refusal(error).body) + framing.complete)
                    return
            await say(framing.alive)

    async def _say(self, send: Send, name: str, body: bytes, *, more: bool = True) -> None:
        """Hand bytes to the connection. Raises OSError where nobody takes them."""
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError:
            self._traffic.slow[name] += 1
            raise


async def _gone(receive: Receive) -> None:
    message: Any = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
    raise ConnectionResetError
