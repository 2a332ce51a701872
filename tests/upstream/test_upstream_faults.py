"""An upstream that is away, slow, too large, or answers something else: typed errors in place."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from graphql import build_schema
from upstream import joined
from upstream.people import SDL, People, reply

from gateway.schema.upstreams.remote import UpstreamInfo
from gateway.sources.contract import Budget
from gateway.sources.upstream.answers import MAX_ERRORS
from gateway.sources.upstream.source import UpstreamSource

if TYPE_CHECKING:
    from upstream.joined import Joined

WRONG: dict[str, tuple[int, str, bytes, str]] = {
    "html": (200, "<html>", b"text/html", "no JSON"),
    "unavailable": (503, "busy", b"text/plain", "status 503"),
    "truncated": (200, '{"data": {"count": 1', b"application/json", "no GraphQL response"),
    "not utf-8": (200, '{"data": {"count": "\udcff"}}', b"application/json", "no GraphQL response"),
    "a list": (200, "[]", b"application/json", "no GraphQL response"),
    "nothing": (200, "{}", b"application/json", "without data"),
    "data of another kind": (200, '{"data": 5}', b"application/json", "no GraphQL response"),
    "deep": (200, '{"data": {"count": ' + "[" * 100_000, b"application/json", "no GraphQL"),
    "refused": (400, '{"errors": [{"message": "no such field"}]}', b"application/json", "an error"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_answer_is_a_typed_error(gateway: Joined, name: str) -> None:
    """In its field, while others have their values."""
    status, text, kind, says = WRONG[name]

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        body = text.encode("utf-8", "surrogateescape")
        headers = [(b"content-type", kind)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    gateway.people.answer = answer
    body = await gateway.ask("{ hello person(id: 1) { name } }")
    assert body["data"] == {"hello": "hello", "person": None}
    (error,) = body["errors"]
    assert error["path"] == ["person"]
    assert says in error["message"]
    assert error["extensions"]["code"] == "SOURCE_ERROR"


async def test_a_redirect_is_not_followed(gateway: Joined) -> None:
    """It could lead to another host, with our headers."""

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"location", gateway.people.url.encode())]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    gateway.people.answer = answer
    body = await gateway.ask("{ person(id: 1) { name } }")
    assert "redirect" in body["errors"][0]["message"]
    assert len(gateway.people.requests) == 1


async def test_a_huge_answer_is_cut(service: People) -> None:
    """At the bound, whether it announces its size or not."""
    async with joined.running(service, joined.joined(), max_bytes=10_000) as gateway:

        async def answer(_scope: Any, _receive: Any, send: Any) -> None:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-type", b"application/json")],
                }
            )
            for _ in range(100):
                await send({"type": "http.response.body", "body": b" " * 1000, "more_body": True})
            await send({"type": "http.response.body", "body": b"{}"})

        service.answer = answer
        body = await gateway.ask("{ person(id: 1) { name } }")
        assert "more than 10000 bytes" in body["errors"][0]["message"]


async def test_an_announced_size_is_enough(gateway: Joined) -> None:
    """100 MB are refused by their head; not one more byte is waited for."""
    never = asyncio.Event()

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"100000000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await never.wait()

    gateway.people.answer = answer
    body = await gateway.ask("{ hello person(id: 1) { name } }")
    never.set()
    assert body["data"] == {"hello": "hello", "person": None}
    assert "more than 16000000 bytes" in body["errors"][0]["message"]


async def test_a_small_answer_may_be_a_huge_one(service: People) -> None:
    """What counts is its size once it is unpacked."""
    packed = gzip.compress(b'{"data": {"count": 1}, "x": "' + b" " * 20_000_000 + b'"}')
    async with joined.running(service, joined.joined(), max_bytes=1_000_000) as gateway:

        async def answer(_scope: Any, _receive: Any, send: Any) -> None:
            headers = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": packed})

        assert len(packed) < 1_000_000
        service.answer = answer
        body = await gateway.ask("{ count }")
        assert "more than 1000000 bytes" in body["errors"][0]["message"]


async def test_a_pinned_field_that_is_gone(gateway: Joined) -> None:
    """Is the upstream's error; fields that do not need it are there, and so is our own."""
    sdl = SDL.replace("  age: Int\n", "", 1).replace("  count(from: Int = 1): Int!\n", "")
    gateway.people.schema = build_schema(sdl)
    body = await gateway.ask("{ hello person(id: 1) { age } }")
    assert body["data"] == {"hello": "hello", "person": None}
    (error,) = body["errors"]
    assert error["path"] == ["person"]
    assert error["extensions"]["code"] == "SOURCE_ERROR"
    assert "age" not in error["message"]
    assert await gateway.data("{ person(id: 1) { name } }") == {"person": {"name": "Ada"}}
    body = await gateway.ask("{ count }")
    assert body["data"] is None  # the field is non-null, as the pinned schema says


async def test_an_error_below_a_null(gateway: Joined) -> None:
    """Keeps its whole path, as a field that must not be null takes its parents along."""
    failed = [["a", "friends", 1, "name"], ["people", 0, "team", "members", 0, "plait_0_x"]]
    failing = {
        "data": {"a": None, "people": [{"name": "Ada", "team": None}]},
        "errors": [{"message": "No.", "path": path} for path in failed],
    }

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(failing).encode()})

    gateway.people.answer = answer
    plain = "{ a: person(id: 1) { friends { name } } people { name team { members { name } } } }"
    for query in (plain, plain.replace("{", "{ hello", 1)):
        body = await gateway.ask(query)
        body["data"].pop("hello", None)
        assert body["data"] == failing["data"]
        paths = [error["path"] for error in body["errors"]]
        assert paths == [["a", "friends", 1, "name"], ["people", 0, "team", "members", 0]]


async def test_several_errors_below_a_null(gateway: Joined) -> None:
    """All are told, each at its place, as the upstream told them; what they share is one null."""
    rows = [["people", 1, "team", "members", 0, "name"], ["people", 1, "team", "title"]]
    failed = [["a", "name"], ["a", "friends", 0, "name"], *rows, ["people", 0, "name"]]
    failing = {
        "data": {"a": None, "people": [{"name": "Ada", "team": None}, {"name": "B", "team": None}]},
        "errors": [{"message": "No.", "path": path} for path in failed],
    }

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        await reply(send, 200, json.dumps(failing))

    gateway.people.answer = answer
    people = "people { name team { title members { name } } }"
    plain = f"{{ a: person(id: 1) {{ name friends {{ name }} }} {people} }}"
    for query in (plain, plain.replace("{", "{ hello", 1)):
        body = await gateway.ask(query)
        body["data"].pop("hello", None)
        assert body["data"] == failing["data"]
        assert [error["path"] for error in body["errors"]] == failed[:-1]
        assert {error["extensions"]["upstream"] for error in body["errors"]} == {"upstream.people"}


async def test_errors_below_a_null_are_bounded(gateway: Joined) -> None:
    """A hundred of a million tell enough."""
    errors = [{"message": "No.", "path": ["people", at, "name"]} for at in range(5_000)]

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        await reply(send, 200, json.dumps({"data": {"people": None}, "errors": errors}))

    gateway.people.answer = answer
    body = await gateway.ask("{ people { name } }")
    assert len(body["errors"]) == MAX_ERRORS


async def test_an_answer_without_data(gateway: Joined) -> None:
    """The field that failed keeps the error's path; others have an error at their own."""
    failing = {"data": None, "errors": [{"message": "x", "path": ["people", 0, "name"]}]}

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        await reply(send, 200, json.dumps(failing))

    gateway.people.answer = answer
    body = await gateway.ask(
        "{ hello person(id: 1) { mood } people { name } team(id: 1) { title } }"
    )
    assert body["data"] is None
    paths = sorted(error["path"] for error in body["errors"])
    assert paths == [["people", 0, "name"], ["person"], ["team"]]


async def test_a_silent_upstream(gateway: Joined) -> None:
    """Costs its own fields, until the request's deadline and no longer; then it answers again."""
    gateway.people.delay = asyncio.Event()
    body = await gateway.ask("{ hello person(id: 1) { name } }", seconds=0.3)
    assert body["data"] == {"hello": "hello", "person": None}
    assert body["errors"][0]["extensions"]["code"] == "SOURCE_TIMEOUT"
    gateway.people.delay.set()
    gateway.people.delay = None
    assert await gateway.data("{ person(id: 1) { name } }") == {"person": {"name": "Ada"}}


async def test_a_slow_answer_meets_the_deadline(gateway: Joined) -> None:
    """The field fails with SOURCE_TIMEOUT; dripping earns no time."""

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while True:
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.02)

    gateway.people.answer = answer
    body = await gateway.ask("{ person(id: 1) { name } }", seconds=0.3)
    assert body["data"] == {"person": None}
    assert body["errors"][0]["extensions"]["code"] == "SOURCE_TIMEOUT"


async def test_an_upstream_that_is_down() -> None:
    """SOURCE_UNAVAILABLE at once; after some failures it is spared; when it is back it answers."""
    away = People("http://127.0.0.1:1/graphql")
    async with joined.running(away, joined.joined()) as gateway:
        await until_spared(gateway)


async def test_an_upstream_that_always_fails_is_asked_little_more_than_once(
    service: People,
) -> None:
    """Reads may be asked again, but the breaker ends that; a mutation is asked once, or not at all."""

    async def cut(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{"})

    async with joined.running(service, joined.joined()) as gateway:
        service.answer = cut
        for _ in range(50):
            body = await gateway.ask("{ person(id: 1) { name } }")
            assert body["errors"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"
        assert len(service.requests) <= 1.2 * 50
    service.requests.clear()
    async with joined.running(service, joined.joined()) as gateway:
        for _ in range(10):
            await gateway.ask("mutation { fail { name } }")
        assert 0 < len(service.requests) <= 10


async def until_spared(gateway: Joined) -> None:
    """Ask until nothing is sent any more; others have their values meanwhile."""
    async with asyncio.timeout(10):
        message = ""
        while "spared" not in message:
            body = await gateway.ask("{ hello person(id: 1) { name } }")
            assert body["data"] == {"hello": "hello", "person": None}
            message = body["errors"][0]["message"]
            if "spared" in message:
                assert body["errors"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"


async def test_an_upstream_that_answers_with_failures_only_is_spared(service: People) -> None:
    """After five in a row, and not before; it is used again as soon as it gives a sign of life."""

    async def failing(_scope: Any, _receive: Any, send: Any) -> None:
        await reply(send, 502, "no", b"text/plain")

    async with joined.running(service, joined.joined()) as gateway:
        for _ in range(3):
            service.answer = failing
            for _ in range(4):
                await gateway.ask("{ person(id: 1) { name } }")
            service.answer = None
            assert "errors" not in await gateway.ask("{ person(id: 1) { name } }")
        assert len(service.documents()) == len(service.requests), "nobody asked for a sign of life"
        service.answer = failing
        await until_spared(gateway)
        asked = len(service.documents())
        assert "spared" in (await gateway.ask("{ count }"))["errors"][0]["message"]
        assert len(service.documents()) == asked
        service.answer = None
        async with asyncio.timeout(10):
            while "errors" in await gateway.ask("{ count }"):  # noqa: ASYNC110 - it offers no event
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", ["GraphQL", "a proxy's", "broken off", "none"])
async def test_one_broken_operation_keeps_nobody_from_the_others(
    service: People, kind: str
) -> None:
    """However often in a row it fails, and however: the service gives signs of life."""
    never = asyncio.Event()

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        request = service.requests[-1]
        if "person" not in request["query"]:
            await reply(send, 200, json.dumps(service.run(request)))
        elif kind == "GraphQL":
            await reply(send, 500, '{"errors": [{"message": "no"}]}')
        elif kind == "a proxy's":
            await reply(send, 503, "no", b"text/plain")
        elif kind == "none":
            await never.wait()
        else:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"{"})

    async with joined.running(service, joined.joined()) as gateway:
        service.answer = answer
        failed = 0
        async with asyncio.timeout(20):
            while failed < 8 or len(service.documents()) == len(service.requests):
                body = await gateway.ask("{ person(id: 1) { name } }", seconds=0.1)
                assert "spared" not in body["errors"][0]["message"]
                failed += 1
        for _ in range(3):
            body = await gateway.ask("{ person(id: 1) { name } }", seconds=0.1)
            assert "spared" not in body["errors"][0]["message"]
            assert await gateway.data("{ count }") == {"count": 6}


async def test_a_query_survives_a_broken_connection(gateway: Joined) -> None:
    """A read is asked again once where the connection broke; a mutation never is."""
    broken = 0

    async def cut(_scope: Any, _receive: Any, send: Any) -> None:
        nonlocal broken
        broken += 1
        if broken % 2:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"{"})
            return
        await reply(send, 200, '{"data": {"count": 1, "fail": null}}')

    gateway.people.answer = cut
    assert await gateway.data("{ count }") == {"count": 1}
    assert len(gateway.people.requests) == 2
    body = await gateway.ask("mutation { fail { name } }")
    assert body["errors"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"
    assert len(gateway.people.requests) == 3


@pytest.mark.parametrize(
    ("status", "options", "ready"),
    [
        (401, {}, True),
        (401, {"authorization": "Bearer wrong"}, False),
        (500, {}, False),
        (500, {"required": False}, False),
    ],
    ids=["asks who", "refuses us", "fails", "fails and is not required"],
)
async def test_readiness(
    service: People, status: int, options: dict[str, Any], *, ready: bool
) -> None:
    """An upstream that wants the callers' credentials is there; one that refuses ours is not."""

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        await reply(send, status, '{"errors": [{"message": "No."}]}')

    service.answer = answer
    source = UpstreamSource("people", service.url, UpstreamInfo("people", {}, {}), **options)
    await source.open()
    health = await source.check(Budget(asyncio.get_running_loop().time() + 10))
    await source.close()
    assert (health.ready, health.required) == (ready, options.get("required", True))
