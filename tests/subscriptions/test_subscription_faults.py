"""What may break on the way: the feed's connection, a source below an event, the process's bounds."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from subscriptions.extended import SEEN
from subscriptions.newsroom import running

from gateway.settings import Subscriptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from subscriptions.newsroom import Newsroom


async def test_a_feed_that_was_lost_tells_to_read_anew(room: Newsroom) -> None:
    """What happened meanwhile is unknown: a REFRESH, and then changes as before."""
    async with room.server.talk() as talk:
        await talk.begin("subscription { storyChanged { operation id } }")
        await room.listening(1)
        await room.write(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'plait plait_%'"
        )
        assert (await talk.next())["storyChanged"] == {"operation": "REFRESH", "id": None}
        await room.write("INSERT INTO stories VALUES (1, 'x', 'home', 1)")
        assert (await talk.next())["storyChanged"] == {"operation": "INSERT", "id": "1"}


async def test_a_source_that_fails_at_an_event_fails_in_its_place(room: Newsroom) -> None:
    """The event is told with an error, and the subscription goes on."""
    async with room.server.talk() as talk:
        await talk.begin("subscription { tagChanged { operation name tag { weight } } }")
        await room.listening(1)
        await room.write("ALTER TABLE tags RENAME COLUMN weight TO heft")
        await room.write("INSERT INTO tags VALUES (1, 'a', 1)")
        payload = (await talk.hear())["payload"]
        told = {"operation": "INSERT", "name": "a", "tag": None}
        assert payload["data"] == {"tagChanged": told}
        assert payload["errors"][0]["path"] == ["tagChanged", "tag"]
        await room.write("ALTER TABLE tags RENAME COLUMN heft TO weight")
        await room.write("UPDATE tags SET weight = 2")
        assert (await talk.next())["tagChanged"]["tag"] == {"weight": 2}


async def test_subscriptions_of_a_process_are_bounded(
    fresh_database: Callable[[], Awaitable[str]], redis_url: str
) -> None:
    """Over all connections and event streams; where one ends there is room again."""
    bounds = Subscriptions(per_process=1)
    async with (
        running(fresh_database, redis_url, uuid.uuid4().hex, subscriptions=bounds) as room,
        room.server.talk() as first,
        room.server.talk() as second,
    ):
        one = await first.begin("subscription { storyChanged { id } }")
        await room.listening(1)
        await second.begin("subscription { storyChanged { id } }")
        message = await second.hear()
        assert message["payload"][0]["extensions"]["code"] == "SUBSCRIPTION_LIMIT_EXCEEDED"
        await first.say("complete", id=one)
        await room.listening(0)
        await second.begin("subscription { countdown(start: 1) }")
        assert await second.next() == {"countdown": 1}


async def test_extensions_of_the_schema_see_every_event(
    fresh_database: Callable[[], Awaitable[str]], redis_url: str
) -> None:
    """An extension turns the short way off, for events too."""
    async with (
        running(
            fresh_database, redis_url, uuid.uuid4().hex, resolvers="subscriptions.extended"
        ) as room,
        room.server.talk() as talk,
    ):
        await talk.begin("subscription { countdown(start: 2) }")
        assert [(await talk.next())["countdown"] for _ in range(2)] == [2, 1]
        assert (await talk.hear())["type"] == "complete"
        await talk.begin("subscription { storyChanged { operation story { title } } }")
        await room.listening(1)
        SEEN.clear()
        await room.write("INSERT INTO stories VALUES (1, 'seen', 'home', 1)")
        told = (await talk.next())["storyChanged"]
    assert told == {"operation": "INSERT", "story": {"title": "seen"}}
    assert SEEN[:2] == ["execute", "storyChanged"]
