"""graphql-transport-ws as its protocol has it, and what happens to those who do not speak it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest
from subscriptions.scripted_streams import GOOD, Script, speaking
from subscriptions.speaking import PROTOCOL, SECONDS, Talk, until

from gateway.serving.websockets import MOST_FRAGMENTS, MOST_PINGS, QuietWebSocketProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from subscriptions.speaking import Served


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def server(script: Script) -> AsyncIterator[Served]:
    async with speaking(script) as running:
        yield running


async def test_answers_then_complete(server: Served, script: Script) -> None:
    """Operations of one connection are answered side by side, each under its id."""
    async with server.talk() as talk:
        await talk.say("subscribe", id="a", payload={"query": "count 2"})
        await talk.say("subscribe", id='ä"1', payload={"query": "count 1"})
        heard = [await talk.hear() for _ in range(5)]
    for identity, numbers in (("a", [0, 1]), ('ä"1', [0])):
        mine = [message for message in heard if message["id"] == identity]
        assert [m["payload"]["data"] for m in mine[:-1]] == numbers
        assert mine[-1] == {"id": identity, "type": "complete"}
    await until(lambda: script.running == 0)


async def test_errors_end_an_operation_and_no_other(server: Served) -> None:
    """Before the first answer and after it; what is not ours is masked."""
    async with server.talk() as talk:
        for document, answers, message in (
            ("refuse", 0, "No."),
            ("break it", 1, "Broken."),
            ("break", 1, "Internal error."),
        ):
            await talk.begin(document)
            for _ in range(answers):
                await talk.next()
            error = await talk.hear()
            assert error["type"] == "error"
            assert error["payload"][0]["message"] == message
        await talk.begin("count 1")
        assert await talk.next() == 0


async def test_completing_ends_the_work_and_frees_the_id(server: Served, script: Script) -> None:
    """Nothing more comes for it, and the id may be used anew at once."""
    async with server.talk() as talk:
        await talk.say("subscribe", id="x", payload={"query": "wait"})
        await until(lambda: script.running == 1)
        await talk.say("complete", id="x")
        await talk.say("subscribe", id="x", payload={"query": "count 1"})
        assert await talk.next("x") == 0
        assert await talk.hear() == {"id": "x", "type": "complete"}
        await talk.say("complete", id="never begun")
        await talk.say("ping")
        assert await talk.hear() == {"type": "pong"}
    await until(lambda: script.running == 0)


async def test_a_thousand_pings(server: Served) -> None:
    """Each is answered with its payload, in order; pongs are taken in silence."""
    async with server.talk() as talk:
        for number in range(1_000):
            await talk.say("ping", payload={"n": number})
            await talk.say("pong")
        for number in range(1_000):
            assert await talk.hear() == {"type": "pong", "payload": {"n": number}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '{"type":"start"}',
        '{"type":"next","id":"1","payload":{}}',
        '{"type":"connection_ack"}',
        '{"type":"subscribe","payload":{"query":"count 1"}}',
        '{"type":"subscribe","id":7,"payload":{"query":"count 1"}}',
        '{"type":"subscribe","id":"","payload":{"query":"count 1"}}',
        '{"type":"subscribe","id":"1"}',
        '{"type":"subscribe","id":"1","payload":{"query":1}}',
        '{"type":"subscribe","id":"1","payload":{"query":"x","variables":[]}}',
        '{"type":"complete"}',
        '{"type":"ping","payload":"x"}',
        '{"type":"subscribe","id":"' + "i" * 257 + '","payload":{"query":"count 1"}}',
        "[" * 100_000,
    ],
)
async def test_a_malformed_message_ends_the_connection(server: Served, text: str) -> None:
    """4400, with a reason; nothing else is said."""
    async with server.talk() as talk:
        await talk.socket.send_str(text)
        code, reason = await talk.closed()
    assert code == 4400
    assert reason


async def test_binary_messages_are_refused(server: Served) -> None:
    """Messages are text."""
    async with server.talk() as talk:
        await talk.socket.send_bytes(b'{"type":"ping"}')
        assert await talk.closed() == (4400, "Messages are text")


@pytest.mark.parametrize("bracket", ["[", "{"])
async def test_a_message_holds_no_more_than_a_body(server: Served, bracket: str) -> None:
    """As many objects and lists as over HTTP, told before any of them is decoded."""
    async with server.talk() as talk:
        await talk.say("ping", payload={"text": bracket * 65_530})
        assert (await talk.hear())["type"] == "pong"
        await talk.say("ping", payload={"text": bracket * 65_535})
        assert await talk.closed() == (4400, "A message has at most 65536 opening brackets")


async def test_deep_variables_are_refused_as_over_http(server: Served) -> None:
    """An error of the operation; the connection lives on."""
    deep: object = 1
    for _ in range(80):
        deep = [deep]
    async with server.talk() as talk:
        await talk.begin("count 1", variables={"deep": deep})
        assert "deeper" in (await talk.hear())["payload"][0]["message"]
        await talk.say("ping")
        assert await talk.hear() == {"type": "pong"}


async def test_messages_have_a_size(script: Script) -> None:
    """A larger one ends the connection with 1009, and with it its operations."""
    async with speaking(script, max_body_bytes=2_000) as server, server.talk() as talk:
        await talk.begin("wait")
        await talk.begin("x" * 3_000)
        assert (await talk.closed())[0] == 1009
        await until(lambda: script.running == 0)


@pytest.mark.parametrize("protocols", [("graphql-ws",), ("soap",), ()])
async def test_other_protocols_are_refused(server: Served, protocols: tuple[str, ...]) -> None:
    """Also the legacy one of the same name as today's library."""
    async with server.session.ws_connect(server.url, protocols=protocols) as connected:
        await asyncio.wait_for(connected.receive(), SECONDS)
        assert connected.close_code == 4406
        assert connected.protocol is None


async def test_the_first_of_several_protocols_that_is_ours(server: Served) -> None:
    """A client may offer both."""
    async with await server.socket("graphql-ws", PROTOCOL) as connected:
        assert connected.protocol == PROTOCOL


async def test_a_connection_must_be_initialised_in_time(script: Script) -> None:
    """4408 for one that says nothing, or only pings."""
    async with speaking(script, init_seconds=0.05) as server, await server.socket() as connected:
        await connected.send_str('{"type":"ping"}')
        await asyncio.wait_for(connected.receive(), SECONDS)
        assert (await Talk(connected).closed())[0] == 4408


async def test_operations_come_after_the_initialisation(server: Served) -> None:
    """4401 for one before, 4429 for a second initialisation, 4409 for an id in use."""
    async with await server.socket() as connected:
        talk = Talk(connected)
        await talk.begin("count 1")
        assert await talk.closed() == (4401, "Unauthorized")
    async with server.talk() as talk:
        await talk.say("connection_init")
        assert (await talk.closed())[0] == 4429
    async with server.talk() as talk:
        for _ in range(2):
            await talk.say("subscribe", id="x", payload={"query": "wait"})
        assert await talk.closed() == (4409, "Subscriber for x already exists")


async def test_credentials_of_the_initialisation(server: Served) -> None:
    """By their header's name or below `headers`, else those of the request; wrong ones are 4403."""
    for payload, headers in (
        ({"Authorization": GOOD}, None),
        ({"headers": {"authorization": GOOD}}, None),
        (None, {"Authorization": GOOD}),
        ({"Authorization": GOOD}, {"Authorization": "bad"}),
    ):
        async with server.talk(payload, headers) as talk:
            await talk.begin("who")
            assert await talk.next() == GOOD
    async with await server.socket() as connected:
        talk = Talk(connected)
        await talk.say("connection_init", payload={"Authorization": "bad"})
        assert await talk.closed() == (4403, "The token has expired; get a new one.")


@pytest.mark.parametrize(
    "payload", [{"a": "x" * 40_000, "b": "x" * 40_000}, {"x" * 40_000: "", "y" * 40_000: ""}]
)
async def test_credentials_have_a_size(server: Served, payload: dict[str, str]) -> None:
    """They are kept as long as the connection, and so are their names."""
    async with await server.socket() as connected:
        talk = Talk(connected)
        await talk.say("connection_init", payload=payload)
        assert await talk.closed() == (4400, "Credentials have at most 65536 bytes")


@pytest.mark.parametrize("text", ["a\r\nb: c", "a\nb", "\0", "a\x7f"])
@pytest.mark.parametrize("named", [True, False])
async def test_credentials_are_what_headers_can_be(
    server: Served, text: str, *, named: bool
) -> None:
    """Where they go on to an upstream, none of them becomes a header more."""
    async with await server.socket() as connected:
        talk = Talk(connected)
        await talk.say("connection_init", payload={text: "x"} if named else {"x": text})
        code, reason = await talk.closed()
    assert (code, reason.partition(" or ")[0]) == (4400, "Credentials hold no line breaks")


async def test_credentials_that_expire_end_everything(script: Script) -> None:
    """Each operation with a typed error, then the connection with 4403; at an event, or idle."""
    async with speaking(script, recheck_seconds=3600) as server, server.talk() as talk:
        await talk.begin("each")
        await talk.begin("wait")
        script.wake.set()
        await talk.next()
        script.valid = False
        script.wake.set()
        errors = [await talk.hear() for _ in range(2)]
        assert {error["id"] for error in errors} == {"1", "2"}
        assert {error["type"] for error in errors} == {"error"}
        assert errors[0]["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await talk.closed())[0] == 4403
    script.valid = True
    async with speaking(script, recheck_seconds=0.02) as server, server.talk() as talk:
        await talk.begin("wait")
        script.valid = False
        assert (await talk.hear())["type"] == "error"
        assert (await talk.closed())[0] == 4403
    await until(lambda: script.running == 0)


async def test_operations_of_a_connection_are_bounded(script: Script) -> None:
    """One too many is refused by an error of its own; where one ends there is room again."""
    async with speaking(script, operations=2) as server, server.talk() as talk:
        first = await talk.begin("wait")
        await talk.begin("wait")
        third = await talk.begin("count 1")
        message = await talk.hear()
        assert (message["id"], message["type"]) == (third, "error")
        code = message["payload"][0]["extensions"]["code"]
        assert code == "SUBSCRIPTION_LIMIT_EXCEEDED"
        assert script.traffic.refused == {code: 1}
        assert script.traffic.connections == {"websocket": 1}
        await talk.say("complete", id=first)
        await talk.begin("count 1")
        assert await talk.next() == 0


async def test_connections_of_a_process_are_bounded(script: Script) -> None:
    """One too many is closed with 1013; where one ends there is room again."""
    async with speaking(script, connections=1) as server:
        async with server.talk(), await server.socket() as second:
            assert (await Talk(second).closed())[0] == 1013
        async with await server.socket() as third:
            talk = Talk(third)
            await talk.say("connection_init")
            message = await asyncio.wait_for(third.receive(), SECONDS)
            assert message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.CLOSE}


async def test_connections_of_a_client_are_bounded(script: Script) -> None:
    """One too many is closed with 1008, by its address before it has said who it is.

    Who is somebody else has room of its own; where one ends there is room again.
    """
    known = {"authorization": GOOD}
    async with speaking(script, per_client=1, init_seconds=SECONDS) as server:
        async with server.talk(headers=known):
            async with await server.socket() as silent, await server.socket() as second:
                assert (await Talk(second).closed())[0] == 1008
                await silent.close()
            await until(lambda: script.traffic.connections == {"websocket": 1})
            async with await server.socket(headers=known) as again:
                talk = Talk(again)
                await talk.say("connection_init")
                assert (await talk.closed())[0] == 1008
            await until(lambda: script.traffic.connections == {"websocket": 1})
            async with server.talk():
                assert script.traffic.connections == {"websocket": 2}
        await until(lambda: script.traffic.connections == {"websocket": 0})
        async with server.talk(headers=known) as talk:
            await talk.begin("count 1")
            assert await talk.next() == 0


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
        ("http://a\u2100b", 403),
        ("https://app.example", 101),
        ("own", 101),
    ],
)
async def test_pages_of_other_sites_are_refused(script: Script, origin: str, status: int) -> None:
    """A browser says whose page opens the connection; without one nobody is a browser."""
    async with speaking(script, origins=frozenset({"https://app.example"})) as server:
        given = f"http://127.0.0.1:{server.port}" if origin == "own" else origin
        if status == 101:
            async with await server.socket(headers={"Origin": given}) as connected:
                assert connected.protocol == PROTOCOL
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await server.socket(headers={"Origin": given})
            assert refused.value.status == status


async def _raw(server: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket by hand, of a client with little room."""
    raw = socket.create_connection(("127.0.0.1", server.port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)  # noqa: FBT003 - the socket module has it so
    reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
    writer.write(
        f"GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        f"sec-websocket-version: 13\r\nsec-websocket-key: {'a' * 22}==\r\n"
        f"sec-websocket-protocol: {PROTOCOL}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def _frame(head: int, payload: bytes = b"") -> bytes:
    """A short frame with its opcode, masked by nothing."""
    return bytes([head, 0x80 | len(payload)]) + bytes(4) + payload


def _connections(server: Served) -> list[QuietWebSocketProtocol]:
    """The server's ends of its WebSockets."""
    live = server.server.server_state.connections
    return [one for one in live if isinstance(one, QuietWebSocketProtocol)]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (_frame(0x89) * (MOST_PINGS + 1), b"Too many pings"),
        (_frame(0x8A, b"x") * (MOST_PINGS + 1), b"Too many pings"),
        (_frame(0x01, b"x") + _frame(0x00) * MOST_FRAGMENTS, b"Too many fragments"),
        (_frame(0x01, b"x") + _frame(0x00, b"x") * MOST_FRAGMENTS, b"Too many fragments"),
    ],
)
async def test_a_flood_of_frames_ends_the_connection(
    server: Served, sent: bytes, reason: bytes
) -> None:
    """Each costs time, and some of them memory, whether or not there is ever a message."""
    reader, writer = await _raw(server)
    writer.write(sent)
    received = await asyncio.wait_for(reader.read(-1), SECONDS)
    assert received.endswith(bytes([0x88, 2 + len(reason)]) + (1008).to_bytes(2) + reason)
    writer.close()


async def test_others_have_a_turn_between_the_messages_of_one_client(server: Served) -> None:
    """However many came at once; none of them is lost, nor is a message in many pieces."""
    async with server.talk() as talk:
        (own,) = _connections(server)
        own.data_received(_frame(0x81, b'{"type":"pong"}') * 1_000)
        assert own.queue.qsize() < 100
        for number in range(3):
            await talk.say("ping", payload={"n": number, "long": "x" * 100_000})
            assert (await talk.hear())["payload"]["n"] == number


async def test_a_client_that_reads_nothing_is_cut_off(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its operations stop at once when its connection is full, and end after a while; others do not
    wait."""
    monkeypatch.setattr("gateway.serving.websockets.FAREWELL", 0.1)
    async with speaking(script, send_seconds=0.3, pings=30.0) as server:
        reader, writer = await _raw(server)
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # what a stuck client does
        for message in (
            {"type": "connection_init"},
            {
                "type": "subscribe",
                "id": "1",
                "payload": {"query": "flood"},
            },
        ):
            writer.write(_frame(0x81, json.dumps(message).encode()))
        await until(lambda: script.sent > 0)
        async with server.talk() as talk:
            await talk.begin("count 3")
            assert [await talk.next() for _ in range(3)] == [0, 1, 2]
        await until(lambda: script.running == 0)
        assert script.sent < 1_000
        assert script.traffic.slow == {"websocket": 1}
        assert script.traffic.sent["websocket"] >= 3
        await until(lambda: script.traffic.connections == {"websocket": 0})
        await until(lambda: not _connections(server))
        writer.transport.abort()


async def test_a_gateway_that_stops_says_so(script: Script) -> None:
    """Connections are closed with 1012, and their operations end."""
    async with speaking(script, drain=5) as server, server.talk() as talk:
        await talk.begin("wait")
        await until(lambda: script.running == 1)
        server.server.should_exit = True
        assert (await talk.closed())[0] == 1012
        await until(lambda: script.running == 0)


async def test_a_connection_that_breaks_ends_its_operations(script: Script) -> None:
    """Without a farewell, too."""
    async with speaking(script) as server, server.talk() as talk:
        await talk.begin("wait")
        await until(lambda: script.running == 1)
        talk.socket._response.connection.transport.abort()
        await until(lambda: script.running == 0)


async def test_addresses_stay_out_of_the_log(
    server: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """A query string may hold a token."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("gateway.serving.websockets").setLevel(logging.NOTSET)
        url = f"{server.url}?token=hunter2"
        async with server.session.ws_connect(url, protocols=(PROTOCOL,)) as connected:
            await Talk(connected).say("connection_init")
            await Talk(connected).hear()
    assert "hunter2" not in caplog.text
