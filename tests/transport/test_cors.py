"""Pages of other sites, as their browsers speak for them: who may ask, and read what."""

from __future__ import annotations

import hashlib
import json
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from subscriptions.speaking import PROTOCOL, Stream, served

from gateway.app import create_app
from gateway.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from subscriptions.speaking import Served

OURS = "https://app.example"
EVIL = "https://evil.example"
NAMED = {"PLAIT_SERVE_ORIGINS": "https://App.example http://127.0.0.1:3000"}
KEY = "a-key-that-a-page-was-given"
HELLO = {"query": "{ hello }"}
SENT = (
    "content-type,authorization,x-page-key,apollo-require-preflight,if-none-match,"
    "graphql-require-preflight,x-apollo-operation-name,apollographql-client-name,traceparent"
)


@asynccontextmanager
async def open_to(**settings: str) -> AsyncIterator[Served]:
    """The whole gateway, on a port of its own."""
    environment = {
        "PLAIT_RESOLVERS": "transport.greetings",
        "PLAIT_SERVE_DEADLINE_SECONDS": "30",
        "PLAIT_IDENTITY_ANONYMOUS": "all",
        "PLAIT_IDENTITY_KEY_HEADER": "X-Page-Key",
        "PLAIT_API_KEY_PAGE_HASH": hashlib.sha256(KEY.encode()).hexdigest(),
        "PLAIT_API_KEY_PAGE_SUBJECT": "page",
        **settings,
    }
    async with served(create_app(load(environ=environment))) as server:
        yield server


async def preflight(
    server: Served,
    origin: str = OURS,
    method: str = "POST",
    headers: str = "content-type",
    **more: str,
) -> aiohttp.ClientResponse:
    """What a browser asks before it lets a page ask."""
    lines = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
        **more,
    }
    async with server.session.options(server.url, headers=lines) as response:
        await response.read()
        return response


async def post(server: Served, origin: str = OURS, **headers: str) -> aiohttp.ClientResponse:
    """What it then sends."""
    lines = {"Origin": origin, "Sec-Fetch-Site": "cross-site", **headers}
    async with server.session.post(server.url, json=HELLO, headers=lines) as response:
        await response.read()
        return response


async def get(server: Served, origin: str | None, **headers: str) -> aiohttp.ClientResponse:
    """A query in the address."""
    lines = {"Origin": origin, "Sec-Fetch-Site": "cross-site"} if origin else {}
    given = {"params": {"query": "{ hello }"}, "headers": {**lines, **headers}}
    async with server.session.get(server.url, **given) as response:  # type: ignore[arg-type] # mixed
        await response.read()
        return response


def granted(response: aiohttp.ClientResponse) -> str | None:
    """The origin that may read it."""
    assert "access-control-allow-credentials" not in response.headers
    return response.headers.get("access-control-allow-origin")


def varies(response: aiohttp.ClientResponse) -> list[str]:
    """The request headers on which it hangs; the header stands once."""
    (line,) = response.headers.getall("vary")
    return line.split(", ")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Served]:
    """One that two origins may ask."""
    async with open_to(**NAMED) as up:
        yield up


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_named_origin_may_ask(server: Served, method: str) -> None:
    """With all that clients send, for ten minutes, whatever the case it was written in."""
    response = await preflight(server, OURS, method, SENT)
    assert (response.status, granted(response)) == (200, OURS)
    assert response.headers["access-control-max-age"] == "600"
    assert "Origin" in varies(response)
    assert granted(await preflight(server, "http://127.0.0.1:3000")) == "http://127.0.0.1:3000"


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        (EVIL, "POST", "content-type"),
        ("null", "POST", "content-type"),
        ("http://app.example", "POST", "content-type"),
        ("https://app.example:8443", "POST", "content-type"),
        ("https://app.example.evil.example", "POST", "content-type"),
        ("https://x.app.example", "POST", "content-type"),
        (OURS, "DELETE", "content-type"),
        (OURS, "POST", "content-type,x-forwarded-for"),
    ],
)
async def test_whoever_else_is_refused(
    server: Served, origin: str, method: str, headers: str
) -> None:
    """Other origins, methods and headers: the browser does not get what it would need."""
    response = await preflight(server, origin, method, headers)
    assert response.status == 400
    assert origin == OURS or granted(response) is None
    assert "Origin" in varies(response)


async def test_answers_may_be_read_by_named_origins_alone(server: Served) -> None:
    """And what is refused too, so that a page can tell its reader why."""
    response = await post(server)
    assert (response.status, granted(response)) == (200, OURS)
    exposed = "Age, ETag, Mcp-Session-Id, Retry-After, WWW-Authenticate"
    assert response.headers["access-control-expose-headers"] == exposed
    assert varies(response) == ["Origin"]
    assert granted(await post(server, EVIL)) is None
    refused = await post(server, **{"X-Page-Key": "nobody's"})
    assert (refused.status, granted(refused)) == (401, OURS)
    known = await post(server, **{"X-Page-Key": KEY})
    assert (known.status, granted(known)) == (200, OURS)


async def test_a_named_origin_needs_the_preflight_too(server: Served) -> None:
    """A query in an address is for those who may set a header, whichever site the page is of."""
    plain, evil = await get(server, OURS), await get(server, EVIL)
    assert (plain.status, granted(plain)) == (400, OURS)
    assert (evil.status, granted(evil)) == (400, None)
    asked = await get(server, OURS, **{"apollo-require-preflight": "true"})
    assert (asked.status, granted(asked)) == (200, OURS)
    typed = await get(server, OURS, **{"content-type": "application/json"})
    assert (typed.status, granted(typed)) == (200, OURS)


async def test_what_is_kept_is_kept_for_each_origin(server: Served) -> None:
    """Caches tell answers apart by Origin, also those that were asked for without one, and 304s."""
    proof = {"apollo-require-preflight": "true"}
    own, theirs = await get(server, None), await get(server, OURS, **proof)
    assert own.headers["etag"] == theirs.headers["etag"]
    assert varies(own) == varies(theirs) == ["Accept", "Authorization", "X-Page-Key", "Origin"]
    assert granted(own) is None
    again = await get(server, OURS, **proof, **{"if-none-match": theirs.headers["etag"]})
    assert (again.status, granted(again)) == (304, OURS)
    assert varies(again) == varies(theirs)


async def test_event_streams_and_files_are_answered_alike(server: Served) -> None:
    """Whatever way an answer is written; a form needs its header from a named origin too."""
    lines = {"Origin": OURS}
    async with server.stream("subscription { countdown(start: 1) }", headers=lines) as response:
        assert granted(response) == OURS
        assert await Stream(response).event() == ("next", {"data": {"countdown": 1}})
    mixed = {**lines, "Accept": "multipart/mixed;deferSpec=20220824"}
    deferred = {"query": "{ hello ... @defer { now } }"}
    async with server.session.post(server.url, json=deferred, headers=mixed) as response:
        assert response.content_type == "multipart/mixed"
        assert granted(response) == OURS
        assert varies(response) == ["Accept", "Authorization", "X-Page-Key", "Origin"]
        await response.read()
    body = {"query": "mutation ($f: Upload!) { weigh(file: $f) }", "variables": {"f": None}}
    for proof, status in (({}, 400), ({"apollo-require-preflight": "true"}, 200)):
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("operations", json.dumps(body))
        form.add_field("map", json.dumps({"0": ["variables.f"]}))
        form.add_field("0", b"12345", filename="a.txt")
        async with server.session.post(server.url, data=form, headers=lines | proof) as response:
            assert (response.status, granted(response)) == (status, OURS)
            found: dict[str, Any] = await response.json()
            assert status != 200 or found == {"data": {"weigh": 5}}


async def test_a_preflight_asks_nobody_who_it_is(server: Served) -> None:
    """Credentials that are no good matter to operations alone."""
    assert (await preflight(server, **{"X-Page-Key": "nobody's"})).status == 200


async def test_any_origin() -> None:
    """`*` grants all alike, and answers still differ by whether an origin was told."""
    async with open_to(PLAIT_SERVE_ORIGINS="*") as server:
        assert granted(await preflight(server, EVIL)) == "*"
        response = await post(server, EVIL)
        assert (response.status, granted(response)) == (200, "*")
        assert varies(response) == ["Origin"]
        assert (await get(server, EVIL)).status == 400
        async with await server.socket(headers={"Origin": EVIL}) as connected:
            assert connected.protocol == PROTOCOL


async def test_without_origins_there_is_nothing_of_it() -> None:
    """No header, no preflight; a page of another site is refused as ever."""
    async with open_to() as server:
        asked = await preflight(server)
        assert asked.status == 405
        for response in (asked, await post(server), await get(server, OURS)):
            assert not [name for name in response.headers if name.lower().startswith("access-")]
            assert "vary" not in response.headers
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await server.socket(headers={"Origin": OURS})


@pytest.mark.parametrize(
    ("origin", "named", "status"),
    [(OURS, "", 101), (EVIL, "", 403), (OURS, EVIL, 403), (EVIL, EVIL, 101)],
)
async def test_web_sockets_are_for_the_same_pages(origin: str, named: str, status: int) -> None:
    """Unless they have origins of their own."""
    async with open_to(**NAMED, PLAIT_SUBSCRIPTIONS_ORIGINS=named) as server:
        try:
            async with await server.socket(headers={"Origin": origin}):
                found = 101
        except aiohttp.WSServerHandshakeError as error:
            found = error.status
        assert found == status


async def test_preflights_count_for_no_rate(redis_url: str) -> None:
    """And a page may read when it may ask again."""
    settings = {
        "REDIS_URL": redis_url,
        "PLAIT_RATE_LIMIT_REQUESTS": "1",
        "PLAIT_RATE_LIMIT_SECONDS": "3000",
        "PLAIT_RATE_LIMIT_TIMEOUT_SECONDS": "10",
        "PLAIT_RATE_LIMIT_CLIENT_HEADER": "X-Real-IP",
    }
    me = {"X-Real-IP": f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"}
    async with open_to(**NAMED, **settings) as server:
        for _ in range(5):
            assert (await preflight(server, **me)).status == 200
        assert (await post(server, **me)).status == 200
        refused = await post(server, **me)
        assert (refused.status, granted(refused)) == (429, OURS)
        assert int(refused.headers["retry-after"]) > 0
