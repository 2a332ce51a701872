"""A query with `@live` is answered again when what it reads has changed, and only then."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from subscriptions.newsroom import KEYS, running
from subscriptions.speaking import Stream

from gateway.settings import Serve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from subscriptions.newsroom import Newsroom
    from subscriptions.speaking import Talk

DESK = """query Desk @live(throttle: 10) {{
    stories(where: {{desk: {{eq: "{desk}"}}}}, orderBy: {{id: ASC}}) {{
        totalCount nodes {{ title author {{ name }} }}
    }}
}}"""


def titles(answer: Any) -> list[str]:
    return [node["title"] for node in answer["stories"]["nodes"]]


async def refused(talk: Talk, document: str, **more: Any) -> str:
    """What the first error of a refused operation says."""
    await talk.begin(document, **more)
    message = await talk.hear()
    assert message["type"] == "error", message
    assert message["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    return str(message["payload"][0]["message"])


async def test_a_list_is_answered_again_after_each_change(room: Newsroom) -> None:
    """Rows that come, change and go, also those it refers to; what changes nothing is not told."""
    await room.write("INSERT INTO authors VALUES (71, 'Mia')")
    async with room.server.talk() as talk:
        await talk.begin(DESK.format(desk="live"))
        assert titles(await talk.next()) == []
        for statement, expected in (
            ("INSERT INTO stories VALUES (701, 'one', 'live', 71)", [("one", "Mia")]),
            ("UPDATE authors SET name = 'Pia' WHERE id = 71", [("one", "Pia")]),
            ("INSERT INTO stories VALUES (702, 'two', 'live')", [("one", "Pia"), ("two", None)]),
            ("UPDATE stories SET desk = 'dead' WHERE id = 701", [("two", None)]),
            ("DELETE FROM stories WHERE id = 702", []),
        ):
            await room.write("INSERT INTO stories VALUES (700, 'elsewhere', 'dead')")
            await room.write("DELETE FROM stories WHERE id = 700")
            await room.write(statement)
            found = (await talk.next())["stories"]
            nodes = [
                (one["title"], one["author"] and one["author"]["name"]) for one in found["nodes"]
            ]
            assert (nodes, found["totalCount"]) == (expected, len(expected))


async def test_many_changes_are_one_answer(room: Newsroom) -> None:
    """Within `throttle` nothing is told twice, and the last state is told."""
    await room.write("INSERT INTO stories VALUES (711, '0', 'busy')")
    async with room.server.talk() as talk:
        await talk.begin("query @live(throttle: 500) { story(id: 711) { title } }")
        heard = [(await talk.next())["story"]["title"]]
        for number in range(1, 41):
            await room.write("UPDATE stories SET title = $1 WHERE id = 711", str(number))
        while heard[-1] != "40":
            heard.append((await talk.next())["story"]["title"])
    assert len(heard) < 41


async def test_equal_live_queries_share_their_reads(room: Newsroom) -> None:
    """Fifty that wake at the same moment ask the database about as often as a few."""
    await room.write("INSERT INTO stories VALUES (721, 'first', 'many')")
    async with room.server.talk() as talk:
        ids = [await talk.begin("query @live { story(id: 721) { title } }") for _ in range(50)]
        for _ in ids:
            await talk.next()
        groups = room.gateway.fresh or room.gateway.groups
        sent = groups["postgres"].figures()["sent"]
        await room.write("UPDATE stories SET title = 'second' WHERE id = 721")
        told = [await talk.hear() for _ in ids]
        sent = groups["postgres"].figures()["sent"] - sent
    assert {one["id"] for one in told} == set(ids)
    assert all(one["payload"]["data"]["story"] == {"title": "second"} for one in told)
    assert sent <= 10


async def test_row_rules_hold_for_each_answer(room: Newsroom) -> None:
    """A change of a row that the viewer may not see says nothing to them."""
    document = "query @live(throttle: 10) { memos { nodes { text } } }"
    async with room.server.talk({"x-api-key": KEYS["ann"]}) as ann:
        await ann.begin(document)
        assert (await ann.next())["memos"]["nodes"] == []
        for owner, text in (("bob", "not for Ann"), ("ann", "for Ann")):
            await room.write("INSERT INTO memos VALUES ($1, $2, $3)", uuid.uuid4(), owner, text)
        assert (await ann.next())["memos"]["nodes"] == [{"text": "for Ann"}]


async def test_what_does_not_tell_of_changes_must_be_polled(room: Newsroom) -> None:
    """Resolvers and Redis are named in the error, and looked at by the clock where it is asked."""
    state = 'state(namespace: WIRE) { get(key: "live") }'
    await room.write("INSERT INTO stories VALUES (731, 'soft', 'loud')")
    async with room.server.talk() as talk:
        assert "resolvers of its own" in await refused(
            talk, "query @live { story(id: 731) { shout } }"
        )
        message = await refused(talk, "query @live { story(id: 731) { title } " + state + " }")
        assert "`state`" in message
        assert "poll: 5000" in message
        await talk.begin("query @live(poll: 1000) { story(id: 731) { shout } " + state + " }")
        assert await talk.next() == {"story": {"shout": "SOFT"}, "state": {"get": None}}
        await room.redis.set(f"{room.prefix}wire:live", json.dumps({"so": 1}))
        assert await talk.next() == {"story": {"shout": "SOFT"}, "state": {"get": {"so": 1}}}


async def test_a_table_that_is_not_watched_is_named(
    module_database: Callable[[], Awaitable[str]], redis_url: str
) -> None:
    """What would silently stay old, or wait for ever, is not begun."""
    async with (
        running(module_database, redis_url, f"{uuid.uuid4().hex}:") as room,
        room.server.talk() as talk,
    ):
        await room.write("SELECT plait_unwatch('authors'), plait_unwatch('tags')")
        assert "`story` (authors)" in await refused(
            talk, "query @live { story(id: 1) { title author { name } } }"
        )
        await talk.begin("subscription { tagChanged { operation } }")
        (error,) = (await talk.hear())["payload"]
        assert error["message"] == "Changes of Tag are not told: watch its table."
        await room.write("SELECT plait_watch('authors')")
        await talk.begin("query @live { story(id: 1) { title author { name } } }")
        assert await talk.next() == {"story": None}


async def test_it_goes_on_after_the_feed_was_lost(room: Newsroom) -> None:
    """What changed while nothing was heard is told when it listens again."""
    await room.write("INSERT INTO stories VALUES (741, 'before', 'lost')")
    async with room.server.talk() as talk:
        await talk.begin("query @live { story(id: 741) { title } }")
        await talk.next()
        await room.write(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'plait plait_changes'"
        )
        await room.write("UPDATE stories SET title = 'after' WHERE id = 741")
        assert (await talk.next())["story"]["title"] == "after"


async def test_it_looks_again_while_a_source_fails(
    module_database: Callable[[], Awaitable[str]], redis_url: str
) -> None:
    """A failure is told, and so is what is there once it has passed, though nothing changed."""
    hasty = Serve(deadline_seconds=0.5)
    async with (
        running(module_database, redis_url, f"{uuid.uuid4().hex}:", serve=hasty) as room,
        room.server.talk() as talk,
    ):
        await room.write("INSERT INTO stories VALUES (743, 'slow', 'lock')")
        async with room.database.transaction():
            await room.write("LOCK TABLE stories IN ACCESS EXCLUSIVE MODE")
            await talk.begin("query @live { story(id: 743) { title } }")
            message = await talk.hear()
            (error,) = message["payload"]["errors"]
            assert error["extensions"]["code"] == "SOURCE_TIMEOUT"
        assert await talk.next() == {"story": {"title": "slow"}}


@pytest.mark.parametrize(
    ("live", "said"),
    [
        ("throttle: 9", "`@live(throttle:)` is 9; it takes 10 to 3600000 milliseconds."),
        ("poll: 999", "`@live(poll:)` is 999; it takes 1000 to 3600000 milliseconds."),
        ("poll: 3600001", "`@live(poll:)` is 3600001; it takes 1000 to 3600000 milliseconds."),
    ],
)
async def test_times_have_bounds(room: Newsroom, live: str, said: str) -> None:
    """What is wrong is named, and what would be right."""
    async with room.server.talk() as talk:
        assert await refused(talk, f"query @live({live}) {{ story(id: 1) {{ title }} }}") == said


async def test_it_may_be_off(room: Newsroom) -> None:
    """By a variable: then it is any query, and ends after its answer."""
    document = "query ($on: Boolean!) @live(if: $on) { story(id: 7) { title } }"
    async with room.server.talk() as talk:
        identity = await talk.begin(document, variables={"on": False})
        assert await talk.next() == {"story": None}
        assert await talk.hear() == {"type": "complete", "id": identity}


async def test_an_event_stream_is_live_and_a_plain_answer_is_not(room: Newsroom) -> None:
    """Deferred parts come whole; whoever takes one answer gets the first."""
    await room.write("INSERT INTO stories VALUES (751, 'a', 'sse')")
    document = "query @live { story(id: 751) { id ... @defer { title } } }"
    async with room.server.stream(document) as response:
        stream = Stream(response)
        for title in ("a", "b"):
            kind, body = await stream.event()
            assert (kind, body) == ("next", {"data": {"story": {"id": "751", "title": title}}})
            await room.write("UPDATE stories SET title = 'b' WHERE id = 751")
    async with room.server.session.post(room.server.url, json={"query": document}) as response:
        assert await response.json() == {"data": {"story": {"id": "751", "title": "b"}}}


async def test_its_plan_is_told_once(room: Newsroom) -> None:
    """`explain` shows the plan and does not wait for changes."""
    async with room.server.talk() as talk:
        await talk.begin(
            "query @live { story(id: 1) { title } }", extensions={"plait": {"explain": True}}
        )
        message = await talk.hear()
        assert "plan" in json.dumps(message["payload"]["extensions"])
        assert (await talk.hear())["type"] == "complete"
