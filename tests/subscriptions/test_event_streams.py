"""Server-sent events: the same answers, one request each."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from subscriptions.scripted_streams import GOOD, Script, speaking
from subscriptions.speaking import Stream, Talk, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from subscriptions.speaking import Served

LIMIT = "SUBSCRIPTION_LIMIT_EXCEEDED"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def server(script: Script) -> AsyncIterator[Served]:
    async with speaking(script) as running:
        yield running


async def test_answers_then_complete(server: Served, script: Script) -> None:
    """Each answer is `next`; nothing may be kept, or gathered on the way."""
    async with server.stream("count 2") as response:
        assert response.status == 200
        assert response.headers["cache-control"] == "no-store"
        stream = Stream(response)
        assert [await stream.event() for _ in range(3)] == [
            ("next", {"data": 0}),
            ("next", {"data": 1}),
            ("complete", None),
        ]
        assert await stream.ended()
    assert script.traffic.sent == {"sse": 2}


@pytest.mark.parametrize(
    ("document", "message"),
    [("refuse", "No."), ("break it", "Broken."), ("break", "Internal error.")],
)
async def test_errors_are_answers(server: Served, document: str, message: str) -> None:
    """An error is the last `next`, before or after others."""
    async with server.stream(document) as response:
        stream = Stream(response)
        events = [await stream.event()]
        while events[-1][0] != "complete":
            events.append(await stream.event())
    assert events[-2][1]["errors"][0]["message"] == message


async def test_what_is_no_request_is_refused_in_json(server: Served) -> None:
    """Before there is a stream: bad bodies, batches, credentials, and forged cross-site requests."""
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    async with server.session.post(server.url, data=b"[]", headers=headers) as response:
        assert (response.status, response.content_type) == (400, "application/json")
    body = json.dumps([{"query": "count 1"}]).encode()
    async with server.session.post(server.url, data=body, headers=headers) as response:
        assert "singly" in (await response.json())["errors"][0]["message"]
    async with server.stream("count 1", headers={"authorization": "bad"}) as response:
        assert response.status == 401
    away = {"accept": "text/event-stream", "sec-fetch-site": "cross-site"}
    async with server.session.get(f"{server.url}?query=count+1", headers=away) as response:
        assert (await response.json())["errors"][0]["extensions"]["code"] == "CSRF_REFUSED"


async def test_a_get_is_for_event_sources(server: Served) -> None:
    """What a browser's `EventSource` sends."""
    headers = {"accept": "text/event-stream", "sec-fetch-site": "same-origin"}
    async with server.session.get(f"{server.url}?query=count+1", headers=headers) as response:
        assert await Stream(response).event() == ("next", {"data": 0})


async def test_leaving_ends_the_work(server: Served, script: Script) -> None:
    """The client closes the connection."""
    async with server.stream("wait"):
        await until(lambda: script.running == 1)
        assert script.traffic.connections == {"sse": 1}
    await until(lambda: script.running == 0)
    await until(lambda: script.traffic.connections == {"sse": 0})


async def test_streams_of_a_client_are_bounded(script: Script) -> None:
    """One too many is refused before it begins; its WebSockets and its streams count together.

    Who is somebody else has room of its own; where one ends there is room again.
    """
    known = {"authorization": GOOD}
    async with speaking(script, per_client=1) as server:
        async with server.stream("wait") as first:
            assert first.status == 200
            async with server.stream("count 1") as second:
                assert second.status == 429
                (error,) = (await second.json())["errors"]
                assert error["extensions"]["code"] == "SUBSCRIPTION_LIMIT_EXCEEDED"
                assert error["message"] == "A client has at most 1 connections at once."
            async with await server.socket() as third:
                assert await Talk(third).closed() == (1008, error["message"])
            async with server.stream("count 1", headers=known) as own:
                assert await Stream(own).event() == ("next", {"data": 0})
        await until(lambda: script.traffic.connections["sse"] == 0)
        async with server.talk(), server.stream("count 1") as beside:
            assert beside.status == 429
        await until(lambda: script.traffic.connections["websocket"] == 0)
        async with server.stream("count 1") as again:
            assert await Stream(again).event() == ("next", {"data": 0})
    assert script.traffic.refused == {"SUBSCRIPTION_LIMIT_EXCEEDED": 3}


async def test_operations_of_a_client_are_bounded(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    """On all that it has open together, streams and WebSockets; each refused one says the bound.

    Somebody else has room of their own; where one ends there is room again. The log says which
    setting it was, ever more rarely.
    """
    async with speaking(script, operations_per_client=2) as server, server.talk() as talk:
        first = await talk.begin("wait")
        async with server.stream("wait"):
            await until(lambda: script.running == 2)
            async with server.stream("count 1") as third:
                (error,) = (await third.json())["errors"]
                assert (third.status, error["extensions"]["code"]) == (429, LIMIT)
                assert error["message"] == "A client has at most 2 operations at once."
            for _ in range(3):
                refused = await talk.begin("count 1")
                message = await talk.hear()
                assert (message["id"], message["type"]) == (refused, "error")
                assert message["payload"][0]["extensions"]["code"] == LIMIT
            async with server.stream("count 1", headers={"authorization": GOOD}) as other:
                assert await Stream(other).event() == ("next", {"data": 0})
        await until(lambda: script.running == 1)
        await talk.say("complete", id=first)
        await until(lambda: script.running == 0)
        await talk.begin("count 1")
        assert await talk.next() == 0
    assert script.traffic.refused == {LIMIT: 4}
    noted = [line for line in caplog.messages if "subscriptions.operations_per_client" in line]
    assert [line.partition("(")[2].partition(" ")[0] for line in noted] == ["1", "2", "4"]


async def test_signs_of_life(script: Script) -> None:
    """A comment now and then, while nothing happens."""
    async with speaking(script, ping_seconds=0.02) as server, server.stream("wait") as response:
        for _ in range(3):
            assert await asyncio.wait_for(response.content.readuntil(b"\n\n"), 20) == b":\n\n"


async def test_credentials_that_expire_end_the_stream(script: Script) -> None:
    """With a typed error, while nothing happens."""
    async with (
        speaking(script, recheck_seconds=0.02) as server,
        server.stream("wait", headers={"authorization": GOOD}) as response,
    ):
        await until(lambda: script.running == 1)
        script.valid = False
        stream = Stream(response)
        kind, data = await stream.event()
        assert (kind, data["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        assert await stream.event() == ("complete", None)
        assert await stream.ended()
    await until(lambda: script.running == 0)


async def test_a_client_that_reads_nothing_is_left(script: Script) -> None:
    """Its operation ends, once it has read nothing for long enough."""
    async with speaking(script, send_seconds=0.2) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        body = b'{"query":"flood"}'
        writer.write(
            b"POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        await reader.readuntil(b"\r\n\r\n")
        await until(lambda: script.sent > 0)
        await until(lambda: script.running == 0)
        writer.transport.abort()
    assert script.traffic.slow == {"sse": 1}


async def test_a_gateway_that_stops_ends_its_streams(script: Script) -> None:
    """At once, without `complete`, so that the client comes again; the rest of the drain is kept."""
    async with speaking(script, drain=60) as server, server.stream("wait") as response:
        await until(lambda: script.running == 1)
        await response.content.readuntil(b"\n\n")
        server.server.should_exit = True
        assert await Stream(response).ended()
    assert script.running == 0
