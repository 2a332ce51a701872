"""Messages of Redis channels reach those whom the settings let listen, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from subscriptions.newsroom import KEYS
from subscriptions.speaking import until

if TYPE_CHECKING:
    from subscriptions.newsroom import Newsroom


async def publish(room: Newsroom, channel: str, data: bytes) -> int:
    """Publish once somebody listens to the channel; how many connections heard it."""
    received = 0
    while not received:
        received = await room.redis.publish(room.prefix + channel, data)
    return received


async def test_messages_arrive_with_their_channel(room: Newsroom) -> None:
    """A pattern hears its channels in order; JSON arrives as JSON, names as clients write them."""
    document = """subscription {
        stateMessages(namespace: WIRE, channel: "a*") { __typename channel value missed }
    }"""
    async with room.server.talk() as talk:
        await talk.begin(document)
        await publish(room, "wire:a%20b", b'{"x":\t[1, 2.50]}')
        await publish(room, "wire:a", b"null")
        heard = [(await talk.next())["stateMessages"] for _ in range(2)]
    assert heard == [
        {
            "__typename": "StateMessage",
            "channel": "a b",
            "value": {"x": [1, 2.5]},
            "missed": False,
        },
        {"__typename": "StateMessage", "channel": "a", "value": None, "missed": False},
    ]


async def test_a_message_that_is_no_json_fails_in_its_place(room: Newsroom) -> None:
    """The rest of the event is told, and the next one too."""
    document = 'subscription { stateMessages(namespace: WIRE, channel: "c") { channel value } }'
    async with room.server.talk() as talk:
        await talk.begin(document)
        await publish(room, "wire:c", b"not json")
        payload = (await talk.hear())["payload"]
        assert payload["data"] == {"stateMessages": {"channel": "c", "value": None}}
        (error,) = payload["errors"]
        assert error["path"] == ["stateMessages"] or error["path"] == ["stateMessages", "value"]
        assert error["extensions"]["code"] == "SOURCE_DATA"
        await publish(room, "wire:c", b"2")
        assert (await talk.next())["stateMessages"]["value"] == 2


async def test_only_roles_that_may_read_may_listen(room: Newsroom) -> None:
    """The guard of the namespace holds, and a pattern never leaves it."""
    document = """subscription S($channel: String!) {
        stateMessages(namespace: BOARD, channel: $channel) { channel value }
    }"""
    async with room.server.talk({"X-API-Key": KEYS["bob"]}) as talk:
        await talk.begin(document, variables={"channel": "x"})
        message = await talk.hear()
        assert message["payload"][0]["extensions"]["code"] == "FORBIDDEN"
    async with room.server.talk({"X-API-Key": KEYS["ann"]}) as talk:
        await talk.begin(document, variables={"channel": "*"})
        await publish(room, "board:plain", b"text as it is")
        assert (await talk.next())["stateMessages"] == {
            "channel": "plain",
            "value": "text as it is",
        }
        await room.redis.publish(f"{room.prefix}board:deeper:x", b"another's")
        await publish(room, "board:last", b"!")
        assert (await talk.next())["stateMessages"]["channel"] == "last"
        await talk.begin(document, variables={"channel": ""})
        message = await talk.hear()
        assert message["payload"][0]["message"] == "`channel` must not be empty."


async def test_one_connection_listens_for_all(room: Newsroom) -> None:
    """Subscribers of a channel share it; the last to leave ends the listening."""
    document = 'subscription { stateMessages(namespace: WIRE, channel: "many") { value } }'
    source = next(iter(room.gateway.registry.state.values()))
    async with room.server.talk() as talk:
        ids = {await talk.begin(document) for _ in range(30)}
        pattern = f"{room.prefix}wire:many".encode()
        await until(lambda: len(source.channels._listeners.get(pattern, ())) == len(ids))
        assert await publish(room, "wire:many", orjson.dumps({"n": 1})) == 1
        heard = [await talk.hear() for _ in ids]
    assert {message["id"] for message in heard} == ids
    await until(lambda: pattern not in source.channels._listeners)
