"""A real server under raw sockets: floods, stalls, smuggling, and clients that walk away."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from footprint import forget, resident
from toy_engine import ToyEngine
from toy_site import serving

from gateway.transport.limits import HttpLimits

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

HEAD = "POST /graphql HTTP/1.1\r\nHost: plait\r\nContent-Type: application/json\r\n"


def everything(connection: socket.socket) -> bytes:
    """What the server sends until it closes; a timeout of the socket fails the test."""
    received = b""
    try:
        while chunk := connection.recv(65_536):
            received += chunk
    except ConnectionResetError:
        pass  # closed while we were still sending: what came before counts
    return received


def status_of(received: bytes) -> int:
    return int(received.split(b" ", 2)[1])


def code_of(received: bytes) -> str:
    body = json.loads(received.partition(b"\r\n\r\n")[2])
    return str(body["errors"][0]["extensions"]["code"])


def eventually(condition: Callable[[], bool]) -> None:
    """Poll until the condition holds; give up after ten seconds."""
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.005)


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + "Content-Length: 100\r\n\r\n",
        HEAD + 'Content-Length: 100\r\n\r\n{"query":',
        HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
def test_a_stalled_body_is_answered_408_and_closed(sent: str) -> None:
    """Whatever of it has come; the engine never hears of it."""
    engine = ToyEngine()
    with serving(engine, HttpLimits(body_seconds=0.1)) as server, server.connect() as connection:
        connection.sendall(sent.encode())
        received = everything(connection)
    assert status_of(received) == 408
    assert code_of(received) == "REQUEST_TIMEOUT"
    assert engine.requests == []


def test_a_dripping_body_does_not_extend_its_time() -> None:
    """A byte now and then keeps nothing open: the time is for the whole body."""
    engine = ToyEngine()
    with serving(engine, HttpLimits(body_seconds=0.2)) as server, server.connect() as connection:
        connection.sendall((HEAD + "Content-Length: 100000\r\n\r\n").encode())
        connection.setblocking(False)  # noqa: FBT003 - socket's own signature
        received = drip(connection, b" ")
    assert status_of(received) == 408


@pytest.mark.parametrize(
    "begun",
    ["", "POST", "POST /graphql HTTP/1.1\r\n", HEAD, HEAD + "X-Slow: a", "\r\n"],
)
def test_a_stalled_head_is_closed(begun: str) -> None:
    """Also a connection on which nothing comes at all, and one that only gets line ends."""
    with serving(ToyEngine(), header_seconds=0.1) as server, server.connect() as connection:
        connection.sendall(begun.encode())
        assert everything(connection) == b""


def test_a_head_that_stalls_on_a_used_connection_is_closed() -> None:
    """The second request of a connection has no more time than the first."""
    with serving(ToyEngine(), header_seconds=0.1) as server, server.connect() as connection:
        connection.sendall(request_of("{ echo }"))
        assert b'"echo":null' in connection.recv(65_536)
        connection.sendall(b"POST /graphql")
        assert everything(connection) == b""


def test_a_head_in_time_is_served_again_and_again() -> None:
    """The clock of the head stops when the head is whole: a slow answer is not its business."""
    engine = ToyEngine()
    limits = HttpLimits(answer_seconds=0.3, grace_seconds=0.0)
    with serving(engine, limits, header_seconds=0.1) as server, server.connect() as connection:
        for _ in range(2):
            connection.sendall(request_of("{ slow }"))
            assert b"504" in connection.recv(65_536)


@pytest.mark.parametrize(
    "head",
    [
        "GET /graphql HTTP/1.1\r\nHost: plait\r\nX-Big: " + "x" * 20_000 + "\r\n\r\n",
        "GET /graphql HTTP/1.1\r\nHost: plait\r\n" + "X-Many: x\r\n" * 2_000 + "\r\n",
        "GET /graphql?query=" + "x" * 20_000 + " HTTP/1.1\r\nHost: plait\r\n\r\n",
        "GET /graphql HTTP/1.1\r\nX-Endless: " + "x" * 20_000,
    ],
)
def test_a_head_beyond_its_limit_is_431(head: str) -> None:
    """However it grows, whether or not it ever ends."""
    engine = ToyEngine()
    with serving(engine) as server, server.connect() as connection:
        connection.sendall(head.encode())
        assert status_of(everything(connection)) == 431
    assert engine.requests == []


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Content-Type: application/json", 413),
        ("Content-Type: application/json\r\nContent-Encoding: gzip", 415),
        ("Content-Type: application/x-www-form-urlencoded", 415),
        ("Content-Type: multipart/form-data; boundary=x", 415),
        ("Content-Type: text/plain", 415),
    ],
)
def test_a_flood_of_body_is_refused_and_closed(
    headers: str, status: int, *, announced: bool
) -> None:
    """200 MB, announced or in chunks: refused at the limit or unread, in next to no memory."""
    engine = ToyEngine()
    with serving(engine) as server, server.connect() as connection:
        size = 200_000_000
        how = f"Content-Length: {size}" if announced else "Transfer-Encoding: chunked"
        head = f"POST /graphql HTTP/1.1\r\nHost: plait\r\n{headers}\r\n{how}\r\n\r\n"
        block = b"a=b&" * 16_384
        chunk = block if announced else b"10000\r\n" + block + b"\r\n"
        before = resident("VmRSS")
        forget()
        connection.sendall(head.encode())
        sent = 0
        try:
            while sent < size:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass  # closed on us, as it should be
        assert sent < 50_000_000
        assert resident("VmHWM") - before < 20_000_000
        received = everything(connection)
    assert not received or status_of(received) == status
    assert engine.requests == []


@pytest.mark.parametrize("slow", [False, True])
def test_who_sends_a_refused_form_hears_why(*, slow: bool) -> None:
    """Its body is read for a while though nobody wants it: no reset comes before the answer."""
    size = 3_000_000
    form = "Content-Type: multipart/form-data; boundary=x"
    head = f"POST /graphql HTTP/1.1\r\nHost: plait\r\n{form}\r\nContent-Length: {size}\r\n\r\n"
    limits = HttpLimits(max_upload_bytes=size)
    with serving(ToyEngine(), limits) as server, server.connect() as connection:
        connection.sendall(head.encode())
        for _ in range(0 if slow else size // 30_000):
            connection.sendall(b"a" * 30_000)
        received = everything(connection)
    assert (status_of(received), code_of(received)) == (400, "CSRF_REFUSED")


@pytest.mark.parametrize("begun", ["POST /graphql", HEAD + "Content-Length: 100\r\n\r\n{"])
def test_hundreds_of_slow_clients_hold_nobody_up(begun: str) -> None:
    """Of heads or bodies: others are answered meanwhile, and all of the slow ones are closed."""
    with serving(ToyEngine(), HttpLimits(body_seconds=2), header_seconds=2) as server:
        slow = [server.connect() for _ in range(200)]
        for connection in slow:
            connection.sendall(begun.encode())
        with httpx.Client() as client:
            for _ in range(50):
                answered = client.post(server.url, json={"query": "{ echo }"})
                assert answered.json() == {"data": {"echo": None}}
        closed = [everything(connection) for connection in slow]
        for connection in slow:
            connection.close()
    assert {received[:12] for received in closed} <= {b"", b"HTTP/1.1 408"}


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: 20\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 20\r\nContent-Length: 21\r\n",
        "Content-Length: 20\r\nContent-Length: 20\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: x\r\n",
        "Content-Length: +20\r\n",
        "Content-Length: 0x14\r\n",
        "Content-Length: 20, 20\r\n",
        "Content-Length : 20\r\n",
        "X-Folded: a\r\n b\r\nContent-Length: 20\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    ],
)
def test_ambiguous_lengths_are_400_and_closed(headers: str) -> None:
    """Nothing that two servers could read differently is read at all."""
    engine = ToyEngine()
    with serving(engine) as server, server.connect() as connection:
        connection.sendall((HEAD + headers + '\r\n{"query":"{ echo }"}').encode())
        assert status_of(everything(connection)) == 400
    assert engine.requests == []


CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n"
WHOLE = '14\r\n{"query":"{ echo }"}\r\n0\r\n'


def test_a_coded_transfer_is_415() -> None:
    """A proxy might have undone it, and read another request than we do."""
    engine = ToyEngine()
    with serving(engine) as server, server.connect() as connection:
        coded = CHUNKED.replace("chunked", "gzip, chunked")
        connection.sendall((coded + WHOLE + "\r\n").encode())
        assert status_of(everything(connection)) == 415
    assert engine.requests == []


@pytest.mark.parametrize(
    ("begun", "endless"),
    [
        (CHUNKED + WHOLE, "X-Trailer: a\r\n" * 4_096),
        (CHUNKED + WHOLE + "X-Trailer: ", "a" * 65_536),
        (CHUNKED + "14;", "a" * 65_536),
    ],
    ids=["trailers", "a trailer", "an extension"],
)
def test_a_flood_around_the_body_is_cut_off(begun: str, endless: str) -> None:
    """Where it is no part of the body, whose size is bounded: nothing of it is gathered."""
    engine = ToyEngine()
    with serving(engine) as server, server.connect() as connection:
        before = resident("VmRSS")
        forget()
        sent = 0
        try:
            connection.sendall(begun.encode())
            while sent < 200_000_000:
                connection.sendall(endless.encode())
                sent += len(endless)
        except OSError:
            pass  # closed on us, as it should be
        assert sent < 50_000_000
        assert resident("VmHWM") - before < 20_000_000
    assert engine.requests == []


@pytest.mark.parametrize("batch", [1, 3])
def test_a_client_that_leaves_takes_its_work_along(batch: int) -> None:
    """The engine's work is cancelled, for each member of a batch, while the server goes on."""
    engine = ToyEngine()
    with serving(engine, HttpLimits(answer_seconds=60)) as server:
        with server.connect() as connection:
            body = json.dumps([{"query": "{ slow }"}] * batch if batch > 1 else {"query": "{slow}"})
            connection.sendall(post_of(body.encode()))
            eventually(lambda: engine.waiting == batch)
        eventually(lambda: engine.cancelled == batch)
        assert httpx.get(server.url, params={"query": "{echo}"}).json() == {"data": {"echo": None}}


@pytest.mark.parametrize(("headers", "requests"), [("Connection: close\r\n", 1), ("", 1), ("", 3)])
def test_an_answer_that_nobody_reads_is_given_up(headers: str, requests: int) -> None:
    """Megabytes that wait for a client are not kept for as long as it likes, nor what is behind."""
    fields = " ".join(f"a{n}: echo(text: $t)" for n in range(18))
    query = {"query": f"query ($t: String) {{ {fields} }}", "variables": {"t": "x" * 900_000}}
    body = json.dumps(query).encode()
    head = f"{HEAD}{headers}Content-Length: {len(body)}\r\n\r\n".encode()
    engine = ToyEngine()
    with serving(engine, send_seconds=0.2) as server:
        state = server.server.server_state
        with server.connect() as connection:
            sent = (connection, (head + body) * requests)
            sender = threading.Thread(target=send_all, args=sent)
            sender.start()
            eventually(lambda: bool(engine.requests))
            eventually(lambda: not state.connections and not state.tasks)
            sender.join()


def send_all(connection: socket.socket, data: bytes) -> None:
    """Send, unless the server has enough of us."""
    with suppress(OSError):
        connection.sendall(data)


def test_a_client_that_leaves_during_its_body_is_forgotten() -> None:
    """No request, no error in the server's log, no connection kept."""
    engine = ToyEngine()
    with serving(engine) as server:
        with server.connect() as connection:
            connection.sendall((HEAD + "Content-Length: 100\r\n\r\n{").encode())
            eventually(lambda: len(server.server.server_state.tasks) == 1)
        eventually(lambda: not server.server.server_state.tasks)
    assert engine.requests == []


def test_a_refused_body_leaves_a_connection_that_others_can_use() -> None:
    """After a malformed but whole body the same connection serves on."""
    with serving(ToyEngine()) as server, httpx.Client() as client:
        for _ in range(3):
            refused = client.post(server.url, content=b"null", headers=JSON)
            assert refused.status_code == 400
            assert "connection" not in refused.headers
            answered = client.post(server.url, json={"query": "{ echo }"})
            assert answered.json() == {"data": {"echo": None}}


JSON = {"content-type": "application/json"}


def post_of(body: bytes) -> bytes:
    return f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body


def request_of(query: str) -> bytes:
    return post_of(json.dumps({"query": query}).encode())


def drip(connection: socket.socket, byte: bytes) -> bytes:
    """Send a byte now and then until the server closes; what it said."""
    received = b""
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        try:
            connection.send(byte)
        except BlockingIOError:
            pass
        except OSError:  # closed on us; what it said before may still be there
            return received + everything(connection)
        try:
            chunk = connection.recv(65_536)
        except BlockingIOError:
            time.sleep(0.01)
            continue
        except ConnectionResetError:
            return received
        if not chunk:
            return received
        received += chunk
    return received
