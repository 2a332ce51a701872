"""Limits and faults on the way to Directus, shown by a server of bytes."""

from __future__ import annotations

import asyncio
import gzip
from functools import partial
from typing import Any

import pytest
from standin import (
    READ,
    WRITE,
    Asked,
    Pieces,
    data,
    drip,
    refusal,
    reply,
    sending,
    soon,
    standing_in,
)

from gateway.errors import Code, SourceError
from gateway.settings import Secret
from gateway.settings.sources import Directus
from gateway.sources.directus.credentials import StaticToken
from gateway.sources.directus.sending import Sending
from gateway.sources.http import HttpService, Outgoing
from gateway.wiring import directus_sending

# Limits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
async def test_a_limited_read_waits_and_asks_again(status: int) -> None:
    """As long as `Retry-After` says; the read succeeds within its deadline."""
    answers = iter([refusal("REQUESTS_EXCEEDED", status, headers={"retry-after": "0"})] * 2)
    async with sending(lambda _: next(answers, reply({"data": 7}))) as (made, there):
        assert await data(made) == b"7"
        assert len(there.asked) == 3


async def test_beyond_the_deadline_nobody_waits() -> None:
    """The error says when to come back, and until then Directus is spared by all."""
    limited = refusal("REQUESTS_EXCEEDED", 429, headers={"retry-after": "30"})
    async with sending(lambda _: limited) as (made, there):
        for request in (READ, READ, WRITE):
            with pytest.raises(SourceError) as caught:
                await made.ask(request, soon(5))
            assert caught.value.code is Code.SOURCE_OVERLOADED
            assert 0 < caught.value.extensions["retryAfter"] <= 30
        assert len(there.asked) == 1


def _same(answer: bytes, _asked: Asked) -> bytes:
    return answer


async def test_a_write_is_never_sent_again() -> None:
    """Neither where it was limited, nor where the connection broke, nor after an error."""
    for answer in (
        refusal("REQUESTS_EXCEEDED", 429, headers={"retry-after": "0"}),
        refusal("SERVICE_UNAVAILABLE", 503),
        refusal("INTERNAL_SERVER_ERROR", 500),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
    ):
        async with sending(partial(_same, answer)) as (made, there):
            with pytest.raises(SourceError):
                await made.ask(WRITE, soon())
            assert len(there.asked) == 1


# Faults ------------------------------------------------------------------------------------------

PLANTED: dict[str, Any] = {
    "reason": "hunter2",
    "value": "hunter2",
    "field": "hunter2 x",
    "valid": "hunter2",
}

CODES = {
    ("FORBIDDEN", 403): Code.FORBIDDEN,
    ("INVALID_CREDENTIALS", 401): Code.CONFIGURATION,
    ("INVALID_TOKEN", 403): Code.CONFIGURATION,
    ("USER_SUSPENDED", 401): Code.CONFIGURATION,
    ("INVALID_QUERY", 400): Code.BAD_USER_INPUT,
    ("INVALID_PAYLOAD", 400): Code.BAD_USER_INPUT,
    ("FAILED_VALIDATION", 400): Code.BAD_USER_INPUT,
    ("VALUE_TOO_LONG", 400): Code.BAD_USER_INPUT,
    ("VALUE_OUT_OF_RANGE", 400): Code.BAD_USER_INPUT,
    ("UNPROCESSABLE_CONTENT", 422): Code.BAD_USER_INPUT,
    ("CONTENT_TOO_LARGE", 413): Code.BAD_USER_INPUT,
    ("RECORD_NOT_UNIQUE", 400): Code.CONSTRAINT_VIOLATION,
    ("INVALID_FOREIGN_KEY", 400): Code.CONSTRAINT_VIOLATION,
    ("NOT_NULL_VIOLATION", 400): Code.CONSTRAINT_VIOLATION,
    ("CONTAINS_NULL_VALUES", 400): Code.CONSTRAINT_VIOLATION,
    ("REQUESTS_EXCEEDED", 429): Code.SOURCE_OVERLOADED,
    ("LIMIT_EXCEEDED", 403): Code.SOURCE_OVERLOADED,
    ("SERVICE_UNAVAILABLE", 503): Code.SOURCE_UNAVAILABLE,
    ("UNDER_PRESSURE", 503): Code.SOURCE_UNAVAILABLE,
    ("INTERNAL_SERVER_ERROR", 500): Code.SOURCE_ERROR,
    ("ROUTE_NOT_FOUND", 404): Code.SOURCE_ERROR,
    ("SOMETHING_OF_AN_EXTENSION", 418): Code.SOURCE_ERROR,
    ("not a code: hunter2", 500): Code.SOURCE_ERROR,
}


@pytest.mark.parametrize(("code", "status"), CODES, ids=lambda one: str(one)[:20])
async def test_codes(code: str, status: int) -> None:
    """Each is the gateway's own, beside Directus's; nothing else of Directus's error leaves."""
    async with sending(lambda _: refusal(code, status, **PLANTED)) as (made, _):
        with pytest.raises(SourceError) as caught:
            await made.ask(WRITE, soon())
    error = caught.value
    assert error.code is CODES[code, status]
    told = f"{error.message} {error.extensions}"
    assert "hunter2" not in told
    assert "secret" not in told
    if not code.startswith("not"):
        assert error.extensions["directusCode"] == code


async def test_a_violation_names_its_field() -> None:
    """Directus's words for the collection and the field are told; the value is not."""
    answer = refusal("RECORD_NOT_UNIQUE", 400, collection="articles", field="slug", value="hunter2")
    async with sending(lambda _: answer) as (made, _):
        with pytest.raises(SourceError) as caught:
            await made.ask(WRITE, soon())
    assert caught.value.message == "An item with the same `slug` is there already."
    assert caught.value.extensions == {
        "code": "CONSTRAINT_VIOLATION",
        "directusCode": "RECORD_NOT_UNIQUE",
        "kind": "unique",
        "collection": "articles",
        "field": "slug",
    }


_HTML = reply(b"<html>hunter2</html>", content_type="text/html")
WRONG = {
    "HTML": (_HTML, Code.SOURCE_ERROR),
    "HTML of a proxy": (reply(b"<p>", 502, content_type="text/html"), Code.SOURCE_UNAVAILABLE),
    "HTML of a limiter": (reply(b"<p>", 429, content_type="text/html"), Code.SOURCE_OVERLOADED),
    "cut JSON": (reply(b'{"data":[{"id":1},{"i'), Code.SOURCE_ERROR),
    "cut body": (
        reply({"data": ["x" * 100]})[:-20],
        Code.SOURCE_UNAVAILABLE,
    ),
    "other JSON": (reply([1]), Code.SOURCE_ERROR),
    "no data": (reply({"meta": {}}), Code.SOURCE_ERROR),
    # What is left as bytes may be as deep as the stack allows: newer Pythons have no other limit.
    "deep JSON": (reply(b'{"errors":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), Code.SOURCE_ERROR),
    "no UTF-8": (reply(b'{"data":"\xff"}'), Code.SOURCE_ERROR),
    "too large": (reply({"data": "x" * 500_000}), Code.SOURCE_ERROR),
    "small until it is unpacked": (
        reply(gzip.compress(b'{"data":"' + b"x" * 20_000_000 + b'"}'), content_encoding="gzip"),
        Code.SOURCE_ERROR,
    ),
    "no HTTP": (b"SSH-2.0-OpenSSH_9\r\n", Code.SOURCE_UNAVAILABLE),
    "a redirect": (reply(b"", 302, location="http://127.0.0.1:1/"), Code.SOURCE_ERROR),
}


@pytest.mark.parametrize("name", WRONG)
async def test_answers_that_are_none(name: str) -> None:
    """Whatever comes is a typed error, without a word of it."""
    answer, code = WRONG[name]
    async with sending(lambda _: answer, max_bytes=450_000) as (made, _):
        with pytest.raises(SourceError) as caught:
            await made.ask(READ, soon())
    assert caught.value.code is code
    assert "hunter2" not in f"{caught.value.message} {caught.value.extensions}"


async def test_an_answer_without_an_end() -> None:
    """100 MB in pieces of no announced number: the connection is closed soon after the limit."""
    taken = 0

    async def pieces(_asked: Asked) -> Pieces:
        nonlocal taken
        yield b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        while taken < 100_000_000:
            taken += 100_000
            yield b"%x\r\n%b\r\n" % (100_000, b" " * 100_000)

    async with sending(pieces, max_bytes=450_000) as (made, _):
        with pytest.raises(SourceError) as caught:
            await made.ask(READ, soon())
    assert caught.value.code is Code.SOURCE_ERROR
    assert taken < 20_000_000


async def test_an_answer_that_drips() -> None:
    """Byte by byte, it is given up at the deadline."""
    async with sending(lambda _: drip(reply({"data": "x" * 10_000}))) as (made, _):
        with pytest.raises(SourceError) as caught:
            await made.ask(READ, soon(0.1))
    assert caught.value.code is Code.SOURCE_TIMEOUT


async def test_one_collection_that_fails_keeps_nobody_from_the_others() -> None:
    """However often in a row: Directus is asked for a ping, and gives one."""

    def answer(asked: Asked) -> bytes:
        if asked.path == "/server/ping":
            return reply(b"pong", content_type="text/html")
        if asked.path == READ.path:
            return refusal("INTERNAL_SERVER_ERROR", 500)
        return reply({"data": 7})

    async with standing_in(answer) as there:
        made = directus_sending("directus", Directus(url=Secret(there.url)))
        await made.open()
        async with asyncio.timeout(10):
            while "/server/ping" not in there.paths():
                with pytest.raises(SourceError, match="reported an error"):
                    await made.ask(READ, soon())
        for _ in range(3):
            with pytest.raises(SourceError, match="reported an error"):
                await made.ask(READ, soon())
            assert await data(made, Outgoing("GET", "/items/authors")) == b"7"
        assert there.paths().index("/server/ping") >= 5, "five failures in a row"
        await made.close()


async def test_nobody_there() -> None:
    """A Directus that is down is told so, and spared after a while."""
    service = HttpService("directus", "http://127.0.0.1:9")
    made = Sending(service, StaticToken())
    await made.open()
    said: list[bool] = []
    async with asyncio.timeout(10):
        while not any(said):
            with pytest.raises(SourceError) as caught:
                await made.ask(READ, soon())
            assert caught.value.code is Code.SOURCE_UNAVAILABLE
            said.append("spared" in caught.value.message)
    assert len(said) > 5
    await made.close()
