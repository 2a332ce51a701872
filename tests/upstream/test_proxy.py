"""What travels to an upstream, and what becomes of its answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from graphql import build_schema
from upstream import joined
from upstream.joined import Hello
from upstream.people import SDL, People

from gateway import Domain
from gateway.errors import ConfigurationError
from gateway.schema.build import build
from gateway.schema.upstreams.remote import Join, Upstream
from gateway.sources.upstream.answers import RemoteError
from gateway.sources.upstream.error_log import ErrorLog
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from upstream.joined import Joined


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


async def test_its_errors_are_logged_where_that_is_wanted(
    service: People, caplog: pytest.LogCaptureFixture
) -> None:
    """With code, path and message; clients are told no more than before. Else there is no line."""
    for wanted in (False, True):
        async with joined.running(service, joined.joined(), log_errors=wanted) as gateway:
            body = await gateway.ask("{ person(id: 1) { secret } }")
            assert "not for you" not in str(body)
        noted = [record for record in caplog.records if hasattr(record, "fields")]
        assert len(noted) == wanted
    assert noted[0].fields == {
        "upstream": "upstream.people",
        "passedOver": 0,
        "errors": [{"code": "", "path": "person.secret", "message": "not for you"}],
    }


def test_the_log_of_errors_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """A line a second, of the first errors, cut; what was passed over is counted."""
    now = [100.0]
    log = ErrorLog("upstream.people", clock=lambda: now[0])
    error = RemoteError("x" * 1_000, ["a" * 1_000] * 1_000, {"code": "C" * 1_000})
    for _ in range(5):
        log.note([error] * 10)
    now[0] += 1
    log.note([RemoteError()])
    first, second = (record.fields for record in caplog.records)
    assert (len(first["errors"]), first["passedOver"]) == (3, 0)
    assert len(str(first)) < 3 * 5_000
    assert second["passedOver"] == 4
    assert second["errors"] == [{"code": "", "path": "", "message": ""}]


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


async def test_a_trace_keeps_nobody_apart(service: People) -> None:
    """Each request has one of its own; a shared one goes on under that of who came first."""
    forward = frozenset({"traceparent", "x-tenant"})
    async with joined.running(service, joined.joined(), forward=forward) as gateway:
        service.delay = asyncio.Event()
        asked = [
            asyncio.create_task(
                gateway.data("{ count }", viewer=Viewer(headers=(("traceparent", f"00-{number}"),)))
            )
            for number in range(10)
        ]
        while len(service.requests) < 2:  # noqa: ASYNC110 - the service offers no event for it
            await asyncio.sleep(0.005)
        service.delay.set()
        assert await asyncio.gather(*asked) == [{"count": 6}] * 10
        assert len(service.requests) <= 3
        assert all(headers["traceparent"].startswith("00-") for headers in service.headers)


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
    keyless = "type Person { name: String } type Query { people(ids: [ID!]): [Person] "
    message = refused(Upstream("people", keyless + "person(id: ID!): Person }"))
    assert "Animal.friend: Person of upstream people has no field id, by which" in message
    assert '{"…": "id"}' in message
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


async def test_directives_of_the_upstream(service: People) -> None:
    """Go on with the fields they stand at, variables and all; ours and those of others do not."""
    sdl = (
        SDL
        + """
    directive @loud(by: Int = 1, mood: Mood) repeatable on FIELD | FRAGMENT_SPREAD
    directive @stamp on FIELD_DEFINITION
    """
    )
    service.schema = build_schema(sdl)
    domain = Domain(entities=[], queries=[Hello], upstreams=[Upstream("people", sdl, prefix="X")])
    async with joined.running(service, domain) as gateway:
        query = """query ($by: Int, $mood: XMood) {
          xPerson(id: 1) { name @loud(by: $by) @include(if: true) n: name @loud @loud(mood: $mood)
            ...F
          }
          hello
        } fragment F on XPerson { friends(first: 1) @loud { name } }"""
        await gateway.data(query, by=2, mood="GLAD")
        (document,) = service.documents()
        for part in (
            "name @loud(by: $by) n",
            "n: name @loud @loud(mood: $mood)",
            "(first: 1) @loud {",
        ):
            assert part in document
        assert "$mood: Mood" in document
        for wrong in ("{ xCount @stamp }", "{ ...F @loud } fragment F on Query { xCount }"):
            error = await gateway.error(wrong)
            assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
