"""Subscriptions that a service refuses its caller, in each of the ways that it can say so."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator  # noqa: TC003 - Strawberry reads annotations
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import strawberry
from graphql import GraphQLError
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from subscriptions.agency import Query
from subscriptions.newsroom import running
from subscriptions.speaking import served
from upstream.people import reply

from gateway.configuration import Secret
from gateway.settings import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from subscriptions.newsroom import Newsroom

DOCUMENT = "subscription { wireHeadlines { text secret } }"
WHOLE = "subscription { wireBroken { text } }"


@strawberry.type
class Headline:
    """Whose secret nobody may see."""

    text: str

    @strawberry.field
    def secret(self) -> str | None:
        raise GraphQLError("not for you", extensions={"code": "FORBIDDEN"})


@strawberry.type
class Subscription:
    """One that tells a little, one that tells nothing."""

    @strawberry.subscription
    async def headlines(self, desk: str | None = None) -> AsyncGenerator[Headline | None, None]:
        yield Headline(text=str(desk))

    @strawberry.subscription
    async def broken(self) -> AsyncGenerator[Headline | None, None]:
        raise GraphQLError("not for you", extensions={"code": "FORBIDDEN"})
        yield None


class Guarded(GraphQL[Any, Any]):
    """Knows one caller."""

    async def on_ws_connect(self, context: Any) -> Any:
        if context["connection_params"].get("x-desk") != "a":
            raise ConnectionRejectionError
        return await super().on_ws_connect(context)


@asynccontextmanager
async def guarded(status: int) -> AsyncIterator[str]:
    """The service; over HTTP it answers with that status, however it is asked."""
    schema = strawberry.Schema(Query, subscription=Subscription)
    sockets = Guarded(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await sockets(scope, receive, send)
        elif scope["type"] == "http":
            await reply(send, status, '{"errors": [{"message": "hunter2"}]}')
        else:
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})

    async with served(app) as server:
        yield server.url


@asynccontextmanager
async def room(
    url: str, database: Callable[[], Awaitable[str]], redis_url: str, **more: Any
) -> AsyncIterator[Newsroom]:
    """A gateway before it."""
    upstream = Upstream(url=Secret(url), **more)
    options = {"resolvers": "subscriptions.agency", "state": {}, "upstream": {"agency": upstream}}
    async with running(database, redis_url, uuid.uuid4().hex, **options) as up:
        yield up


CALLERS: dict[str, Any] = {"forward": "x-desk"}
OURS: dict[str, Any] = {"forward": "x-desk", "authorization": Secret("Bearer ours")}


@pytest.mark.parametrize(("options", "code"), [(CALLERS, "FORBIDDEN"), (OURS, "SOURCE_ERROR")])
async def test_refusals_over_a_socket(
    fresh_database: Callable[[], Awaitable[str]],
    redis_url: str,
    options: dict[str, Any],
    code: str,
) -> None:
    """Of a part of an event, of a subscription; and of a connection, which has no GraphQL."""
    async with (
        guarded(401) as url,
        room(url, fresh_database, redis_url, **options) as up,
    ):
        async with up.server.talk({"X-Desk": "a"}) as talk:
            await talk.begin(DOCUMENT)
            payload = (await talk.hear())["payload"]
            assert payload["data"] == {"wireHeadlines": {"text": "None", "secret": None}}
            assert [one["extensions"]["code"] for one in payload["errors"]] == [code]
            assert payload["errors"][0]["path"] == ["wireHeadlines", "secret"]
            assert (await talk.hear())["type"] == "complete"
            await talk.begin(WHOLE)
            told = (await talk.hear())["payload"]
            (error,) = told if isinstance(told, list) else told["errors"]
            assert error["extensions"]["code"] == code
            assert "not for you" not in error["message"]
        async with up.server.talk({"X-Desk": "b"}) as talk:
            await talk.begin(DOCUMENT)
            (error,) = (await talk.hear())["payload"]
            expected = code if code == "FORBIDDEN" else "SOURCE_UNAVAILABLE"
            assert error["extensions"]["code"] == expected
            assert error["extensions"]["closeCode"] == 4403


ACK = '{"type":"connection_ack"}'
REFUSAL = (
    '{"type":"error","payload":[{"message":"hunter2","path":["headlines"],'
    '"extensions":{"code":"FORBIDDEN"}}]}'
)
SCRIPTS = {
    "an error": ([ACK, REFUSAL], "FORBIDDEN"),
    "after a ping": (['{"type":"ping"}', ACK, '{"type":"pong"}', REFUSAL], "FORBIDDEN"),
    "no errors": ([ACK, '{"type":"error","payload":[]}'], "SOURCE_ERROR"),
    "errors of another form": ([ACK, '{"type":"error","payload":{"a":1}}'], "SOURCE_ERROR"),
    "no acknowledgement": (['{"type":"connection_error"}'], "SOURCE_ERROR"),
    "no message": ([ACK, "what?"], "SOURCE_ERROR"),
}


@asynccontextmanager
async def scripted(messages: list[str]) -> AsyncIterator[str]:
    """A service that says this to whoever opens a socket."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
            for message in messages:
                await send({"type": "websocket.send", "text": message})
            while (await receive())["type"] != "websocket.disconnect":
                pass
        else:
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})

    async with served(app) as server:
        yield server.url


@pytest.mark.parametrize("name", SCRIPTS)
async def test_what_a_service_says_instead_of_an_event(
    fresh_database: Callable[[], Awaitable[str]],
    redis_url: str,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    """Is an error of its own, by its code where it has one; the log has its words, if it may."""
    messages, code = SCRIPTS[name]
    async with (
        scripted(messages) as url,
        room(url, fresh_database, redis_url, log_errors=True, **CALLERS) as up,
        up.server.talk({"X-Desk": "a"}) as talk,
    ):
        await talk.begin(DOCUMENT)
        (error,) = (await talk.hear())["payload"]
    assert error["extensions"]["code"] == code
    assert "hunter2" not in error["message"]
    told = [one for one in caplog.records if one.message == "an upstream reported errors"]
    assert len(told) == (1 if code == "FORBIDDEN" else 0)


@pytest.mark.parametrize("way", ["sse", "multipart"])
@pytest.mark.parametrize(
    ("status", "code"), [(401, "UNAUTHENTICATED"), (403, "FORBIDDEN"), (429, "SOURCE_OVERLOADED")]
)
async def test_refusals_over_http(
    fresh_database: Callable[[], Awaitable[str]],
    redis_url: str,
    way: Any,
    status: int,
    code: str,
) -> None:
    """By the status of the answer, which is no stream then."""
    async with (
        guarded(status) as url,
        room(url, fresh_database, redis_url, subscriptions=way, **CALLERS) as up,
        up.server.talk({"X-Desk": "a"}) as talk,
    ):
        await talk.begin(DOCUMENT)
        (error,) = (await talk.hear())["payload"]
        assert error["extensions"]["code"] == code
        assert error["extensions"]["status"] == status
        assert "hunter2" not in error["message"]
