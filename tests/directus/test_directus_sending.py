"""Credentials, limits and faults on the way to Directus, shown by a server of bytes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from standin import Asked, Pieces, StandIn, drip, refusal, reply, standing_in

from gateway.errors import Code, SourceError
from gateway.sources.directus.credentials import CallersToken, Login, StaticToken
from gateway.sources.directus.sending import Sending
from gateway.sources.http import HttpService, Outgoing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gateway.sources.directus.credentials import Credentials

READ = Outgoing("GET", "/items/articles", repeatable=True)
WRITE = Outgoing("POST", "/items/articles", b"{}", {"content-type": "application/json"})
EMAIL, PASSWORD = "ann@example.com", "hunter2 of ann"


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Issuer:
    """Answers as Directus does to logins, renewals and reads; `valid` is the token it takes."""

    def __init__(self) -> None:
        self.number = 0
        self.valid: set[str] = set()
        self.renews = self.logs_in = True
        self.life = 900_000

    def __call__(self, asked: Asked) -> bytes:
        if asked.path in {"/auth/login", "/auth/refresh"}:
            return self._tokens(asked)
        if asked.headers.get("authorization") not in {f"Bearer {one}" for one in self.valid}:
            return refusal("TOKEN_EXPIRED", 401)
        return reply({"data": [asked.headers["authorization"]]})

    def _tokens(self, asked: Asked) -> bytes:
        if asked.path == "/auth/login":
            right = asked.json == {"email": EMAIL, "password": PASSWORD, "mode": "json"}
            allowed = self.logs_in and right
        else:
            allowed = self.renews and asked.json["refresh_token"] == f"refresh{self.number}"
        if not allowed:
            return refusal("INVALID_CREDENTIALS", 401)
        self.number += 1
        self.valid.add(f"token{self.number}")
        return reply(
            {
                "data": {
                    "access_token": f"token{self.number}",
                    "refresh_token": f"refresh{self.number}",
                    "expires": self.life,
                }
            }
        )


@asynccontextmanager
async def sending(
    answer: Callable[[Asked], bytes | Pieces],
    make: Callable[[HttpService], Credentials] = lambda _: StaticToken("a static token"),
    **options: Any,
) -> AsyncIterator[tuple[Sending, StandIn]]:
    """A `Sending` to a server of bytes."""
    async with standing_in(answer) as there:
        service = HttpService("directus", there.url, **options)
        made = Sending(service, make(service))
        await made.open()
        try:
            yield made, there
        finally:
            await made.close()


@asynccontextmanager
async def logged_in(issuer: Issuer, clock: Clock) -> AsyncIterator[tuple[Sending, StandIn]]:
    """The same with a login."""
    make: Any = lambda service: Login(service, EMAIL, PASSWORD, clock=clock)  # noqa: E731 - in one place
    async with sending(issuer, make) as found:
        yield found


def soon(seconds: float = 10.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def data(made: Sending, request: Outgoing = READ, **options: Any) -> bytes:
    return bytes((await made.ask(request, soon(), **options)).data)


# Credentials -------------------------------------------------------------------------------------


async def test_static_token() -> None:
    """It goes with every request; without one there is no header."""
    async with sending(lambda _: reply({"data": 1})) as (made, there):
        await data(made)
        assert there.asked[0].headers["authorization"] == "Bearer a static token"
    async with sending(lambda _: reply({"data": 1}), lambda _: StaticToken()) as (made, there):
        await data(made)
        assert "authorization" not in there.asked[0].headers


async def test_the_callers_token_goes_on() -> None:
    """Of the caller's headers only that one; who has none asks as the public."""
    async with sending(lambda _: reply({"data": 1}), lambda _: CallersToken()) as (made, there):
        await data(made, passed=(("authorization", "Bearer mine"), ("x-other", "1")))
        assert there.asked[0].headers["authorization"] == "Bearer mine"
        assert "x-other" not in there.asked[0].headers
        await data(made)
        assert "authorization" not in there.asked[1].headers
        assert made.viewer_slots


async def test_a_refused_caller_is_the_callers_affair() -> None:
    """The caller learns of it as of any bad credentials; of the gateway's own as of a setting."""
    expired = lambda _: refusal("TOKEN_EXPIRED", 401)  # noqa: E731 - in one place
    async with sending(expired, lambda _: CallersToken()) as (made, there):
        with pytest.raises(SourceError) as caught:
            await made.ask(READ, soon(), (("authorization", "Bearer old"),))
        assert caught.value.code is Code.UNAUTHENTICATED
        assert len(there.asked) == 1
    async with sending(expired) as (made, there):
        with pytest.raises(SourceError) as caught:
            await made.ask(READ, soon())
        assert caught.value.code is Code.CONFIGURATION
        assert len(there.asked) == 1


async def test_one_login_for_everybody() -> None:
    """Requests that wait for the first token share one login, and one that leaves ends none."""
    async with logged_in(Issuer(), Clock()) as (made, there):
        leaving = asyncio.create_task(data(made))
        waiting = [asyncio.create_task(data(made)) for _ in range(20)]
        await asyncio.sleep(0)
        leaving.cancel()
        assert set(await asyncio.gather(*waiting)) == {b'["Bearer token1"]'}
        assert there.paths().count("/auth/login") == 1


async def test_a_token_is_renewed_before_its_end() -> None:
    """Half a minute before, beside the requests; none waits while the old one holds."""
    clock = Clock()
    async with logged_in(Issuer(), clock) as (made, there):
        await data(made)
        clock.now += 869
        assert await data(made) == b'["Bearer token1"]'
        assert "/auth/refresh" not in there.paths()
        clock.now += 2
        assert await data(made) == b'["Bearer token1"]'
        async with asyncio.timeout(10):
            while await data(made) != b'["Bearer token2"]':
                continue
        assert there.paths().count("/auth/refresh") == 1
        assert there.paths().count("/auth/login") == 1


async def test_an_ended_token_is_not_used() -> None:
    """After its end all wait for the renewal, and the renewed pair replaces the old."""
    clock = Clock()
    async with logged_in(Issuer(), clock) as (made, there):
        await data(made)
        for number in (2, 3):
            clock.now += 1_000
            found = await asyncio.gather(*(data(made) for _ in range(5)))
            assert set(found) == {b'["Bearer token%d"]' % number}
        assert there.paths().count("/auth/refresh") == 2


async def test_an_expired_token_is_renewed_once() -> None:
    """Directus says expired: renewed, and the request sent again, a write too; but never twice."""
    issuer = Issuer()
    async with logged_in(issuer, Clock()) as (made, there):
        await data(made)
        issuer.valid.clear()
        assert await data(made, WRITE) == b'["Bearer token2"]'
        assert there.paths()[-3:] == ["/items/articles", "/auth/refresh", "/items/articles"]
        issuer.valid.clear()
        found = await asyncio.gather(*(data(made) for _ in range(5)))
        assert set(found) == {b'["Bearer token3"]'}
        assert there.paths().count("/auth/refresh") == 2

    def always(asked: Asked) -> bytes:
        return issuer(asked) if "auth" in asked.path else refusal("TOKEN_EXPIRED", 401)

    make: Any = lambda service: Login(service, EMAIL, PASSWORD, clock=Clock())  # noqa: E731 - in one place
    async with sending(always, make) as (made, there):
        issuer.number = 0
        with pytest.raises(SourceError):
            await data(made)
        assert there.paths().count("/items/articles") == 2


async def test_a_refused_renewal_is_a_login() -> None:
    """Directus forgot the session: the password gives another."""
    issuer, clock = Issuer(), Clock()
    async with logged_in(issuer, clock) as (made, there):
        await data(made)
        issuer.renews = False
        clock.now += 1_000
        assert await data(made) == b'["Bearer token2"]'
        assert there.paths().count("/auth/login") == 2


async def test_a_refused_login_is_spared() -> None:
    """A wrong password is not tried for every request, and no error says what it was."""
    issuer, clock = Issuer(), Clock()
    issuer.logs_in = False
    async with logged_in(issuer, clock) as (made, there):
        for _ in range(5):
            with pytest.raises(SourceError) as caught:
                await data(made)
            assert caught.value.code is Code.CONFIGURATION
            assert PASSWORD not in f"{caught.value.message}{caught.value.extensions}"
            assert EMAIL not in f"{caught.value.message}{caught.value.extensions}"
        assert there.paths() == ["/auth/login"]
        clock.now += 31
        issuer.logs_in = True
        assert await data(made) == b'["Bearer token1"]'


async def test_a_login_has_a_deadline() -> None:
    """Who waits for a login that does not come is told so at the request's deadline."""

    async def never() -> Pieces:
        await asyncio.Event().wait()
        yield b""

    make: Any = lambda service: Login(service, EMAIL, PASSWORD)  # noqa: E731 - in one place
    async with sending(lambda _: never(), make) as (made, _):
        with pytest.raises(SourceError) as caught:
            await made.ask(READ, soon(0.05))
        assert caught.value.code is Code.SOURCE_TIMEOUT


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
    "deep JSON": (reply(b'{"data":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), Code.SOURCE_ERROR),
    "no UTF-8": (reply(b'{"data":"\xff"}'), Code.SOURCE_ERROR),
    "too large": (reply({"data": "x" * 500_000}), Code.SOURCE_ERROR),
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


async def test_an_answer_that_drips() -> None:
    """Byte by byte, it is given up at the deadline."""
    async with sending(lambda _: drip(reply({"data": "x" * 10_000}))) as (made, _):
        with pytest.raises(SourceError) as caught:
            await made.ask(READ, soon(0.1))
    assert caught.value.code is Code.SOURCE_TIMEOUT


async def test_nobody_there() -> None:
    """A Directus that is down is told so, and spared after a while."""
    service = HttpService("directus", "http://127.0.0.1:9")
    made = Sending(service, StaticToken())
    await made.open()
    said = set()
    for _ in range(8):
        with pytest.raises(SourceError) as caught:
            await made.ask(READ, soon())
        assert caught.value.code is Code.SOURCE_UNAVAILABLE
        said.add("spared" in caught.value.message)
    assert said == {False, True}
    await made.close()
