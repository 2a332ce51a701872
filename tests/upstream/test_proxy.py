"""What travels to an upstream, and what becomes of its answer."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import pytest
from graphql import build_schema
from upstream import joined, people
from upstream.people import SDL, People, reply

from gateway import Domain
from gateway.errors import ConfigurationError
from gateway.schema.build import build
from gateway.schema.remote import Join, Upstream
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from upstream.joined import Joined


@pytest.fixture
async def service() -> AsyncIterator[People]:
    async with people.running() as one:
        yield one


@pytest.fixture
async def gateway(service: People) -> AsyncIterator[Joined]:
    async with joined.running(service, joined.joined()) as one:
        yield one


PUSHED = {
    "selection": (
        "{ person(id: 1) { name } }",
        ["query { person(id: 1) { name } }"],
        {"person": {"name": "Ada"}},
    ),
    "several fields are one document": (
        "{ a: person(id: 1) { name } count b: person(id: 2) { n: name __typename } }",
        [
            "query { a: person(id: 1) { name } count b: person(id: 2) { n: name __typename } }",
        ],
        {"a": {"name": "Ada"}, "count": 6, "b": {"n": "Bob", "__typename": "Person"}},
    ),
    "fragments are merged, conditions settled": (
        """{ person(id: 1) { ...F age @skip(if: true) friends(first: 1) { name } ...G } }
        fragment F on Person { name friends(first: 1) { age } }
        fragment G on Being { name }""",
        ["query { person(id: 1) { name friends(first: 1) { age name } } }"],
        {"person": {"name": "Ada", "friends": [{"age": 22, "name": "Bob"}]}},
    ),
    "interfaces": (
        "{ beings { id ... on Robot { model } ... on Person { age } } }",
        ["query { beings { ... on Person { id age } ... on Robot { id model } } }"],
        {
            "beings": [
                {"id": "1", "age": 21},
                {"id": "r1", "model": "T"},
                {"id": "2", "age": 22},
            ]
        },
    ),
    "an interface's own fields": (
        "{ beings { id name } }",
        ["query { beings { id name } }"],
        {
            "beings": [
                {"id": "1", "name": "Ada"},
                {"id": "r1", "name": "Rob"},
                {"id": "2", "name": "Bob"},
            ]
        },
    ),
    "unions": (
        "{ person(id: 3) { writings { ... on Note { text } ... on Letter { to { id } text } } } }",
        [
            (
                "query { person(id: 3) { writings { ... on Letter { to { id } text } "
                "... on Note { text } } } }"
            )
        ],
        {"person": {"writings": [{"text": "a\tb"}, {"to": None, "text": "Dear"}]}},
    ),
    "a union of which nothing fits": (
        "{ person(id: 3) { writings { ... on Letter { text } } } }",
        ["query { person(id: 3) { writings { ... on Letter { text } } } }"],
        {"person": {"writings": [{}, {"text": "Dear"}]}},
    ),
    "nothing of an object": (
        "{ person(id: 3) { name @skip(if: true) } beings { ... @include(if: false) { id } } }",
        [
            (
                "query { person(id: 3) { plait_nothing: __typename } "
                "beings { plait_nothing: __typename } }"
            )
        ],
        {"person": {}, "beings": [{}, {}, {}]},
    ),
    "literals and enums": (
        '{ person(id: "1") { friends(first: 2, mood: GLAD) { name mood } } count(from: -3) }',
        [
            (
                'query { person(id: "1") { friends(first: 2, mood: GLAD) { name mood } } '
                "count(from: -3) }"
            )
        ],
        {
            "person": {
                "friends": [{"name": "Cleo", "mood": "GLAD"}, {"name": "Émil", "mood": "GLAD"}]
            },
            "count": 2,
        },
    ),
    "text as it is": (
        "{ person(id: 4) { name born } }",
        ["query { person(id: 4) { name born } }"],
        {"person": {"name": 'Dee "D"\t\\', "born": "2004-01-02"}},
    ),
    "what is not there": (
        "{ person(id: 99) { name } }",
        ["query { person(id: 99) { name } }"],
        {"person": None},
    ),
    "beside a plain resolver": (
        "{ hello person(id: 1) { name } __typename }",
        ["query { person(id: 1) { name } }"],
        {"hello": "hello", "person": {"name": "Ada"}, "__typename": "Query"},
    ),
}


@pytest.mark.parametrize("name", PUSHED)
async def test_exactly_the_selection_travels(gateway: Joined, name: str) -> None:
    """The upstream gets one document with what the client selected, and nothing else."""
    query, documents, data = PUSHED[name]
    assert await gateway.data(query) == data
    assert gateway.people.documents() == documents


async def test_variables_travel_as_they_are(gateway: Joined) -> None:
    """With their types, defaults filled in, and without those that nobody gave."""
    query = """query ($id: ID!, $mood: Mood, $first: Int = 1, $input: PersonInput!, $from: Int) {
      person(id: $id) { friends(first: $first, mood: $mood) { name } }
      echo(input: $input)
      count(from: $from)
    }"""
    data = await gateway.data(query, id=1, input={"name": "x", "age": 3})
    assert data == {
        "person": {"friends": [{"name": "Bob"}]},
        "echo": '{"age": 3, "moods": ["GLAD"], "name": "x"}',
        "count": 6,
    }
    (request,) = gateway.people.requests
    assert request["query"].startswith(
        "query ($first: Int, $from: Int, $id: ID!, $input: PersonInput!, $mood: Mood) {"
    )
    assert request["variables"] == {"id": 1, "first": 1, "input": {"name": "x", "age": 3}}


async def test_variables_within_literals(gateway: Joined) -> None:
    """At any depth, declared once."""
    query = "query ($n: String!, $m: Mood!) { echo(input: {name: $n, moods: [$m, $m]}) }"
    data = await gateway.data(query, n="y", m="SAD")
    assert data == {"echo": '{"moods": ["SAD", "SAD"], "name": "y"}'}
    (request,) = gateway.people.requests
    assert request["variables"] == {"n": "y", "m": "SAD"}


async def test_mutations_go_one_by_one(gateway: Joined) -> None:
    """In order, each in a document of its own, and one that failed does not stop the others."""
    body = await gateway.ask(
        'mutation { a: rename(id: 1, name: "Z") { name } fail { name } '
        'b: rename(id: 1, name: "W") { name } }'
    )
    assert body["data"] == {"a": {"name": "Z"}, "fail": None, "b": {"name": "W"}}
    assert [error["path"] for error in body["errors"]] == [["fail"]]
    assert gateway.people.documents() == [
        'mutation { a: rename(id: 1, name: "Z") { name } }',
        "mutation { fail { name } }",
        'mutation { b: rename(id: 1, name: "W") { name } }',
    ]


async def test_errors_keep_their_place(gateway: Joined) -> None:
    """With the data beside them, without the upstream's words."""
    body = await gateway.ask(
        "{ person(id: 1) { name friends(first: 1) { secret } } broken { id } }"
    )
    assert body["data"] == {
        "person": {"name": "Ada", "friends": [{"secret": None}]},
        "broken": None,
    }
    assert [error["path"] for error in body["errors"]] == [
        ["person", "friends", 0, "secret"],
        ["broken"],
    ]
    assert {error["message"] for error in body["errors"]} == {"upstream.people reported an error."}
    assert {error["extensions"]["code"] for error in body["errors"]} == {"SOURCE_ERROR"}
    assert "hunter2" not in str(body)


async def test_a_trusted_upstream_may_speak(service: People) -> None:
    """Its messages go out where the settings say so."""
    async with joined.running(service, joined.joined(), trusted=True) as gateway:
        body = await gateway.ask("{ person(id: 1) { secret } }")
        assert [error["message"] for error in body["errors"]] == ["not for you"]


async def test_a_failed_non_null_root(gateway: Joined) -> None:
    """Leaves no data, and says what failed."""
    body = await gateway.ask("{ never { name } count }")
    assert body["data"] is None
    assert ["never"] in [error["path"] for error in body["errors"]]


async def test_identical_requests_share_one(gateway: Joined) -> None:
    """Those that wait while two are under way; others do not wait for them."""
    gateway.people.delay = asyncio.Event()
    asked = [asyncio.create_task(gateway.data("{ count }")) for _ in range(10)]
    other = asyncio.create_task(gateway.data("{ count(from: 7) }"))
    while len(gateway.people.requests) < 3:  # noqa: ASYNC110 - the service offers no event for it
        await asyncio.sleep(0.005)
    gateway.people.delay.set()
    assert await asyncio.gather(*asked) == [{"count": 6}] * 10
    assert await other == {"count": 12}
    assert len(gateway.people.requests) <= 4


async def test_a_namespace(service: People) -> None:
    """Holds the upstream's fields; each of its aliases has a place of its own."""
    async with joined.running(service, joined.joined(namespace="crm")) as gateway:
        body = await gateway.ask(
            "{ crm { t: __typename person(id: 1) { name secret } n: count } b: crm { n: count } }"
        )
        assert body["data"] == {
            "crm": {"t": "CrmQuery", "person": {"name": "Ada", "secret": None}, "n": 6},
            "b": {"n": 6},
        }
        assert [error["path"] for error in body["errors"]] == [["crm", "person", "secret"]]
        assert len(service.documents()) == 1


async def test_a_prefix(service: People) -> None:
    """Renames types and root fields, and every `__typename`, at any depth and under any alias."""
    async with joined.running(service, joined.joined(prefix="Crm")) as gateway:
        data = await gateway.data(
            """query ($input: CrmPersonInput!) {
              crmPerson(id: 1) { __typename friends(first: 1) { kind: __typename } }
              crmBeings { __typename ... on CrmRobot { model } }
              crmEcho(input: $input)
            }""",
            input={"name": "x"},
        )
        assert data["crmPerson"] == {
            "__typename": "CrmPerson",
            "friends": [{"kind": "CrmPerson"}],
        }
        assert data["crmBeings"][1] == {"__typename": "CrmRobot", "model": "T"}
        (request,) = service.requests
        assert "Crm" not in request["query"]
        assert "$input: PersonInput!" in request["query"]


def refused(*upstreams: Upstream) -> str:
    """What start-up says to these."""
    with pytest.raises(ConfigurationError) as raised:
        build(
            Domain(
                entities=[joined.Enclosure, joined.Animal],
                queries=[joined.Roots],
                upstreams=upstreams,
            )
        )
    return raised.value.message


def test_collisions_are_refused() -> None:
    """Start-up names the type or field, and offers a prefix."""
    own = "type Query { thing: Animal } type Animal { id: ID }"
    message = refused(Upstream("people", SDL), Upstream("zoo", own))
    assert "upstream zoo" in message
    assert "type Animal" in message
    assert 'prefix="Their"' in message
    message = refused(Upstream("people", SDL), Upstream("zoo", "type Query { animals: Int }"))
    assert "Query.animals" in message


def test_wrong_declarations_are_refused() -> None:
    """With the upstream's name and what would be right."""
    assert "lists no upstream 'people'" in refused()
    assert "twice" in refused(Upstream("people", SDL), Upstream("people", SDL, prefix="X"))
    assert "its SDL is wrong" in refused(Upstream("people", "type Query {"))
    assert "has no type Person" in refused(Upstream("people", "type Query { a: Int }"))
    for join, says in (
        (Join("Person", "x", joined.Animal, "id", column="owner"), "has no column 'owner'"),
        (Join("Person", "x", joined.Animal, "key"), "Person has no field key"),
        (Join("Person", "name", joined.Animal, "id"), "a field of this name already"),
        (Join("Being", "x", joined.Animal, "id"), "no object type Being"),
        (Join("Person", "x", joined.Roots, "id"), "one of the domain"),
    ):
        message = refused(Upstream("people", SDL, joins=[join]))
        assert f"join {join.type}.{join.name}" in message
        assert says in message
    no_finder = SDL.replace("person(id: ID!): Person", "person(id: ID!, at: Int!): Person")
    assert "no root field person" in refused(Upstream("people", no_finder))


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
        body: dict[str, Any] = {}
        for _ in range(7):
            body = await gateway.ask("{ hello person(id: 1) { name } }")
            assert body["data"] == {"hello": "hello", "person": None}
            assert body["errors"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"
        assert "spared" in body["errors"][0]["message"]


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


async def test_headers_go_on_by_name_only(service: People) -> None:
    """Those on the list, never cookies; what is passed on keeps requests of others apart."""
    forward = frozenset({"x-tenant", "cookie"})
    options = {"forward": forward, "authorization": "Bearer of-the-gateway"}
    async with joined.running(service, joined.joined(), **options) as gateway:
        viewers = [
            Viewer(headers=(("cookie", "a=b"), ("x-other", "no"), ("x-tenant", tenant)))
            for tenant in ("one", "two")
        ]
        service.delay = asyncio.Event()
        asked = [
            asyncio.create_task(gateway.data("{ count }", viewer=viewer)) for viewer in viewers * 3
        ]
        while len(service.requests) < 4:  # noqa: ASYNC110 - the service offers no event for it
            await asyncio.sleep(0.005)
        service.delay.set()
        await asyncio.gather(*asked)
        assert {headers["x-tenant"] for headers in service.headers} == {"one", "two"}
        assert {headers["authorization"] for headers in service.headers} == {
            "Bearer of-the-gateway"
        }
        assert not any("cookie" in headers or "x-other" in headers for headers in service.headers)
