"""The engine end to end on the zoo: what leaves it, what must not, and what is fetched meanwhile."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from strawberry.extensions import SchemaExtension
from toy.domain import SECRET, domain
from toy.running import Zoo, running

from gateway.errors import Code
from gateway.schema.domain import Domain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url) as one:
        yield one


def codes(body: dict[str, Any]) -> list[tuple[str, list[str | int]]]:
    """The errors of a body by code and path."""
    return [(each["extensions"]["code"], each["path"]) for each in body.get("errors", ())]


# Errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "variables", "column"),
    [
        ("{ animals(first: 999) { nodes { id } } }", {}, 11),
        ("{ enclosures { nodes { animals(first: 999) { nodes { id } } } } }", {}, 32),
        ("query ($n: Int) { star { id } animals(first: $n) { nodes { id } } }", {"n": 999}, 39),
        (
            "query ($n: Int) { enclosures { nodes { animals(first: $n) { nodes { id } } } } }",
            {"n": 999},
            48,
        ),
        ('{ node(nodeId: "no") { nodeId } }', {}, 8),
    ],
)
async def test_a_wrong_argument_is_located(
    zoo: Zoo, document: str, variables: dict[str, Any], column: int
) -> None:
    """Of a list below another one as of one at the root; the request has no path: none is run."""
    (error,) = (await zoo.ask(document, variables))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["locations"] == [{"line": 1, "column": column}]


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        ("{ crash }", [["crash"]]),
        ("{ animal(id: 1) { broken } }", [["animal", "broken"]]),
        ("{ motto a: star { broken } }", [["a", "broken"]]),
        ("{ report { runnersUp { broken } } }", [["report", "runnersUp", 0, "broken"], ["report", "runnersUp", 2, "broken"]]),
    ],
)  # fmt: skip
async def test_what_a_resolver_raises_is_masked(
    zoo: Zoo, caplog: pytest.LogCaptureFixture, document: str, paths: list[list[str | int]]
) -> None:
    """Its text is neither in the response nor in the log; an id joins the two."""
    with caplog.at_level(logging.DEBUG):
        answer = await zoo.answer(document)
    body = orjson.loads(answer.body)
    assert codes(body) == [("INTERNAL_SERVER_ERROR", path) for path in paths]
    assert b"hunter2" not in answer.body
    logged = [str(record.__dict__) for record in caplog.records]
    assert not any(SECRET in text or "hunter2" in text for text in logged)
    for error in body["errors"]:
        assert error["message"] == "Internal error."
        assert any(error["extensions"]["errorId"] in text for text in logged)


async def test_an_error_meant_for_clients_keeps_its_text_and_code(zoo: Zoo) -> None:
    """A PlaitError of a resolver; the field must be, so its parent is null."""
    body = await zoo.ask("{ animal(id: 12) { fragile } other: animal(id: 1) { fragile } }")
    assert body["data"] == {"animal": None, "other": {"fragile": "Ada"}}
    (error,) = body["errors"]
    assert error["message"] == "Too long a name."
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert error["locations"] == [{"line": 1, "column": 20}]


@pytest.mark.parametrize("beside", ["", "motto "])
async def test_a_value_that_fails_is_located(zoo: Zoo, beside: str) -> None:
    """A counter that holds no integer: null in its place, the path of every occurrence."""
    document = f"""{{ {beside}
        animals(first: 12) {{ nodes {{ visits children {{ edges {{ node {{ visits }} }} }} }} }}
        five: animal(id: 5) {{ a: visits b: visits }}
    }}"""
    body = await zoo.ask(document)
    assert {code for code, _ in codes(body)} == {"SOURCE_DATA"}
    paths = [path for _, path in codes(body)]
    assert sorted(map(str, paths)) == sorted(
        map(
            str,
            [
                ["animals", "nodes", 4, "visits"],
                ["animals", "nodes", 11, "visits"],
                ["animals", "nodes", 1, "children", "edges", 1, "node", "visits"],
                ["five", "a"],
                ["five", "b"],
            ],
        )
    )
    for path in paths:
        value: Any = body["data"]
        for step in path:
            value = value[step]
        assert value is None
    assert body["errors"][0]["locations"] == [{"line": 2, "column": 38}]
    assert body["data"]["animals"]["nodes"][0]["visits"] == 12


async def test_a_failing_root_is_null_and_the_others_stay(zoo: Zoo) -> None:
    """A value the database cannot compute with is this field's error alone."""
    document = """query($w: SpecimenWhere) {
        specimens(where: $w) { totalCount } ok: animal(id: 1) { name } }"""
    await zoo.connection.execute("ALTER TABLE specimens RENAME COLUMN exact TO lost")
    try:
        body = await zoo.ask(document, {"w": {"exact": {"eq": "1"}}})
    finally:
        await zoo.connection.execute("ALTER TABLE specimens RENAME COLUMN lost TO exact")
    assert body["data"] == {"specimens": None, "ok": {"name": "Ada"}}
    (error,) = body["errors"]
    assert error["path"] == ["specimens"]
    assert error["extensions"]["code"] == "SOURCE_ERROR"
    assert "lost" not in str(body)
    assert error["locations"] == [{"line": 2, "column": 9}]


async def test_a_failing_root_that_must_be_nulls_the_whole_answer(zoo: Zoo) -> None:
    """`feedings` is non-null: `data` is null, and the error says why."""
    await zoo.connection.execute("ALTER TABLE feedings RENAME TO gone")
    try:
        body = await zoo.ask("{ feedings { totalCount } animal(id: 1) { name } }")
        mixed = await zoo.ask("{ motto feedings { totalCount } animal(id: 1) { name } }")
    finally:
        await zoo.connection.execute("ALTER TABLE gone RENAME TO feedings")
    for each in (body, mixed):
        assert each["data"] is None
        assert codes(each) == [("SOURCE_ERROR", ["feedings"])]


UNFIT = {
    "value": "'NaN'",
    "taken": "'infinity'",
    "local": "'-infinity'",
    "day": "'infinity'",
    "span": "'infinity'",
    "words": "ARRAY['a', NULL]",
}


@pytest.mark.parametrize("column", UNFIT)
async def test_a_value_graphql_cannot_represent_fails_a_field_that_must_be(
    zoo: Zoo, column: str
) -> None:
    """An error with a code and a null at the next place that may be null; never a wrong value."""
    document = f"{{ readings {{ nodes {{ id {column} }} }} motto }}"
    assert (await zoo.data(document))["readings"]
    await zoo.connection.execute(
        f"INSERT INTO readings SELECT 9, value, taken, local, day, span, words FROM readings WHERE id = 1;"  # noqa: S608 - our own names
        f"UPDATE readings SET {column} = {UNFIT[column]} WHERE id = 9"
    )
    try:
        body = await zoo.ask(document)
        must = await zoo.ask(document.replace("readings", "mustReadings"))
        others = await zoo.data("{ readings { nodes { id } } }")
    finally:
        await zoo.connection.execute("DELETE FROM readings WHERE id = 9")
    assert body["data"]["readings"] is None
    assert codes(body) == [("SOURCE_DATA", ["readings"])]
    assert must["data"] is None
    assert len(others["readings"]["nodes"]) == 4


async def test_a_value_graphql_cannot_represent_is_null_where_it_may_be(zoo: Zoo) -> None:
    """NaN, the infinities, and lists with such items or nulls in them."""
    data = await zoo.data(
        "{ specimen(id: 4) { ratio moment local day ratios moments words span exact doc note } }"
    )
    assert data["specimen"] == {
        **dict.fromkeys(["ratio", "moment", "local", "day", "ratios", "moments", "words"]),
        "span": "P-1DT22H",
        "exact": "1" + "0" * 30,
        "doc": None,
        "note": None,
    }


async def test_what_a_resolver_returns_is_not_quoted(zoo: Zoo) -> None:
    """A value that does not fit its type is an internal error without the value."""
    body = await zoo.ask("{ motto(times: 1) wrong }")
    assert codes(body) == [("INTERNAL_SERVER_ERROR", ["wrong"])]
    assert "hunter2" not in str(body)


async def test_what_json_cannot_hold_is_an_internal_error(zoo: Zoo) -> None:
    """A resolver's JSON with a number beyond 64 bits: the engine answers, and raises nothing."""
    answer = await zoo.answer("{ motto beyondJson }")
    assert answer.code is Code.INTERNAL_SERVER_ERROR
    assert b"Internal error." in answer.body


@pytest.mark.parametrize(
    "document",
    [
        "query($v: Int = 1) { motto(times: $v) }",
        'query($v: String = "Animal") { __type(name: $v) { name } }',
    ],
)
async def test_a_null_that_takes_a_defaults_place_is_the_clients(zoo: Zoo, document: str) -> None:
    """A variable may be null and the argument not: no fault of ours, and told of as null."""
    (error,) = (await zoo.ask(document, {"v": None}))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].endswith(" not to be null.")


# Shape of the answer -----------------------------------------------------------------------------


async def test_an_operation_may_leave_everything_out(zoo: Zoo) -> None:
    """Conditions can empty any selection; what remains are empty objects."""
    document = """query($no: Boolean!) {
        animal(id: 1) { name @include(if: $no) }
        animals(first: 2) { nodes { id @include(if: $no) } edges { cursor @include(if: $no) }
            pageInfo { endCursor @include(if: $no) } totalCount @include(if: $no) }
        one: animal(id: 2) { mother { id @include(if: $no) } children { totalCount @include(if: $no) } }
    }"""
    assert await zoo.data(document, {"no": False}) == {
        "animal": {},
        "animals": {"nodes": [{}, {}], "edges": [{}, {}], "pageInfo": {}},
        "one": {"mother": {}, "children": {}},
    }
    assert await zoo.data("{ motto @skip(if: true) animal(id: 1) @skip(if: true) { id } }") == {}


async def test_response_keys_may_be_any_name(zoo: Zoo) -> None:
    """Also those SQL would cut off, and those the statements use for their own."""
    long = "n" * 70
    document = f"""{{ animal(id: 1) {{ {long}: name x1: id t2: mood n: weight k0: tags e: born
        j1: mother {{ {long}: id }} r1: children(first: 1) {{ nodes {{ {long}: __typename x3: name }} }} }} }}"""
    assert await zoo.data(document) == {
        "animal": {
            long: "Ada", "x1": "1", "t2": "CALM", "n": 10.5, "k0": ["a", "b"], "e": "2020-01-09",
            "j1": None, "r1": {"nodes": [{long: "Animal", "x3": "Bo"}]},
        }
    }  # fmt: skip


async def test_more_fields_than_a_function_has_arguments(zoo: Zoo) -> None:
    """An object of 120 members, though `json_build_object` takes 50 pairs."""
    fields = " ".join(f"f{number}: name" for number in range(90))
    data = await zoo.data(f"{{ star {{ id }} animal(id: 1) {{ {fields} }} }}")
    assert data["animal"] == {f"f{number}": "Ada" for number in range(90)}


async def test_introspection_stays_with_graphql_core(zoo: Zoo) -> None:
    """Alone and beside planned fields."""
    data = await zoo.data(
        '{ __type(name: "Animal") { name } animal(id: 1) { name __typename } __typename }'
    )
    assert data == {
        "__type": {"name": "Animal"},
        "animal": {"name": "Ada", "__typename": "Animal"},
        "__typename": "Query",
    }


async def test_root_fields_are_fetched_side_by_side(zoo: Zoo) -> None:
    """One slow statement does not make the others wait: all are sent before any has answered."""
    await zoo.connection.execute("BEGIN; LOCK TABLE animals, keepers IN ACCESS EXCLUSIVE MODE")
    asking = asyncio.ensure_future(
        zoo.data("{ animals { totalCount } keepers { totalCount } enclosures { totalCount } }")
    )
    try:
        waiting = """SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IN
                     ('animals'::regclass, 'keepers'::regclass)"""
        async with asyncio.timeout(20):
            while await zoo.connection.fetchval(waiting) < 2:  # noqa: ASYNC110 - polls what has no event
                await asyncio.sleep(0.01)
        assert not asking.done()
    finally:
        await zoo.connection.execute("ROLLBACK")
    assert (await asking)["enclosures"] == {"totalCount": 3}


async def test_too_many_root_fields_are_refused(zoo: Zoo) -> None:
    """Three hundred of them never reach a source."""
    ran = len(zoo.postgres.ran)
    fields = " ".join(f"a{number}: animal(id: {number}) {{ id }}" for number in range(300))
    answer = await zoo.answer(f"{{ {fields} }}")
    assert answer.code is Code.DOCUMENT_LIMIT_EXCEEDED
    assert len(zoo.postgres.ran) == ran


async def test_a_request_ends_at_its_deadline(zoo: Zoo) -> None:
    """A statement that hangs is an error with a code, planned and walked alike."""
    await zoo.connection.execute("BEGIN; LOCK TABLE keepers IN ACCESS EXCLUSIVE MODE")
    try:
        body = await zoo.ask("{ keepers { totalCount } enclosure(id: 1) { name } }", seconds=0.3)
        walked = await zoo.ask("{ motto keepers { totalCount } }", seconds=0.3)
    finally:
        await zoo.connection.execute("ROLLBACK")
    assert body["data"] == {"keepers": None, "enclosure": {"name": "Savanna"}}
    assert codes(body) == [("SOURCE_TIMEOUT", ["keepers"])]
    assert {error["extensions"]["code"] for error in walked["errors"]} == {"SOURCE_TIMEOUT"}


# The two ways of execution -----------------------------------------------------------------------


def whole(zoo: Zoo, document: str) -> list[bool]:
    """For each way of its conditions that was asked: is the document planned as a whole?"""
    planned = zoo.engine.store.load(document).operation(None).plans["planned"]
    return [outline.whole for outline, _ in planned.outlines.values()]


async def test_a_planned_operation_never_enters_graphql_core(zoo: Zoo) -> None:
    """Only resolvers, permissions, extensions and introspection do, where they are asked for."""
    document = "{ animal(id: 1) { name visits mother { children { nodes { tags } } } } }"
    await zoo.data(document)
    assert whole(zoo, document) == [True]
    for field in ("sign", "secretName", "nickname", "twin { id }"):
        document = f"{{ animal(id: 1) {{ name {field} }} }}"
        await zoo.ask(document)
        assert whole(zoo, document) == [False]
    document = "query($x: Boolean!) { animal(id: 1) { name sign @include(if: $x) } }"
    await zoo.data(document, {"x": False})
    await zoo.data(document, {"x": True})
    assert whole(zoo, document) == [True, False]


SEEN: list[str] = []


class Watching(SchemaExtension):
    """Sees every operation, and every field."""

    def on_operation(self) -> Iterator[None]:
        SEEN.append("operation")
        yield

    def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        SEEN.append(info.field_name)
        return _next(root, info, *args, **kwargs)

    def get_results(self) -> dict[str, Any]:
        return {}


async def test_a_schema_extension_turns_the_short_way_off(
    zoo: Zoo, fresh_database: FreshDatabase, redis_url: str
) -> None:
    """It sees what it must see, and the answer is the same."""
    watched = Domain(entities=domain.entities, queries=domain.queries, extensions=[Watching])
    documents = [
        "{ animal(id: 1) { name visits } }",
        "{ animals(first: 2) { edges { cursor node { sign } } } motto crash }",
        "query($n: Int) { animals(first: $n) { totalCount } hidden(id: 1) { name } }",
    ]
    async with running(fresh_database, redis_url, watched) as other:
        for document in documents:
            SEEN.clear()
            body = await other.ask(document, {"n": 1})
            assert whole(other, document) == [False]
            assert SEEN[0] == "operation"
            assert "animal" in SEEN or "animals" in SEEN
            assert _without_ids(body) == _without_ids(await zoo.ask(document, {"n": 1}))


def _without_ids(body: dict[str, Any]) -> dict[str, Any]:
    for error in body.get("errors", ()):
        error["extensions"].pop("errorId", None)
    return body


async def test_references_are_fetched_together(zoo: Zoo) -> None:
    """One statement for all references of a field, repeated and missing keys included."""
    ran = len(zoo.postgres.ran)
    data = await zoo.data("{ report { title best { name } runnersUp { id } groups { id sign } } }")
    assert data["report"] == {
        "title": "Best of the zoo",
        "best": {"name": "Cleo"},
        "runnersUp": [{"id": "4"}, None, {"id": "4"}],
        "groups": [
            [{"id": "1", "sign": "Ada (calm)"}],
            [],
            [{"id": "2", "sign": "Bo (WILD)"}, {"id": "1", "sign": "Ada (calm)"}],
        ],
    }
    assert len(zoo.postgres.ran) - ran == 3


async def test_a_resolver_gets_what_it_needs_and_nothing_else(zoo: Zoo) -> None:
    """Python values of exactly the columns it named; another attribute is an error."""
    data = await zoo.data('{ animal(id: 1) { dossier(prefix: "at") seenAgain } }')
    assert data["animal"] == {
        "dossier": "at 1 10.5 2020 2024-02-01T23:59:58+00:00",
        "seenAgain": "2024-02-01T23:59:58+00:00",
    }
    body = await zoo.ask("{ animal(id: 1) { greedy name } }")
    assert codes(body) == [("INTERNAL_SERVER_ERROR", ["animal", "greedy"])]
