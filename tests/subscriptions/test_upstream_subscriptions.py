"""Events of other services: exactly what was selected, shared, joined with rows, told in place."""

from __future__ import annotations

import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from subscriptions.agency import DESK, agency, agency_by_lines, agency_in_parts
from subscriptions.newsroom import Newsroom, running
from subscriptions.speaking import Stream, until

from gateway.configuration import Secret
from gateway.settings import Upstream
from gateway.sources.streams import Streams
from gateway.sources.upstream.refusals import Refusals
from gateway.sources.upstream.subscriptions import Topic, UpstreamSubscriptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


def options(url: str, **more: Any) -> dict[str, Any]:
    upstream = Upstream(url=Secret(url), **more)
    return {"resolvers": "subscriptions.agency", "state": {}, "upstream": {"agency": upstream}}


@pytest.fixture(scope="module")
async def room(
    module_database: Callable[[], Awaitable[str]], redis_url: str
) -> AsyncIterator[Newsroom]:
    more = {"authorization": Secret("Bearer ours"), "forward": "x-desk traceparent"}
    async with (
        agency() as url,
        running(module_database, redis_url, uuid.uuid4().hex, **options(url, **more)) as up,
    ):
        yield up


async def test_events_arrive_joined_with_rows(room: Newsroom) -> None:
    """Arguments, aliases and type names as they should be; a local row below the service's type."""
    await room.write("INSERT INTO stories VALUES (1, 'Ours', 'home', 1)")
    document = """subscription S($desk: String) {
        it: wireHeadlines(desk: $desk) { __typename what: text story { title author { name } } }
    }"""
    async with room.server.talk({"X-Desk": "a"}) as talk:
        await talk.begin(document, variables={"desk": "home"})
        await until(lambda: len(DESK.queues) == 1)
        DESK.send(("one", "away", None))
        DESK.send(('t"w\to', "home", "1"))
        DESK.send(("three", "home", None))
        heard = [(await talk.next())["it"] for _ in range(2)]
        assert DESK.payloads[-1] == {"authorization": "Bearer ours", "x-desk": "a"}
    assert heard == [
        {
            "__typename": "wireHeadline",
            "what": 't"w\to',
            "story": {"title": "Ours", "author": {"name": "Ann"}},
        },
        {"__typename": "wireHeadline", "what": "three", "story": None},
    ]
    await until(lambda: not DESK.queues)


async def test_equal_subscriptions_are_one_there(room: Newsroom) -> None:
    """Whoever they are of, whatever they call it; the last to leave ends it.

    Another variable is another one.
    """
    document = "subscription %s($d: String) { wireHeadlines(desk: $d) { text } }"
    begun = DESK.begun
    traced = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    async with room.server.talk() as first, room.server.talk(traced) as second:
        talks = [first] * 10 + [second] * 10
        for number, talk in enumerate(talks):
            await talk.begin(document % f"S{number % 3}", variables={"d": "x"})
        await first.begin(document % "S", variables={"d": "y"})
        upstream = next(iter(room.gateway.registry.upstreams.values()))
        shared = upstream._subscriptions._shared
        await until(lambda: sum(map(len, shared._subscribers.values())) == 21)
        await until(lambda: len(DESK.queues) == 2)
        DESK.send(("all", "x", None))
        heard = [(await talk.next())["wireHeadlines"]["text"] for talk in talks]
        assert heard == ["all"] * 20
    await until(lambda: not DESK.queues)
    assert DESK.begun - begun == 2


async def test_errors_of_a_service_are_told_in_their_place(room: Newsroom) -> None:
    """Below an event with its data; a subscription that fails, or ends, does so here too."""
    async with room.server.talk() as talk:
        await talk.begin("subscription { wireHeadlines { text secret } }")
        await until(lambda: len(DESK.queues) == 1)
        DESK.send(("x", "home", None))
        payload = (await talk.hear())["payload"]
        assert payload["data"] == {"wireHeadlines": {"text": "x", "secret": None}}
        (error,) = payload["errors"]
        assert error["path"] == ["wireHeadlines", "secret"]
        assert "not for you" not in str(payload)
        few = await talk.begin("subscription { wireFew(count: 2) }")
        assert [(await talk.next(few))["wireFew"] for _ in range(2)] == [0, 1]
        assert await talk.hear() == {"type": "complete", "id": few}
        await talk.begin("subscription { wireBroken { text } }")
        message = await talk.hear()
        assert "hunter2" not in str(message)
        told = message["payload"]
        error = told[0] if message["type"] == "error" else told["errors"][0]
        assert error["extensions"]["code"].startswith("SOURCE")


async def test_the_document_that_travels_can_be_asked_for(room: Newsroom) -> None:
    """`explain` shows it, and what follows each event."""
    async with room.server.talk() as talk:
        document = "subscription { wireHeadlines { text story { title } } }"
        await talk.begin(document, extensions={"plait": {"explain": True}})
        first, second = (await talk.hear())["payload"]["extensions"]["plan"]["waves"]
    assert first[0]["request"]["document"].startswith("subscription { wireHeadlines: headlines {")
    assert second[0]["kind"] == "rows by key"


async def test_a_service_that_goes_ends_its_subscriptions(
    fresh_database: Callable[[], Awaitable[str]], redis_url: str
) -> None:
    """With an error, and so does one that is not there; whoever tries again later finds it."""
    async with AsyncExitStack() as service:
        url = await service.enter_async_context(agency())
        async with (
            running(fresh_database, redis_url, uuid.uuid4().hex, **options(url)) as room,
            room.server.talk() as talk,
        ):
            for gone in (False, True):
                await talk.begin("subscription { wireHeadlines { text } }")
                if not gone:
                    await until(lambda: len(DESK.queues) == 1)
                    await service.aclose()
                message = await talk.hear()
                assert message["type"] == "error"
                assert message["payload"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"


async def test_server_sent_events_of_a_service(
    fresh_database: Callable[[], Awaitable[str]], redis_url: str
) -> None:
    """Lines in pieces, data in several lines, comments; and on to our own event stream."""
    async with (
        agency_by_lines() as url,
        running(
            fresh_database, redis_url, uuid.uuid4().hex, **options(url, subscriptions="sse")
        ) as room,
        room.server.stream("subscription { wireHeadlines { text } }") as response,
    ):
        await until(lambda: len(DESK.queues) == 1)
        assert DESK.payloads[-1]["accept"] == "text/event-stream"
        stream = Stream(response)
        DESK.send(("by line", "home", None))
        kind, answer = await stream.event()
        assert (kind, answer) == ("next", {"data": {"wireHeadlines": {"text": "by line"}}})
        DESK.send(None)
        assert await stream.event() == ("complete", None)


@pytest.mark.parametrize("boundary", ["graphql", "-"])
async def test_events_of_a_router(
    fresh_database: Callable[[], Awaitable[str]], redis_url: str, boundary: str
) -> None:
    """Each as soon as its delimiter is there; an error of the router's own ends them, as an end."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(agency_in_parts(boundary))
        more = options(url, subscriptions="multipart")
        room = await stack.enter_async_context(
            running(fresh_database, redis_url, uuid.uuid4().hex, **more)
        )
        talk = await stack.enter_async_context(room.server.talk())
        for end in (None, ("broken", "home", None)):
            await talk.begin("subscription { wireHeadlines { text } }")
            await until(lambda: len(DESK.queues) == 1)
            assert DESK.payloads[-1]["accept"] == 'multipart/mixed;subscriptionSpec="1.0"'
            for text in ("one", f"two\n--{boundary}--"):
                DESK.send((text, "home", None))
                assert (await talk.next())["wireHeadlines"]["text"] == text
            DESK.send(end)
            message = await talk.hear()
            assert "hunter2" not in str(message)
            assert message["type"] == ("complete" if end is None else "error")


@pytest.mark.parametrize("way", ["websocket", "sse", "multipart"])
async def test_a_gateway_takes_the_events_of_a_gateway(room: Newsroom, way: Any) -> None:
    """It sends them in each of the ways that it takes them in."""
    streams = Streams("inner", headers={}, connect_seconds=5, max_bytes=100_000)
    inner = UpstreamSubscriptions(
        streams,
        room.server.url,
        way=way,
        init_seconds=5,
        credentials={},
        refusals=Refusals("inner", callers=False, trusted=True),
    )
    document = "subscription { wireFew(count: 2) }"
    topic = Topic(document, b"{}", (), orjson.dumps({"query": document}))
    heard = [bytes(event.data["wireFew"]) async for event in inner.events(topic) if event.data]
    assert heard == [b"0", b"1"]
    await inner.close()


async def test_a_service_that_speaks_otherwise_is_told_of(
    fresh_database: Callable[[], Awaitable[str]], redis_url: str
) -> None:
    """The error says what was wanted, and which ways there are."""
    async with (
        agency_by_lines() as url,
        running(
            fresh_database, redis_url, uuid.uuid4().hex, **options(url, subscriptions="multipart")
        ) as room,
        room.server.talk() as talk,
    ):
        await talk.begin("subscription { wireHeadlines { text } }")
        (error,) = (await talk.hear())["payload"]
        assert "no multipart/mixed" in error["message"]
        assert "websocket, sse or multipart" in error["message"]
