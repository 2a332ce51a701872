"""As whom Directus is asked: shown by a server of bytes, and against a real one."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from instance import SECRET
from newsroom import Recording, running
from seed import EDITOR_EMAIL, EDITOR_PASSWORD, READER_TOKEN
from standin import READ, WRITE, Asked, Pieces, StandIn, data, refusal, reply, sending, soon
from writing import code

from gateway.errors import Code, SourceError
from gateway.sources.directus.credentials import CallersToken, Login, StaticToken
from gateway.sources.http import HttpService
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from instance import Directus

    from gateway.sources.directus.sending import Sending

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
async def logged_in(issuer: Issuer, clock: Clock) -> AsyncIterator[tuple[Sending, StandIn]]:
    """The same with a login."""
    make: Any = lambda service: Login(service, EMAIL, PASSWORD, clock=clock)  # noqa: E731 - in one place
    async with sending(issuer, make) as found:
        yield found


# A server of bytes ----------------------------------------------------------------------------------


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


# A real Directus ------------------------------------------------------------------------------------


def token(directus: Directus, secret: str = SECRET, **claims: Any) -> str:
    """A token that this Directus signed, or seems to have; with another secret it did not."""
    answer = httpx.post(
        f"{directus.url}/auth/login",
        json={"email": EDITOR_EMAIL, "password": EDITOR_PASSWORD, "mode": "json"},
    )
    access: str = answer.json()["data"]["access_token"]
    if not claims:
        return access
    head, payload, _ = access.split(".")
    told = json.loads(base64.urlsafe_b64decode(payload + "=="))
    made = base64.urlsafe_b64encode(json.dumps({**told, **claims}).encode()).decode().rstrip("=")
    signed = hmac.digest(secret.encode(), f"{head}.{made}".encode(), hashlib.sha256)
    return f"{head}.{made}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"


TITLE = '{ article(id: "1") { title } }'


async def test_login(directus: Directus) -> None:
    """By email and password; a token that has expired meanwhile is renewed unseen."""
    service = HttpService("directus", directus.url)
    login = Login(service, EDITOR_EMAIL, EDITOR_PASSWORD)
    made = Recording(service, login)
    async with running(made) as newsroom:
        assert await newsroom.data(TITLE) == {"article": {"title": "Article 1"}}
        for stale in (token(directus, exp=1_000_000_000), token(directus, "another", exp=2**33)):
            assert login._tokens is not None
            login._tokens.access_token = stale
            assert await newsroom.data(TITLE) == {"article": {"title": "Article 1"}}
            assert login._tokens.access_token != stale


async def test_wrong_password(directus: Directus) -> None:
    """A setting is wrong, which is nothing a client could mend; the password is in no answer."""
    service = HttpService("directus", directus.url)
    made = Recording(service, Login(service, EDITOR_EMAIL, "wrong of editor"))
    async with running(made) as newsroom:
        body = await newsroom.ask(TITLE)
        assert code(body) == "CONFIGURATION"
        assert "wrong of editor" not in json.dumps(body)


async def test_as_the_caller(directus: Directus) -> None:
    """Each sees what Directus shows them; without credentials nothing, with bad ones an error."""
    service = HttpService("directus", directus.url)
    document = '{ article(id: "1") { title body } }'

    def viewer(value: str) -> Viewer:
        return Viewer(headers=(("authorization", f"Bearer {value}"),))

    async with running(Recording(service, CallersToken())) as newsroom:
        editor = await newsroom.ask(document, viewer=viewer(token(directus)))
        assert editor["data"]["article"]["body"] == "What article 1 says."
        assert code(await newsroom.ask(document, viewer=viewer(READER_TOKEN))) == "FORBIDDEN"
        seen = await newsroom.ask(TITLE, viewer=viewer(READER_TOKEN))
        assert seen == {"data": {"article": {"title": "Article 1"}}}
        assert code(await newsroom.ask(TITLE)) == "FORBIDDEN"
        for bad in ("no-token", token(directus, exp=1_000_000_000)):
            assert code(await newsroom.ask(TITLE, viewer=viewer(bad))) == "UNAUTHENTICATED"
