"""Changed rows are told to those who may see them, in order, read anew by the planner."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import pytest
from subscriptions.newsroom import KEYS
from subscriptions.speaking import Stream

from gateway.execution.subscriptions.subscriptions import MAX_KEPT_BYTES

if TYPE_CHECKING:
    from subscriptions.newsroom import Newsroom

STORY = "{ storyChanged%s { operation id story { title author { name } } } }"


async def test_a_row_is_followed_through_its_life(room: Newsroom) -> None:
    """Insert, update and delete, with what is selected below, as it is after each of them."""
    async with room.server.talk() as talk:
        one = await talk.begin("subscription " + STORY % '(id: "1")')
        other = await talk.begin("subscription { storyChanged(id: 1) { __typename operation } }")
        await room.listening(2)
        await room.write("INSERT INTO stories VALUES (1, 'First', 'home', 1)")
        await room.write("UPDATE stories SET title = 'Second', author_id = NULL WHERE id = 1")
        await room.write("DELETE FROM stories WHERE id = 1")
        told: dict[str, list[dict[str, object]]] = {one: [], other: []}
        for _ in range(6):
            message = await talk.hear()
            told[message["id"]].append(message["payload"]["data"]["storyChanged"])
    assert [change["operation"] for change in told[one]] == ["INSERT", "UPDATE", "DELETE"]
    assert told[one][2] == {"operation": "DELETE", "id": "1", "story": None}
    assert told[other][0] == {"__typename": "StoryChange", "operation": "INSERT"}


async def test_many_subscribers_hear_the_same_in_order(room: Newsroom) -> None:
    """Every subscriber gets every change once, in the order of commits; a key's reads are shared."""
    document = 'subscription { storyChanged(where: {desk: {eq: "sport"}}) { story { title } } }'
    async with room.server.talk() as first, room.server.talk() as second:
        ids = [(talk, await talk.begin(document)) for talk in (first, second) for _ in range(20)]
        await room.listening(40)
        before = room.gateway.fresh or room.gateway.groups
        sent = before["postgres"].figures()["sent"]
        for number in range(10):
            await room.write(
                "INSERT INTO stories VALUES ($1, $2, 'sport', 1)", 100 + number, f"{number}"
            )
        told: dict[tuple[int, str], list[str]] = {}
        for talk in (first, second):
            for _ in range(200):
                message = await talk.hear()
                title = message["payload"]["data"]["storyChanged"]["story"]["title"]
                told.setdefault((id(talk), message["id"]), []).append(title)
        sent = before["postgres"].figures()["sent"] - sent
    assert len(told) == len(ids)
    assert all(titles == [str(number) for number in range(10)] for titles in told.values())
    assert sent < 200  # 40 subscribers, 10 changes, a probe and a read each


@pytest.mark.parametrize(
    ("desk", "one", "other"),
    [({"eq": "arts"}, 11, 12), ({"istartsWith": "ART", "contains": "rt"}, 13, 14)],
)
async def test_where_lets_through_rows_that_are_like_it_now(
    room: Newsroom, desk: dict[str, str], one: int, other: int
) -> None:
    """A row that is not like the condition after a change is not told of; a variable may say it."""
    document = """subscription S($where: StoryWhere) {
        storyChanged(where: $where) { operation story { id } }
    }"""
    async with room.server.talk() as talk:
        await talk.begin(document, variables={"where": {"desk": desk}})
        await room.listening(1)
        heard = []
        for statements in (
            ["INSERT INTO stories VALUES ($1, 'x', 'home', 1), ($2, 'y', 'arts', 1)"],
            ["UPDATE stories SET desk = 'arts' WHERE id = $1 AND id <> $2"],
            [
                "UPDATE stories SET desk = 'home' WHERE id = $2 AND id <> $1",
                "DELETE FROM stories WHERE id = $2 AND id <> $1",
            ],
        ):
            for statement in statements:
                await room.write(statement, one, other)
            heard.append((await talk.next())["storyChanged"])
    assert heard == [
        {"operation": "INSERT", "story": {"id": f"{other}"}},
        {"operation": "UPDATE", "story": {"id": f"{one}"}},
        {"operation": "DELETE", "story": None},
    ]


async def test_rows_a_viewer_may_not_see_are_not_told_of(room: Newsroom) -> None:
    """A row rule holds for events: not even that something happened is told, nor a deletion."""
    document = "subscription { memoChanged { operation id memo { text } } }"
    mine, theirs, last = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
    async with room.server.talk({"X-API-Key": KEYS["ann"]}) as talk, room.server.talk() as nobody:
        await talk.begin(document)
        await nobody.begin(document)
        await room.listening(2)
        insert = "INSERT INTO memos VALUES ($1, $2, $3)"
        await room.write(insert, mine, "ann", "for me")
        heard = [(await talk.next())["memoChanged"]]
        await room.write(insert, theirs, "bob", "not for her")
        await room.write("UPDATE memos SET owner = 'bob' WHERE id = $1", mine)
        await room.write("DELETE FROM memos")
        await room.write(insert, last, "ann", "the last")
        heard.append((await talk.next())["memoChanged"])
        await nobody.say("ping")
        assert await nobody.hear() == {"type": "pong"}
    assert heard == [
        {"operation": "INSERT", "id": mine, "memo": {"text": "for me"}},
        {"operation": "INSERT", "id": last, "memo": {"text": "the last"}},
    ]


async def test_keys_of_several_columns(room: Newsroom) -> None:
    """All columns of the key are told, and pick a row together or not at all."""
    document = (
        'subscription { tagChanged(storyId: 7, name: "war") { storyId name tag { weight } } }'
    )
    async with room.server.talk() as talk:
        await talk.begin(document)
        await room.listening(1)
        await room.write("INSERT INTO tags VALUES (7, 'peace', 1), (7, 'war', 2), (8, 'war', 3)")
        assert (await talk.next())["tagChanged"] == {
            "storyId": "7",
            "name": "war",
            "tag": {"weight": 2},
        }
        await talk.begin("subscription { tagChanged(storyId: 7) { name } }")
        (error,) = (await talk.hear())["payload"]
    assert error["message"] == "Give all of `storyId`, `name`, or none."


async def test_plain_resolvers_and_aliases_below_an_event(room: Newsroom) -> None:
    """What graphql-core walks is walked, with the planned fields spliced among it."""
    document = """subscription {
        it: storyChanged(id: 21) { what: operation a: story { shout author { name } } b: story { id } }
    }"""
    async with room.server.talk() as talk:
        await talk.begin(document)
        await room.listening(1)
        await room.write("INSERT INTO stories VALUES (21, 'quiet', 'home', 2)")
        assert await talk.next() == {
            "it": {
                "what": "INSERT",
                "a": {"shout": "QUIET", "author": {"name": "Bob"}},
                "b": {"id": "21"},
            }
        }


async def test_who_knows_not_which_rows_is_told_to_read_anew(room: Newsroom) -> None:
    """A bulk change or a truncation is one REFRESH; for a chosen row it brings that row."""
    async with room.server.talk() as talk:
        every = await talk.begin("subscription { storyChanged { operation id story { id } } }")
        one = await talk.begin(
            "subscription { storyChanged(id: 5000) { operation id story { desk } } }"
        )
        await room.listening(2)
        await room.write(
            "INSERT INTO stories SELECT n, 't', 'bulk', 1 FROM generate_series(5000, 5600) n"
        )
        told = {(message := await talk.hear())["id"]: message["payload"]["data"] for _ in range(2)}
    assert told[every] == {"storyChanged": {"operation": "REFRESH", "id": None, "story": None}}
    assert told[one] == {
        "storyChanged": {"operation": "REFRESH", "id": "5000", "story": {"desk": "bulk"}}
    }


async def test_rows_of_one_statement_come_one_by_one(room: Newsroom) -> None:
    """A hundred and fifty rows are as many answers, in the order in which the feed tells them."""
    async with room.server.talk() as talk:
        await talk.begin("subscription { storyChanged { id story { title } } }")
        await room.listening(1)
        await room.write(
            "INSERT INTO stories SELECT n, 't' || n, 'x', 1 FROM generate_series(6000, 6149) n"
        )
        heard = [(await talk.next())["storyChanged"] for _ in range(150)]
    assert heard == [{"id": f"{n}", "story": {"title": f"t{n}"}} for n in range(6000, 6150)]


async def test_a_field_for_some_is_refused_to_others(room: Newsroom) -> None:
    """Roles hold for subscriptions as for queries."""
    document = "subscription { secretChanged { operation } }"
    codes = []
    for payload in (None, {"X-API-Key": KEYS["bob"]}):
        async with room.server.talk(payload) as talk:
            await talk.begin(document)
            message = await talk.hear()
            assert message["type"] == "error"
            codes.append(message["payload"][0]["extensions"]["code"])
    assert codes == ["UNAUTHENTICATED", "FORBIDDEN"]
    async with room.server.talk({"headers": {"x-api-key": KEYS["ann"]}}) as talk:
        await talk.begin(document)
        await room.listening(1)
        await room.write("INSERT INTO stories VALUES (31, 'x', 'home', 1)")
        assert await talk.next() == {"secretChanged": {"operation": "INSERT"}}


async def test_queries_travel_over_the_same_connection(room: Newsroom) -> None:
    """A query is answered once and completed; a wrong document is an error of its own."""
    await room.write("INSERT INTO stories VALUES (41, 'x', 'home', 1)")
    async with room.server.talk() as talk:
        one = await talk.begin("{ story(id: 41) { title } }")
        assert await talk.next(one) == {"story": {"title": "x"}}
        assert await talk.hear() == {"type": "complete", "id": one}
        two = await talk.begin("{ nothing }")
        message = await talk.hear()
        assert (message["type"], message["id"]) == ("error", two)
        assert message["payload"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        await talk.begin("subscription { a: storyChanged { operation } b: tagChanged { name } }")
        message = await talk.hear()
        assert message["payload"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_the_plan_of_a_subscription_can_be_asked_for(room: Newsroom) -> None:
    """`explain` shows where events come from, and what each of them costs."""
    document = 'subscription { storyChanged(where: {desk: {eq: "x"}}) { story { title } } }'
    async with room.server.talk() as talk:
        await talk.begin(document, extensions={"plait": {"explain": True}})
        plan = (await talk.hear())["payload"]["extensions"]["plan"]
        assert (await talk.hear())["type"] == "complete"
    first, second = plan["waves"]
    assert first[0]["kind"] == "events"
    assert first[0]["request"] == {"changes": "stories"}
    paths = [path for fetch in second for path in fetch["paths"]]
    assert paths == ["storyChanged.visible", "storyChanged.story"]
    assert "desk" in second[0]["request"]["sql"]
    assert "desk" not in second[1]["request"]["sql"]


async def test_leaving_ends_what_was_begun(room: Newsroom) -> None:
    """Completing, and a connection that ends, leave no listener and no subscription behind."""
    async with room.server.talk() as talk:
        first = await talk.begin("subscription { storyChanged { operation } }")
        await talk.begin("subscription { tagChanged { name } }")
        await room.listening(2)
        await talk.say("complete", id=first)
        await room.listening(1)
    await room.listening(0)
    assert room.gateway.subscriptions.figures()["subscriptions"] == 0


async def test_changes_as_an_event_stream(room: Newsroom) -> None:
    """The same events arrive as server-sent events; leaving ends the subscription."""
    async with room.server.stream(
        "subscription { storyChanged(id: 51) { story { title } } }"
    ) as got:
        assert got.headers["content-type"] == "text/event-stream; charset=utf-8"
        stream = Stream(got)
        await room.listening(1)
        await room.write("INSERT INTO stories VALUES (51, 'a\nb', 'home', 1)")
        kind, data = await stream.event()
    assert (kind, data) == ("next", {"data": {"storyChanged": {"story": {"title": "a\nb"}}}})
    await room.listening(0)


async def test_plain_http_says_how_to_subscribe(room: Newsroom) -> None:
    """A subscription that is posted without an event stream is refused with what would be right."""
    body = {"query": "subscription { storyChanged { operation } }"}
    async with room.server.session.post(room.server.url, json=body) as response:
        answer = json.loads(await response.read())
    assert "text/event-stream" in answer["errors"][0]["message"]


@pytest.mark.parametrize("where", ['{nothing: {eq: "x"}}', "{desk: {eq: 1}}"])
async def test_wrong_arguments_are_refused_before_anything_is_listened_to(
    room: Newsroom, where: str
) -> None:
    """A condition that cannot be is an error of the operation, not of its events."""
    async with room.server.talk() as talk:
        await talk.begin(f"subscription {{ storyChanged(where: {where}) {{ operation }} }}")
        assert (await talk.hear())["type"] == "error"
    assert room.listeners == room.quiet


@pytest.mark.parametrize("place", ["variables", "extensions"])
async def test_what_is_kept_for_a_subscription_has_a_size(room: Newsroom, place: str) -> None:
    """Whatever it is for: thousands of subscriptions keep theirs."""
    document = "subscription ($w: StoryWhere) { storyChanged(where: $w) { operation } }"
    async with room.server.talk() as talk:
        await talk.begin(document, **{place: {"unknown": "x" * MAX_KEPT_BYTES}})
        (error,) = (await talk.hear())["payload"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "at most 65536 bytes" in error["message"]
    assert room.listeners == room.quiet


@pytest.mark.parametrize(
    "document",
    [
        "subscription { __typename }",
        "subscription { storyChanged @skip(if: true) { operation } }",
        "subscription S($yes: Boolean = true) { storyChanged @skip(if: $yes) { operation } }",
        "subscription { countdown(start: 1) @include(if: false) }",
    ],
)
async def test_a_subscription_without_a_field_is_refused(room: Newsroom, document: str) -> None:
    """There would be nothing to wait for."""
    async with room.server.talk() as talk:
        await talk.begin(document)
        message = await talk.hear()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
