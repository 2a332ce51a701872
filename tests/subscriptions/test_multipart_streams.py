"""Subscriptions as parts of `multipart/mixed`, the protocol of Apollo's clients and router."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from subscriptions.scripted_streams import GOOD, Script, speaking
from subscriptions.speaking import SECONDS, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientResponse
    from subscriptions.newsroom import Newsroom
    from subscriptions.speaking import Served

ACCEPT = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0, application/json"
HEAD = b"\r\n--graphql\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"
END = b"\r\n--graphql--\r\n"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def server(script: Script) -> AsyncIterator[Served]:
    async with speaking(script) as running:
        yield running


def parts(server: Served, document: str, **headers: str) -> Any:
    """A subscription, as a context manager over the response."""
    return server.stream(document, headers={"accept": ACCEPT, **headers})


async def part(response: ClientResponse) -> Any:
    """The next part that is no sign of life."""
    while True:
        await asyncio.wait_for(response.content.readuntil(b"\r\n\r\n"), SECONDS)
        body = await asyncio.wait_for(response.content.readuntil(b"\r\n--graphql"), SECONDS)
        found = json.loads(body.removesuffix(b"\r\n--graphql"))
        if found:
            return found


async def test_the_bytes_of_a_subscription(server: Served, script: Script) -> None:
    """A sign of life, a part for each answer, and the end, as the protocol has them."""
    async with parts(server, "count 2") as response:
        body = await response.read()
    assert response.status == 200
    kind = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
    assert response.headers["content-type"] == kind
    assert response.headers["cache-control"] == "no-store"
    payloads = (b"{}", b'{"payload":{"data":0}}', b'{"payload":{"data":1}}')
    assert body == b"".join(HEAD + one for one in payloads) + END
    assert script.traffic.sent == {"multipart": 2}


@pytest.mark.parametrize(
    ("document", "before", "message"),
    [("refuse", 0, "No."), ("break it", 1, "Broken."), ("break", 1, "Internal error.")],
)
async def test_what_ends_a_stream_is_fatal(
    server: Served, document: str, before: int, message: str
) -> None:
    """Its errors stand beside a payload that is null; what came before it stays."""
    async with parts(server, document) as response:
        for _ in range(before):
            assert (await part(response))["payload"] == {"data": 1}
        last = await part(response)
        assert await response.content.read() == b"--\r\n"
    assert last["payload"] is None
    assert last["errors"][0]["message"] == message


async def test_credentials_that_expire_end_it(script: Script) -> None:
    """With a typed error, while nothing happens; signs of life come until then."""
    async with (
        speaking(script, ping_seconds=0.02, recheck_seconds=0.05) as server,
        parts(server, "wait", authorization=GOOD) as response,
    ):
        for _ in range(3):
            await asyncio.wait_for(response.content.readuntil(HEAD + b"{}"), SECONDS)
        script.valid = False
        last = await part(response)
        assert last["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await response.content.read() == b"--\r\n"
    await until(lambda: script.running == 0)


async def test_its_bounds_are_those_of_event_streams(script: Script) -> None:
    """One of the client's places, and no more than its share of time to be read in."""
    async with speaking(script, per_client=1, send_seconds=0.2) as server:
        async with parts(server, "wait"), parts(server, "count 1") as second:
            assert (second.status, second.content_type) == (429, "application/json")
        await until(lambda: script.traffic.connections["multipart"] == 0)
        async with parts(server, "flood"):
            await until(lambda: script.sent > 0 and script.running == 0)
    assert script.traffic.slow == {"multipart": 1}


async def test_a_gateway_that_stops_says_so(script: Script) -> None:
    """At once, by an error on which a client subscribes again; the rest of the drain is kept."""
    async with speaking(script, drain=60) as server, parts(server, "wait") as response:
        await until(lambda: script.running == 1)
        server.server.should_exit = True
        last = await part(response)
        assert last["payload"] is None
        assert last["errors"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"
        assert await response.content.read() == b"--\r\n"
    assert script.running == 0


async def ask(room: Newsroom, body: Any, accept: str = ACCEPT) -> tuple[int, str, Any]:
    headers = {"accept": accept}
    async with room.server.session.post(room.server.url, json=body, headers=headers) as response:
        return response.status, response.content_type, await response.json()


@pytest.mark.parametrize("accept", [ACCEPT, ACCEPT.partition(",")[0], f"{ACCEPT};q=0.1"])
async def test_only_subscriptions_come_in_parts(room: Newsroom, accept: str) -> None:
    """A query, a batch of requests and what is refused are answered at once, in JSON."""
    query = {"query": "{ __typename }"}
    answer = {"data": {"__typename": "Query"}}
    assert await ask(room, query, accept) == (200, "application/json", answer)
    assert await ask(room, [query], accept) == (200, "application/json", [answer])
    status, kind, told = await ask(room, {"query": "subscription { nothing }"}, accept)
    assert kind == "application/json"
    assert status in {200, 400}
    assert told["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_events_of_the_whole_gateway(room: Newsroom) -> None:
    """Answers of a generator, and of one who may not listen an error."""
    async with parts(room.server, "subscription { countdown(start: 2) }") as response:
        told = [await part(response) for _ in range(2)]
        assert told == [{"payload": {"data": {"countdown": number}}} for number in (2, 1)]
        assert await response.content.read() == b"--\r\n"
    async with parts(room.server, "subscription { secretChanged { id } }") as response:
        assert (await part(response))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
