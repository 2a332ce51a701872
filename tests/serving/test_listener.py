"""A client that is slow, or says too much before its request, holds nothing for long."""

import asyncio
import contextlib
import io
import logging
import socket
import struct

import pytest
import uvicorn
import uvloop

from gateway.errors import ConfigurationError
from gateway.serving.listener import MAX_HEADERS, ListenerConfig, bind
from gateway.settings import Limits, Serve
from gateway.telemetry import configure_logging

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def echo(scope, receive, send):
    """Answers with the length of the body; `/early` before reading any, `/wait` when told."""
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    size, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["path"] == "/wait":
        await asyncio.sleep(0.3)  # longer than the time for a head: what the test is about
    body = b"%d" % size
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Gate:
    """Answers as `echo` does, once it is opened."""

    def __init__(self):
        self.waiting = 0
        self.opened = asyncio.Event()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            self.waiting += 1
            await self.opened.wait()
        await echo(scope, receive, send)


@contextlib.asynccontextmanager
async def serving(app=echo, **serve):
    """A running server; gives a function that connects to it, and knows the server."""
    listener = bind("127.0.0.1", 0)
    address = listener.getsockname()
    settings = Serve(**{"header_seconds": 0.15, "keep_alive_seconds": 30, **serve})
    config = ListenerConfig(app, settings, Limits(max_header_bytes=2048))
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve([listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.005)

    def connect():
        return asyncio.open_connection(*address)

    connect.server = server
    try:
        yield connect
    finally:
        server.should_exit = True
        await running
        listener.close()


async def everything(reader):
    """What arrives until the server closes; a reset after it is a close too."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := await asyncio.wait_for(reader.read(65536), 10):
            received += piece
    return received


async def test_requests_on_one_connection_are_answered():
    """The bounds do not touch clients that speak as usual, pipelined or one by one."""
    async with serving() as connect:
        reader, writer = await connect()
        for _ in range(3):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
        writer.write(REQUEST * 3)
        for _ in range(3):
            assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET", b"GET / HTTP/1.1\r\nhost: x\r\nslow: ", b"\r\n", REQUEST + b"GET /", b"\r\n\r\n"],
)
async def test_a_late_head_closes_the_connection(sent):
    """Whatever was sent, and wherever it stopped, the connection does not stay."""
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(sent)
        answered = await everything(reader)
        assert answered.count(b"HTTP/1.1 200") == sent.count(REQUEST)
        writer.close()


async def test_dripping_does_not_earn_time():
    """Bytes that complete nothing do not postpone the close."""
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\n")
        closed = asyncio.create_task(everything(reader))
        while not closed.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"a: b\r\n")
                await writer.drain()
            await asyncio.sleep(0.02)
        assert await closed in (b"", b"HTTP/1.1 431")
        writer.close()


async def test_an_answer_may_take_longer_than_a_head():
    """The time for a head does not run while a request is answered."""
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\n")
        assert (await everything(reader)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_body_may_take_longer_than_a_head():
    """How long a body may take is the application's business."""
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab")
        await asyncio.sleep(0.3)  # longer than the time for a head: what the test is about
        writer.write(b"cd")
        assert (await reader.readuntil(b"\r\n\r\n4")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_what_follows_an_early_answer_has_a_bound():
    """A client that goes on sending a refused body is cut off."""
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nab")
        assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
        closed = asyncio.create_task(everything(reader))
        while not closed.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"x")
                await writer.drain()
            await asyncio.sleep(0.02)
        assert await closed == b""
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nbig: " + b"a" * 3000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nendless: " + b"a" * 300_000,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    ],
    ids=["target", "header", "unfinished", "count"],
)
async def test_too_large_a_head_is_refused(head):
    """431, and the connection closed, without calling the application."""
    async with serving(header_seconds=30) as connect:
        reader, writer = await connect()
        for start in range(0, len(head), 1000):
            with contextlib.suppress(ConnectionError):
                writer.write(head[start : start + 1000])
                await writer.drain()
        answered = await everything(reader)
        assert answered.startswith(b"HTTP/1.1 431")
        assert b"200" not in answered
        writer.close()


@pytest.mark.parametrize("pad", [100, 1500], ids=["fits", "measured"])
async def test_a_head_after_a_pipelined_request_is_measured(pad):
    """The bound holds for a head that begins behind another request, in whatever pieces."""
    async with serving(header_seconds=30) as connect:
        reader, writer = await connect()
        writer.write(
            b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\na: " + b"a" * 1000
        )
        await writer.drain()
        await asyncio.sleep(0.05)  # so that the pieces arrive apart
        writer.write(b"a" * pad + b"\r\nconnection: close\r\n\r\n")
        answered = await everything(reader)
        assert (b"HTTP/1.1 431" in answered) == (pad == 1500)
        writer.close()


async def test_trailers_are_no_headers():
    """A proxy that checks or sets headers does not look at them; they are read and forgotten."""

    async def names(scope, receive, send):
        if scope["type"] == "http":
            while (await receive())["more_body"]:
                pass
            body = b" ".join(name for name, _ in scope["headers"])
            headers = [(b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        else:
            await echo(scope, receive, send)

    async with serving(names) as connect:
        reader, writer = await connect()
        for _ in range(2):
            writer.write(
                b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
                b"1\r\na\r\n0\r\nx-forwarded-for: 192.0.2.1\r\nx-api-key: other\r\n\r\n"
            )
            answer = await reader.read(65536)
            assert answer.endswith(b"\r\n\r\nhost transfer-encoding")
        writer.close()


async def test_an_answer_leaves_in_one_piece():
    """Head and body arrive together, the connection stays, and no line of it is logged.

    A target may hold a document with what its sender keeps to himself, and logging may be set up
    after the listener was.
    """
    before = logging.getLogger().handlers[:]
    heard = io.StringIO()
    try:
        async with serving() as connect:
            configure_logging(heard)
            reader, writer = await connect()
            for _ in range(2):
                writer.write(b"GET /?query={secret} HTTP/1.1\r\nhost: x\r\n\r\n")
                assert await reader.read(65536) == b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n0"
            writer.close()
    finally:
        logging.getLogger().handlers[:] = before
    assert "secret" not in heard.getvalue()


async def test_requests_under_way_are_answered_at_shutdown():
    """Those that were begun get their answers, then their connections end; nobody else gets in."""
    gate = Gate()
    async with serving(gate) as connect:
        begun = [await connect() for _ in range(20)]
        idle, other = await connect()
        for _, writer in begun:
            writer.write(b"GET /gate HTTP/1.1\r\nhost: x\r\n\r\n")
        while gate.waiting < len(begun):  # noqa: ASYNC110 - the gate offers no event for it
            await asyncio.sleep(0.005)
        connect.server.should_exit = True
        assert await everything(idle) == b""
        with pytest.raises(OSError, match="Connect call failed"):
            await connect()
        gate.opened.set()
        for reader, writer in begun:
            assert (await everything(reader)).endswith(b"0")
            writer.close()
        other.close()


class Deaf:
    """Answers a client that has left, and not before."""

    def __init__(self):
        self.begun = 0
        self.answered = asyncio.Event()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            self.begun += 1
            while (await receive())["type"] != "http.disconnect":
                pass
            scope = {**scope, "path": "/early"}
        await echo(scope, receive, send)
        self.answered.set()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["a", "uv"])
def test_a_reset_with_requests_in_line_is_told(loop, caplog):
    """To the one being answered, whose answer goes nowhere; the others are never begun."""

    async def reset():
        deaf = Deaf()
        async with serving(deaf) as connect:
            _, writer = await connect()
            writer.write(REQUEST * 3)
            while not deaf.begun:  # noqa: ASYNC110 - the application has no event for it
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)  # the others are in line by now, or the test shows less
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
            await asyncio.wait_for(deaf.answered.wait(), 10)
            assert deaf.begun == 1

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(reset())
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_an_answer_to_head_has_no_body():
    """The length is told, and nothing follows."""
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answered = await everything(reader)
        assert answered.startswith(b"HTTP/1.1 200")
        assert answered.endswith(b"\r\n\r\n")
        writer.close()


async def test_what_is_not_http_is_refused():
    """400, and the connection closed."""
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await everything(reader)).startswith(b"HTTP/1.1 400")
        writer.close()


@pytest.mark.parametrize("method", [b"GET / ", b"POST /early "])
@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"HTTP/1.1\r\n\r\n", 400),
        (b"HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n", 400),
        (
            b"HTTP/1.1\r\nHost: x\r\nconnection: upgrade\r\nhost: y\r\nupgrade: websocket\r\n\r\n",
            400,
        ),
        (b"HTTP/1.1\r\nHOST: x\r\nconnection: close\r\n\r\n", 200),
        (b"HTTP/1.0\r\n\r\n", 200),
        (b"HTTP/1.0\r\nhost: x\r\nhost: x\r\n\r\n", 400),
    ],
    ids=["none", "two", "two of an upgrade", "one", "none in 1.0", "two in 1.0"],
)
async def test_a_request_names_one_host(method, rest, status):
    """400 for none and for two, of which a proxy may have looked at the other (RFC 9112, 3.2)."""
    async with serving(header_seconds=5) as connect:
        reader, writer = await connect()
        writer.write(method + rest)
        assert int((await everything(reader)).split()[1]) == status
        writer.close()


def test_an_address_in_use_is_named():
    """The refusal says which port, and how to name another."""
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"port {port} .*--port"):
            bind("127.0.0.1", port)
