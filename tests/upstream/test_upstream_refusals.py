"""What an upstream refuses: its code is told where it is about the client, and not otherwise."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from upstream import joined
from upstream.people import SDL, reply

from gateway import Cache, Domain, Upstream
from gateway.caching.assembly import Options, make_cache
from gateway.caching.filling import Clocks
from gateway.execution.cache.resolver_cache import ResolverCache
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from upstream.joined import Joined
    from upstream.people import People

FORWARD = frozenset({"authorization", "traceparent"})
CALLERS: dict[str, Any] = {"forward": FORWARD}
OURS: dict[str, Any] = {"forward": FORWARD, "authorization": "Bearer gateway"}
NOBODYS: dict[str, Any] = {"forward": frozenset({"traceparent"})}


def who(token: str) -> Viewer:
    return Viewer(subject=token, headers=(("authorization", token),))


BOSS, WEAK, WRONG = who("boss"), who("weak"), who("wrong")


def guard(service: People) -> None:
    """Let the service ask for a token: it knows a boss, and one who may not see secrets."""

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        token = service.headers[-1].get("authorization")
        if token not in {"boss", "weak"}:
            error = {"message": "hunter2", "extensions": {"code": "UNAUTHENTICATED"}}
            await reply(send, 401, json.dumps({"errors": [error]}))
            return
        answered = service.run(service.requests[-1])
        if token == "boss":
            answered = json.loads(json.dumps(answered).replace('"secret": null', '"secret": "x"'))
            answered.pop("errors", None)
        for error in answered.get("errors", ()):
            error["extensions"] = {"code": "FORBIDDEN"}
        await reply(send, 200, json.dumps(answered))

    service.answer = answer


def says(
    service: People, status: int, body: Any, *headers: tuple[bytes, bytes], kind: bytes = b""
) -> None:
    """Let the service answer this."""

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = [(b"content-type", kind or b"application/json"), *headers]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": text})

    service.answer = answer


def codes(body: dict[str, Any]) -> dict[tuple[str | int, ...], str]:
    """The codes of an answer's errors, by their paths."""
    return {tuple(one["path"]): one["extensions"]["code"] for one in body["errors"]}


@pytest.mark.parametrize(
    ("options", "missing", "hidden"),
    [
        (CALLERS, "UNAUTHENTICATED", "FORBIDDEN"),
        (OURS, "SOURCE_ERROR", "SOURCE_ERROR"),
        (NOBODYS, "SOURCE_ERROR", None),
    ],
    ids=["the client's", "the gateway's", "none"],
)
async def test_a_refusal_is_the_clients_where_the_credentials_are(
    service: People, options: dict[str, Any], missing: str, hidden: str | None
) -> None:
    """Its own code is told in either case; its message, which may say anything, in none."""
    guard(service)
    async with joined.running(service, joined.joined(), **options) as gateway:
        for hello in ("", "hello "):  # planned, and walked
            document = f"{{ {hello}person(id: 1) {{ name }} team(id: 1) {{ title }} }}"
            body = await gateway.ask(document, viewer=WRONG)
            assert codes(body) == {("person",): missing, ("team",): missing}
            assert {one["extensions"]["upstreamCode"] for one in body["errors"]} == {
                "UNAUTHENTICATED"
            }
            assert "hunter2" not in json.dumps(body)
            if hidden is None:
                continue
            body = await gateway.ask(f"{{ {hello}person(id: 1) {{ name secret }} }}", viewer=WEAK)
            assert body["data"]["person"] == {"name": "Ada", "secret": None}
            assert codes(body) == {("person", "secret"): hidden}
            assert body["errors"][0]["extensions"]["upstreamCode"] == "FORBIDDEN"


async def test_a_login_in_the_address_is_the_gateways(service: People) -> None:
    """Who is refused then is the gateway."""
    says(service, 401, {"errors": [{"message": "no"}]})
    service.url = service.url.replace("//", "//plait:secret@")
    async with joined.running(service, joined.joined(), forward=frozenset({"x-desk"})) as gateway:
        error = await gateway.error("{ person(id: 1) { name } }")
    assert error["extensions"]["code"] == "SOURCE_ERROR"


STATUS_BODIES: dict[str, tuple[Any, bytes]] = {
    "HTML": (b"<html>no</html>", b"text/html"),
    "no code": ({"errors": [{"message": "no"}]}, b"application/json"),
    "its own code": (
        {"errors": [{"message": "no", "extensions": {"code": "INVALID_TOKEN"}}]},
        b"application/json",
    ),
    "no errors": ({}, b"application/json"),
    "no JSON": (b"no", b"application/json"),
}


@pytest.mark.parametrize("kind", STATUS_BODIES)
@pytest.mark.parametrize(("status", "code"), [(401, "UNAUTHENTICATED"), (403, "FORBIDDEN")])
async def test_a_status_says_as_much(service: People, status: int, code: str, kind: str) -> None:
    """Of a proxy before the service, and of one whose errors have no code, or another's."""
    body, media_type = STATUS_BODIES[kind]
    says(service, status, body, kind=media_type)
    async with joined.running(service, joined.joined(), **CALLERS) as gateway:
        error = await gateway.error("{ person(id: 1) { name } }")
        assert error["extensions"]["code"] == code
        assert error["path"] == ["person"]
    async with joined.running(service, joined.joined(), **OURS) as gateway:
        error = await gateway.error("{ person(id: 1) { name } }")
        assert error["extensions"]["code"] == "SOURCE_ERROR"


@pytest.mark.parametrize("kind", [b"text/plain", b"application/json"])
async def test_limits_of_the_service(service: People, kind: bytes) -> None:
    """Are not the client's, who is told when it may be asked again, where the service says so."""
    limited = {"errors": [{"message": "slow", "extensions": {"code": "UNAUTHENTICATED"}}]}
    says(service, 429, limited, (b"retry-after", b"7"), kind=kind)
    async with joined.running(service, joined.joined(), **CALLERS) as gateway:
        error = await gateway.error("{ person(id: 1) { name } }")
        assert error["extensions"]["code"] == "SOURCE_OVERLOADED"
        assert error["extensions"]["retryAfter"] == 7
        says(service, 429, limited, kind=kind)
        error = await gateway.error("{ person(id: 1) { name } }")
        assert error["extensions"]["code"] == "SOURCE_OVERLOADED"
        assert "retryAfter" not in error["extensions"]


async def test_one_fields_refusal_is_no_others(service: People) -> None:
    """A field that is missing because another was refused is not refused itself."""
    refused = {"message": "no", "path": ["people", 0], "extensions": {"code": "FORBIDDEN"}}
    says(service, 200, {"data": None, "errors": [refused]})
    async with joined.running(service, joined.joined(), **CALLERS) as gateway:
        body = await gateway.ask("{ person(id: 1) { name } people { name } }")
    assert codes(body) == {("people", 0): "FORBIDDEN", ("person",): "SOURCE_ERROR"}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("UNAUTHORIZED_FIELD_OR_TYPE", "FORBIDDEN"),
        ("AUTH_NOT_AUTHENTICATED", "UNAUTHENTICATED"),
        ("AUTH_NOT_AUTHORIZED", "FORBIDDEN"),
        ("NOT_FOUND", "SOURCE_ERROR"),
        ("forbidden", "SOURCE_ERROR"),
        ("FORBIDDEN" * 20, "SOURCE_ERROR"),
        (403, "SOURCE_ERROR"),
    ],
)
async def test_a_code_of_the_services(service: People, said: Any, code: str) -> None:
    """Counts by what others mean by it; what is no code is not shown."""
    error = {"message": "no", "path": ["person"], "extensions": {"code": said}}
    says(service, 200, {"data": {"person": None}, "errors": [error]})
    async with joined.running(service, joined.joined(), **CALLERS) as gateway:
        told = (await gateway.error("{ person(id: 1) { name } }"))["extensions"]
    assert told["code"] == code
    assert told.get("upstreamCode") == (said if str(said).isupper() and len(said) < 65 else None)


async def test_a_trusted_services_words(service: People) -> None:
    """Are told with the code."""
    refused = {"message": "Ask Bob.", "path": ["person"], "extensions": {"code": "FORBIDDEN"}}
    says(service, 200, {"data": {"person": None}, "errors": [refused]})
    async with joined.running(service, joined.joined(), trusted=True, **CALLERS) as gateway:
        error = await gateway.error("{ person(id: 1) { name } }")
    assert (error["message"], error["extensions"]["code"]) == ("Ask Bob.", "FORBIDDEN")


async def test_input_of_the_client_that_the_service_refuses(service: People, database: str) -> None:
    """Is the client's, whoever's the credentials are; the key of a row is not."""

    def wrong(*path: str | int) -> dict[str, Any]:
        return {"message": "no", "path": path, "extensions": {"code": "BAD_USER_INPUT"}}

    async with joined.running(service, joined.joined(), database, **OURS) as gateway:
        for error in (wrong("person"), wrong()):
            says(service, 200, {"data": {"person": None}, "errors": [error]})
            body = await gateway.ask("query ($id: ID!) { person(id: $id) { name } }", {"id": "x"})
            assert codes(body) == {("person",): "BAD_USER_INPUT"}
        below: dict[str, Any] = {"plait_key": "1", "friends": None}
        says(service, 200, {"data": {"people": [below]}, "errors": [wrong("people", 0, "friends")]})
        friend = "{ animals(first: 1) { nodes { friend { friends(first: -1) { name } } } } }"
        place = ("animals", "nodes", 0, "friend")
        assert codes(await gateway.ask(friend)) == {(*place, "friends"): "BAD_USER_INPUT"}
        says(service, 200, {"data": {"people": None}, "errors": [wrong("people")]})
        assert codes(await gateway.ask(friend)) == {place: "SOURCE_ERROR"}
        keeper = "{ enclosures(first: 1) { nodes { keeper { name team { title } } } } }"
        place = ("enclosures", "nodes", 0, "keeper")
        says(service, 200, {"data": {"plait_o0": None}, "errors": [wrong("plait_o0")]})
        assert codes(await gateway.ask(keeper)) == {place: "SOURCE_ERROR"}
        within = {"name": "Ada", "team": None}
        says(service, 200, {"data": {"plait_o0": within}, "errors": [wrong("plait_o0", "team")]})
        assert codes(await gateway.ask(keeper)) == {(*place, "team"): "BAD_USER_INPUT"}


async def test_joined_objects_that_are_refused(service: People, database: str) -> None:
    """By either way of finding them: the row is there, and each object has its error."""
    guard(service)
    async with joined.running(service, joined.joined(), database, **CALLERS) as gateway:
        for document, field in (
            ("{ animals(first: 2) { nodes { id friend { name secret } } } }", "friend"),
            ("{ enclosures(first: 2) { nodes { id keeper { name secret } } } }", "keeper"),
        ):
            root = document.split("(")[0].removeprefix("{ ")
            body = await gateway.ask(document, viewer=WRONG)
            places = [(root, "nodes", number, field) for number in range(2)]
            assert codes(body) == dict.fromkeys(places, "UNAUTHENTICATED")
            assert [one["id"] for one in body["data"][root]["nodes"]] == ["1", "2"]
            body = await gateway.ask(document, viewer=WEAK)
            assert codes(body) == dict.fromkeys([(*one, "secret") for one in places], "FORBIDDEN")
            assert body["data"][root]["nodes"][0][field]["name"] == "Ada"
            assert "errors" not in await gateway.ask(document, viewer=BOSS)


async def test_a_mutation_that_is_refused(service: People) -> None:
    """Is asked for once."""
    guard(service)
    async with joined.running(service, joined.joined(), **CALLERS) as gateway:
        body = await gateway.ask('mutation { rename(id: 1, name: "A") { name } }', viewer=WRONG)
    assert codes(body) == {("rename",): "UNAUTHENTICATED"}
    assert len(service.requests) == 1


class Times:
    """Clocks that only move when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.clocks = Clocks(lambda: self.now, lambda: self.now)


@asynccontextmanager
async def keeping(service: People, cache: Cache, times: Times) -> AsyncIterator[Joined]:
    """A gateway before the people that keeps persons."""
    upstream = Upstream("people", SDL, caches={"Query.person": cache})
    domain = Domain(entities=[], queries=[joined.Hello], upstreams=[upstream])
    async with joined.running(service, domain, **CALLERS) as gateway:
        kept = make_cache(Options(early_refresh=0.0, jitter=0.0), None, clocks=times.clocks)
        engine = gateway.engine
        owner = ResolverCache(kept, engine.api, engine.groups, engine.describe, [])
        engine.cached = owner.reads
        await owner.open()
        yield gateway
        await owner.close()


@pytest.mark.parametrize("scope", ["public", "private"])
async def test_refusals_are_nobody_elses(service: People, scope: Any) -> None:
    """What is kept of one viewer hides no refusal from another, who keeps his own to himself."""
    guard(service)
    document = "{ person(id: 1) { name secret } }"
    async with keeping(service, Cache(60, scope), Times()) as gateway:
        for _ in range(2):
            assert "errors" not in await gateway.ask(document, viewer=BOSS)
            assert codes(await gateway.ask(document, viewer=WEAK)) == {
                ("person", "secret"): "FORBIDDEN"
            }
            assert codes(await gateway.ask(document, viewer=WRONG)) == {
                ("person",): "UNAUTHENTICATED"
            }
    tokens = [one["authorization"] for one in service.headers]
    assert tokens == ["boss", "weak", "wrong", "weak", "wrong"], "only what is good is kept"


async def test_what_is_stale_hides_no_refusal(service: People) -> None:
    """It stands in for a failure of the service, not for one that is about who asks."""
    times = Times()
    document = "{ person(id: 1) { name secret } }"
    async with keeping(service, Cache(10, stale_if_error=600), times) as gateway:
        guard(service)
        data = await gateway.data(document, viewer=BOSS)
        times.now += 20
        says(service, 502, b"<html>", kind=b"text/html")
        assert await gateway.data(document, viewer=BOSS) == data
        says(service, 429, {"errors": [{"message": "slow"}]})
        assert await gateway.data(document, viewer=BOSS) == data
        says(service, 401, b"", kind=b"text/plain")
        assert codes(await gateway.ask(document, viewer=BOSS)) == {("person",): "UNAUTHENTICATED"}
        below = {"message": "no", "path": ["person", "secret"], "extensions": {"code": "FORBIDDEN"}}
        says(service, 200, {"data": {"person": {"name": "A", "secret": None}}, "errors": [below]})
        body = await gateway.ask(document, viewer=BOSS)
        assert codes(body) == {("person", "secret"): "FORBIDDEN"}
        assert body["data"]["person"]["name"] == "A"
