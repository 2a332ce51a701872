"""A service with subscriptions, by Strawberry's own server; and a newsroom that lists it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator  # noqa: TC003 - Strawberry reads annotations
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import strawberry
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from subscriptions.newsroom import Author, Memo, Reading, Story
from subscriptions.speaking import served

from gateway import Domain, Join, Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SDL = """
type Query { agency: String! }
type Headline { text: String! desk: String! storyId: ID secret: String }
type Subscription { headlines(desk: String): Headline broken: Headline few(count: Int! = 2): Int! }
"""

domain = Domain(
    entities=[Author, Story, Memo],
    queries=[Reading],
    upstreams=[
        Upstream("agency", SDL, prefix="wire", joins=[Join("Headline", "story", Story, "storyId")])
    ],
)


class Desk:
    """What the service sends, and who listens."""

    def __init__(self) -> None:
        self.queues: set[asyncio.Queue[Any]] = set()
        self.payloads: list[Any] = []
        self.begun = 0

    def send(self, value: Any) -> None:
        for queue in self.queues:
            queue.put_nowait(value)

    async def listen(self) -> AsyncGenerator[Any, None]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self.queues.add(queue)
        self.begun += 1
        try:
            while (value := await queue.get()) is not None:
                yield value
        finally:
            self.queues.discard(queue)


DESK = Desk()


@strawberry.type
class Headline:
    text: str
    desk: str
    story_id: strawberry.ID | None

    @strawberry.field
    def secret(self) -> str | None:
        raise PermissionError("not for you")


@strawberry.type
class Query:
    agency: str = "wire"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def headlines(
        self, info: strawberry.Info, desk: str | None = None
    ) -> AsyncGenerator[Headline | None, None]:
        DESK.payloads.append(info.context.get("connection_params"))
        async for text, of, story in DESK.listen():
            if desk in {None, of}:
                yield Headline(text=text, desk=of, story_id=story)

    @strawberry.subscription
    async def broken(self) -> AsyncGenerator[Headline | None, None]:
        raise RuntimeError("postgres://root:hunter2@db")
        yield None

    @strawberry.subscription
    async def few(self, count: int = 2) -> AsyncGenerator[int, None]:
        for number in range(count):
            yield number


@asynccontextmanager
async def agency() -> AsyncIterator[str]:
    """The service over graphql-transport-ws; its address."""
    schema = strawberry.Schema(Query, subscription=Subscription)
    app = GraphQL(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
    async with served(_with_lifespan(app)) as server:
        yield server.url


@asynccontextmanager
async def agency_by_lines() -> AsyncIterator[str]:
    """A service that sends what the desk says as server-sent events; its address."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = orjson.loads((await receive())["body"])
        DESK.payloads.append({k.decode(): v.decode() for k, v in scope["headers"]})
        kind = (b"content-type", b"text/event-stream")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})

        async def say(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await say(b":\r\n\r\n")
        assert request["query"].startswith("subscription")
        async for text, *_ in DESK.listen():
            data = orjson.dumps({"data": {"wireHeadlines": {"text": text}}})
            # In two lines, and in two pieces.
            await say(b"event: next\r\nda")
            await say(b"ta: " + data[:1] + b"\r\ndata:" + data[1:] + b"\r\n\r\n")
        await say(b"event: complete\ndata: \n\n")
        await send({"type": "http.response.body", "body": b""})

    async with served(_with_lifespan(app)) as server:
        yield server.url


@asynccontextmanager
async def agency_in_parts(boundary: str) -> AsyncIterator[str]:
    """A service that sends what the desk says as Apollo's router does; its address."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        DESK.payloads.append({k.decode(): v.decode() for k, v in scope["headers"]})
        kind = f'multipart/mixed;boundary="{boundary}";subscriptionSpec=1.0'
        headers = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def say(body: bytes, *, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": more})

        async def part(document: Any, end: bytes = b"") -> None:
            # In pieces, of which the last has the next one's delimiter.
            await say(b"\r\ncontent-type: application/json\r\n\r")
            await say(b"\n" + orjson.dumps(document) + b"\r\n--" + boundary.encode() + end)

        await say(b"--" + boundary.encode())
        await part({})
        async for text, *_ in DESK.listen():
            if text == "broken":
                await part({"payload": None, "errors": [{"message": "hunter2"}]}, b"--\r\n")
                break
            await part({"payload": {"data": {"wireHeadlines": {"text": text}}}})
        else:
            await part({}, b"--\r\n")
        await say(b"", more=False)

    async with served(_with_lifespan(app)) as server:
        yield server.url


def _with_lifespan(app: Any) -> Any:
    async def whole(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})

    return whole
