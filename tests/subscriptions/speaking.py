"""A server on loopback, and a client of graphql-transport-ws that shows every message."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import uvicorn

from gateway.serving.listener import ListenerConfig, bind
from gateway.settings import Limits, Serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROTOCOL = "graphql-transport-ws"
SECONDS = 20.0


class Served:
    """A server that runs: its port, and a client session for whoever asks."""

    def __init__(self, server: uvicorn.Server, port: int) -> None:
        self.server = server
        self.port = port
        self.session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    async def socket(
        self, *protocols: str, headers: dict[str, str] | None = None
    ) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket to the endpoint."""
        return await self.session.ws_connect(
            self.url, protocols=protocols or (PROTOCOL,), headers=headers
        )

    @asynccontextmanager
    async def talk(
        self, payload: Any = None, headers: dict[str, str] | None = None
    ) -> AsyncIterator[Talk]:
        """An initialised connection."""
        async with await self.socket(headers=headers) as socket:
            talk = Talk(socket)
            await talk.say("connection_init", payload=payload)
            assert await talk.hear() == {"type": "connection_ack"}
            yield talk

    def stream(self, document: str, **more: Any) -> Any:
        """An event stream, as a context manager over the response."""
        headers = {"accept": "text/event-stream", **more.pop("headers", {})}
        return self.session.post(self.url, json={"query": document, **more}, headers=headers)


class Talk:
    """A conversation of graphql-transport-ws."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.ids = iter(range(1, 10_000))

    async def say(self, kind: str, **members: Any) -> None:
        given = {name: value for name, value in members.items() if value is not None}
        await self.socket.send_str(json.dumps({"type": kind, **given}))

    async def hear(self) -> Any:
        """The next message."""
        message = await asyncio.wait_for(self.socket.receive(), SECONDS)
        assert message.type is aiohttp.WSMsgType.TEXT, (message, self.socket.close_code)
        return json.loads(message.data)

    async def begin(self, document: str, **more: Any) -> str:
        """Subscribe; the id."""
        identity = str(next(self.ids))
        await self.say("subscribe", id=identity, payload={"query": document, **more})
        return identity

    async def next(self, identity: str | None = None) -> Any:
        """The payload of the next answer, which must be one, without errors."""
        message = await self.hear()
        assert message["type"] == "next", message
        assert identity is None or message["id"] == identity
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    async def closed(self) -> tuple[int, str]:
        """The code and reason with which the server ends the connection."""
        message = await asyncio.wait_for(self.socket.receive(), SECONDS)
        while message.type is aiohttp.WSMsgType.TEXT:
            message = await asyncio.wait_for(self.socket.receive(), SECONDS)
        return int(self.socket.close_code or 0), str(message.extra or "")


class Stream:
    """The events of a response, one after the other."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def event(self) -> tuple[str, Any]:
        """The next event and its data; comments are passed over."""
        kind, data = "", ""
        while True:
            line = (await asyncio.wait_for(self.response.content.readline(), SECONDS)).decode()
            assert line, "the stream ended"
            if line.startswith("event:"):
                kind = line.partition(":")[2].strip()
            elif line.startswith("data:"):
                data += line.partition(":")[2].strip()
            elif line == "\n" and kind:
                return kind, json.loads(data) if data else None

    async def ended(self) -> bool:
        """Whether nothing more comes."""
        rest = await asyncio.wait_for(self.response.content.read(), SECONDS)
        assert not rest, rest
        return True


@asynccontextmanager
async def served(app: Any, **options: Any) -> AsyncIterator[Served]:
    """Serve an ASGI application as the gateway does."""
    listener = bind("127.0.0.1", 0)
    limits = Limits(max_body_bytes=options.pop("max_body_bytes", 1 << 20))
    config = ListenerConfig(app, Serve(drain_seconds=options.pop("drain", 0)), limits, **options)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve([listener]))
    while not server.started:
        assert not running.done(), running.exception() or "the server did not start"
        await asyncio.sleep(0.005)
    try:
        async with aiohttp.ClientSession() as session:
            made = Served(server, listener.getsockname()[1])
            made.session = session
            yield made
    finally:
        server.should_exit = True
        await running
        listener.close()


async def until(condition: Any) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - what is polled has no event
            await asyncio.sleep(0.005)
