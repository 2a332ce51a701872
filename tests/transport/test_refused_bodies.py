"""Who is refused while still sending hears why: by a real server, of clients of every manner."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
from footprint import forget, resident
from toy_engine import ToyEngine
from toy_site import serving

from gateway.transport.limits import HttpLimits

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toy_site import Server

SIZE = 12_000_000
LIMITS = HttpLimits(max_upload_bytes=2 * SIZE, max_files=1, body_seconds=20.0)
FORM = {"content-type": "multipart/form-data; boundary=x", "graphql-require-preflight": "1"}
JSON = {"content-type": "application/json"}
PART = b'--x\r\nContent-Disposition: form-data; name="%d"; filename="f"\r\n\r\n'

SMALL = replace(LIMITS, max_upload_bytes=SIZE - 1)
REFUSED: dict[str, tuple[HttpLimits, dict[str, str], bytes, int, str]] = {
    "no preflight": (LIMITS, {"graphql-require-preflight": ""}, b"", 400, "CSRF_REFUSED"),
    "a charset": (
        LIMITS,
        {"content-type": FORM["content-type"] + "; charset=utf-8"},
        b"",
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "compressed": (LIMITS, {"content-encoding": "gzip"}, b"", 415, "UNSUPPORTED_MEDIA_TYPE"),
    "too large": (SMALL, {}, PART % 1, 413, "PAYLOAD_TOO_LARGE"),
    "no uploads": (
        replace(LIMITS, max_upload_bytes=0),
        {},
        b"",
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "too many uploads": (replace(LIMITS, max_uploads=0), {}, b"", 503, "SOURCE_OVERLOADED"),
    "no such answer": (LIMITS, {"accept": "text/css"}, b"", 406, "NOT_ACCEPTABLE"),
    "too many files": (LIMITS, {}, PART % 1 + b"\r\n" + PART % 2, 400, "BAD_REQUEST"),
    "no form": (LIMITS, {}, b"what?", 400, "BAD_REQUEST"),
    "no boundary": (
        LIMITS,
        {"content-type": "multipart/form-data"},
        b"",
        400,
        "BAD_REQUEST",
    ),
    "JSON too large": (LIMITS, JSON, b"", 413, "PAYLOAD_TOO_LARGE"),
    "another type": (LIMITS, {"content-type": "text/plain"}, b"", 415, "UNSUPPORTED_MEDIA_TYPE"),
}


def request(name: str) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a request that is refused so."""
    _, headers, begin, *_ = REFUSED[name]
    given = {key: value for key, value in {**FORM, **headers}.items() if value}
    return given, begin + b"a" * (SIZE - len(begin))


def written_first(server: Server, headers: dict[str, str], sent: bytes) -> tuple[int, bytes]:
    """By the standard library's client, which reads nothing before all is written."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("POST", "/graphql", sent, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def in_chunks(server: Server, headers: dict[str, str], sent: bytes) -> tuple[int, bytes]:
    """Likewise, of a length that nobody was told."""

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(sent), 100_000):
            yield sent[start : start + 100_000]

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("POST", "/graphql", pieces(), headers, encode_chunked=True)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def by_socket(server: Server, headers: dict[str, str], sent: bytes) -> tuple[int, bytes]:
    """By hand, in pieces with a pause, and then till the connection ends, as it should."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /graphql HTTP/1.1\r\nhost: plait\r\n{lines}content-length: {len(sent)}\r\n\r\n"
    received = b""
    with server.connect() as connection:
        connection.sendall(head.encode() + sent[:1_000])
        time.sleep(0.05)
        connection.sendall(sent[1_000:])
        while chunk := connection.recv(65_536):
            received += chunk
    return int(received[9:12]), received.partition(b"\r\n\r\n")[2]


def by_httpx(server: Server, headers: dict[str, str], sent: bytes) -> tuple[int, bytes]:
    response = httpx.post(server.url, content=sent, headers={"accept": "*/*"} | headers, timeout=30)
    return response.status_code, response.content


def by_aiohttp(server: Server, headers: dict[str, str], sent: bytes) -> tuple[int, bytes]:
    async def ask() -> tuple[int, bytes]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(server.url, data=io.BytesIO(sent), headers=headers) as response,
        ):
            return response.status, await response.read()

    return asyncio.run(ask())


CLIENTS = (written_first, in_chunks, by_socket, by_httpx, by_aiohttp)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_reaches_who_is_still_sending(
    client: Callable[..., tuple[int, bytes]], name: str
) -> None:
    """Whatever the reason and whoever the client: no reset comes before the answer."""
    limits, *_, status, code = REFUSED[name]
    engine = ToyEngine()
    with serving(engine, limits) as server:
        answered, text = client(server, *request(name))
    assert (answered, json.loads(text)["errors"][0]["extensions"]["code"]) == (status, code)
    assert engine.requests == []


@pytest.mark.parametrize("expect", ["", "100-continue"])
async def test_curl_hears_why(tmp_path: Path, expect: str) -> None:
    """Also where it asks before it sends: then it need not send at all."""
    file = tmp_path / "file"
    file.write_bytes(b"a" * SIZE)
    with serving(ToyEngine(), LIMITS) as server:
        process = await asyncio.create_subprocess_exec(
            *("curl", "-sS", "-w", "%{http_code} %{size_upload}", "-H", f"Expect: {expect}"),
            *("-F", "operations={}", "-F", f"0=@{file}", server.url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        told, complaint = await asyncio.wait_for(process.communicate(), 30)
    assert complaint == b""
    text, status, sent = told.decode().replace("}400", "} 400").rsplit(" ", 2)
    assert json.loads(text)["errors"][0]["extensions"]["code"] == "CSRF_REFUSED"
    assert status == "400"
    assert int(sent) < SIZE or not expect


def test_nobody_waits_for_a_body_that_has_come() -> None:
    """A form that is wrong as a whole keeps its connection; the answer says nothing of closing."""
    sent = PART % 1 + b"\r\n--x--\r\n"
    with serving(ToyEngine(), LIMITS) as server, httpx.Client() as client:
        for _ in range(2):
            response = client.post(server.url, content=sent, headers=FORM)
            assert response.status_code == 400
            assert "connection" not in response.headers


def test_the_answer_does_not_wait_for_the_body() -> None:
    """Who reads while it sends has it at once, and may go."""
    with serving(ToyEngine(), LIMITS) as server, server.connect() as connection:
        head = f"POST /graphql HTTP/1.1\r\nhost: plait\r\ncontent-length: {SIZE}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 415")


@pytest.mark.parametrize("kind", ["much", "slow", "silent"])
def test_nobody_is_heard_out_for_ever(kind: str) -> None:
    """Neither by how much comes, nor by how slowly, nor where nothing comes at all."""
    seconds = 0.3 if kind == "slow" else 20.0
    limits = replace(LIMITS, body_seconds=seconds)
    with serving(ToyEngine(), limits) as server, server.connect() as connection:
        head = b"POST /graphql HTTP/1.1\r\nhost: plait\r\ncontent-length: 900000000\r\n\r\n"
        connection.sendall(head)
        before = resident("VmRSS")
        forget()
        if kind == "silent":
            while connection.recv(65_536):
                pass
            return
        sent = _until_cut_off(connection, 1 if kind == "slow" else 1_000_000)
        assert sent < 100_000_000
        assert resident("VmHWM") - before < 20_000_000


def _until_cut_off(connection: socket.socket, size: int) -> int:
    """How many bytes go out until the server closes."""
    sent = 0
    try:
        while sent < 900_000_000:
            connection.sendall(b"a" * size)
            sent += size
            if size == 1:
                time.sleep(0.01)
    except OSError:
        pass
    return sent
