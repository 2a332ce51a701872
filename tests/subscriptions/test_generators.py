"""Asynchronous generators of a domain are subscriptions like any others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from subscriptions.newsroom import KEYS, PULSE
from subscriptions.speaking import Stream, until

from gateway import PlaitError

if TYPE_CHECKING:
    from subscriptions.newsroom import Newsroom


async def test_a_generator_is_answered_to_its_end(room: Newsroom) -> None:
    """Each value is an answer; the end completes the operation."""
    async with room.server.talk() as talk:
        one = await talk.begin(
            "subscription S($n: Int!) { n: countdown(start: $n) }", variables={"n": 3}
        )
        assert [(await talk.next(one))["n"] for _ in range(3)] == [3, 2, 1]
        assert await talk.hear() == {"type": "complete", "id": one}


async def test_references_are_read_by_the_planner(room: Newsroom) -> None:
    """A generator names rows by their keys, and what is asked of them is planned."""
    await room.write("INSERT INTO stories VALUES (901, 'one', 'home', 1), (902, 'two', 'home', 2)")
    document = "subscription { featured(ids: [901, 7, 902]) { title author { name } } }"
    async with room.server.talk() as talk:
        await talk.begin(document)
        heard = [(await talk.next())["featured"] for _ in range(3)]
    assert heard == [
        {"title": "one", "author": {"name": "Ann"}},
        None,
        {"title": "two", "author": {"name": "Bob"}},
    ]


async def test_objects_made_by_hand_are_completed(room: Newsroom) -> None:
    """What a generator said of a row is told so, and what is asked beyond that is read."""
    await room.write("INSERT INTO stories VALUES (903, 'one', 'home', 1)")
    async with room.server.talk() as talk:
        await talk.begin("subscription { retitled(ids: [903, 7]) { title author { name } } }")
        heard = [(await talk.next())["retitled"] for _ in range(2)]
    assert heard == [{"title": "New 903", "author": {"name": "Ann"}}, None]


async def test_leaving_closes_the_generator(room: Newsroom) -> None:
    """Its `finally` runs when the client completes, and when the connection ends."""
    async with room.server.talk({"X-API-Key": KEYS["bob"]}) as talk:
        one = await talk.begin("subscription { beats }")
        await talk.begin("subscription { beats }")
        await until(lambda: len(PULSE.queues) == 2)
        PULSE.send(1)
        assert [(await talk.next())["beats"] for _ in range(2)] == ["bob: 1", "bob: 1"]
        await talk.say("complete", id=one)
        await until(lambda: len(PULSE.queues) == 1)
    await until(lambda: not PULSE.queues)


async def test_errors_of_a_generator_end_it(room: Newsroom) -> None:
    """One of ours is told; any other is masked and found by its id."""
    async with room.server.talk() as talk:
        for error, code in (
            (PlaitError("The wire was cut."), "The wire was cut."),
            (RuntimeError("postgres://root:hunter2@db"), "Internal error."),
        ):
            await talk.begin("subscription { beats }")
            await until(lambda: len(PULSE.queues) == 1)
            PULSE.send(error)
            message = await talk.hear()
            assert message["type"] == "error"
            assert message["payload"][0]["message"] == code
            await until(lambda: not PULSE.queues)
        await talk.begin("subscription { refusing }")
        message = await talk.hear()
        assert (message["type"], message["payload"][0]["message"]) == ("error", "Not today.")


async def test_a_generator_as_an_event_stream(room: Newsroom) -> None:
    """Values are events `next`, and the end is `complete`."""
    async with room.server.stream("subscription { countdown(start: 2) }") as response:
        stream = Stream(response)
        heard = [await stream.event() for _ in range(3)]
        assert await stream.ended()
    assert heard == [
        ("next", {"data": {"countdown": 2}}),
        ("next", {"data": {"countdown": 1}}),
        ("complete", None),
    ]
