"""Plans are compiled once per document, conditions and shape of the arguments, and kept bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from toy.running import Zoo, running

from gateway.errors import Code
from gateway.execution.planned import MAX_OUTLINES
from gateway.planning.outline import MAX_PLANS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url) as one:
        yield one


async def compiled(zoo: Zoo, document: str, variables: list[dict[str, Any]]) -> int:
    """How many statements were compiled for these requests."""
    before = zoo.postgres.compiled
    for each in variables:
        await zoo.data(document, each)
    return zoo.postgres.compiled - before


async def test_equal_requests_compile_once(zoo: Zoo) -> None:
    """The same document again costs no compilation."""
    assert await compiled(zoo, "{ animals { nodes { id } } }", [{}] * 3) == 1


async def test_values_do_not_matter_but_shapes_do(zoo: Zoo) -> None:
    """Other values of the same `where` meet the same statement; another operator does not."""
    document = "query($w: AnimalWhere, $k: ID!) { animals(where: $w) { nodes { id } } animal(id: $k) { id } }"
    same = [
        {"w": {"name": {"eq": name}, "weight": {"lt": 3}}, "k": key}
        for name, key in (("Ada", "1"), ("Bo", 2), ("%", "99"))
    ]
    assert await compiled(zoo, document, same) == 2
    other = [{"w": {"name": {"ne": "Ada"}, "weight": {"lt": 3}}, "k": "1"}]
    assert await compiled(zoo, document, other) == 2
    assert await compiled(zoo, document, same + other) == 0


async def test_page_sizes_share_a_statement_up_to_a_power_of_two(zoo: Zoo) -> None:
    """A bound size is put under a static one, so that sizes do not each compile their own."""
    document = "query($n: Int) { animals(first: $n) { nodes { id } } }"
    assert await compiled(zoo, document, [{"n": n} for n in (5, 6, 7, 8)]) == 1
    assert await compiled(zoo, document, [{"n": 9}]) == 1
    assert [len((await zoo.data(document, {"n": n}))["animals"]["nodes"]) for n in (0, 1, 5, 9)] == [
        0, 1, 5, 9,
    ]  # fmt: skip


async def test_conditions_have_plans_of_their_own(zoo: Zoo) -> None:
    """Each way of `@include` is planned once, and a column nobody asks for is not read."""
    document = "query($x: Boolean!) { animals(first: 1) { nodes { id nickname: alias @include(if: $x) } } }"
    assert (
        await compiled(zoo, document, [{"x": True}, {"x": False}, {"x": True}, {"x": False}]) == 2
    )
    last = zoo.postgres.ran[-1]
    assert 'nickname"' not in last.partition("FROM")[0]


async def test_equal_parts_of_an_operation_are_prepared_once(zoo: Zoo) -> None:
    """Two root fields that ask the same share one prepared request, and by key one statement."""
    document = "{ a: animal(id: 1) { name } b: animal(id: 2) { name } c: animal(id: 3) { id } }"
    ran = len(zoo.postgres.ran)
    assert await compiled(zoo, document, [{}]) == 2
    assert len(zoo.postgres.ran) - ran <= 3


async def test_plans_per_document_are_bounded(zoo: Zoo) -> None:
    """However many shapes and conditions arrive, only so many plans are kept; all are answered."""
    shapes = "query($w: AnimalWhere) { animals(where: $w) { totalCount } }"
    for number in range(MAX_PLANS + 5):
        where = {"and": [{"name": {"ne": "x"}}] * (number + 1)}
        assert (await zoo.data(shapes, {"w": where}))["animals"]["totalCount"] == 12
    planned = zoo.engine.store.load(shapes).operation(None).plans["planned"]
    ((outline, _),) = planned.outlines.values()
    assert len(outline._plans) == MAX_PLANS

    names = [f"c{number}" for number in range(7)]
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: __typename @include(if: ${name})" for name in names)
    document = f"query({declared}) {{ {fields} }}"
    for number in range(MAX_OUTLINES + 3):
        given = {name: bool(number >> place & 1) for place, name in enumerate(names)}
        data = await zoo.data(document, given)
        assert list(data) == [name for name in names if given[name]]
    planned = zoo.engine.store.load(document).operation(None).plans["planned"]
    assert len(planned.outlines) <= MAX_OUTLINES


async def test_explain_shows_waves_sources_and_requests(zoo: Zoo) -> None:
    """What each wave asks of each source; nothing is run."""
    document = """query($n: Int!) { animals(first: $n) { nodes { name visits mother { visits } } }
                  motto: __typename one: animal(id: 1) { visits } }"""
    ran = len(zoo.postgres.ran)
    plan = zoo.engine.explain(document, {"n": 2})
    first, second = plan["waves"]
    assert [(each["source"], each["kind"], each["paths"]) for each in first] == [
        ("postgres", "page", ["animals"]),
        ("postgres", "rows by key", ["one"]),
    ]
    assert all(set(each) == {"source", "kind", "paths", "request"} for each in first + second)
    assert "FROM animals" in first[0]["request"]["sql"]
    assert {each["source"] for each in second} == {"redis"}
    assert all(each["kind"] == "state" for each in second)
    assert sorted(path for each in second for path in each["paths"]) == [
        "animals.visits", "animals.visits", "one.visits",
    ]  # fmt: skip
    assert len(zoo.postgres.ran) == ran


async def test_a_request_may_ask_for_its_plan(zoo: Zoo) -> None:
    """By the extension `plait.explain`; then the plan is the answer, and nothing is run."""
    ran = len(zoo.postgres.ran)
    asked = {"plait": {"explain": True}}
    body = await zoo.ask("{ animals { totalCount } }", extensions=asked)
    assert body["data"] is None
    assert body["extensions"]["plan"]["waves"][0][0]["source"] == "postgres"
    assert len(zoo.postgres.ran) == ran
    others: list[dict[str, Any]] = [{"plait": {"explain": "yes"}}, {"plait": True}, {"other": {}}]
    for other in others:
        assert "extensions" not in await zoo.ask("{ animals { totalCount } }", extensions=other)


async def test_a_misspelt_wish_is_refused(zoo: Zoo) -> None:
    """Who asks for a plan by another name would have the operation run instead."""
    ran = len(zoo.postgres.ran)
    body = await zoo.ask("{ animals { totalCount } }", extensions={"plait": {"explian": True}})
    (error,) = body["errors"]
    assert error["message"] == "`extensions.plait` takes explain, trace and cache, not explian."
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert len(zoo.postgres.ran) == ran


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("{ animals(first: -1) { totalCount } }", {}),
        ("{ animals(first: 51) { totalCount } }", {}),
        ("{ animals(first: 1, last: 1) { totalCount } }", {}),
        ("query($n: Int) { animals(last: $n) { totalCount } }", {"n": 51}),
        ("query($n: Int) { animals(first: $n) { totalCount } }", {"n": -1}),
        ('{ animals(after: "x") { totalCount } }', {}),
        ('{ animals(after: "WyJhIiwiMSJd") { totalCount } }', {}),
        ('{ animal(id: "x") { id } }', {}),
        ("query($k: ID!) { animal(id: $k) { id } }", {"k": "9223372036854775808"}),
        ('{ keeper(id: "1") { id } }', {}),
        ('{ node(nodeId: "x") { nodeId } }', {}),
        ('{ node(nodeId: "WyJOb3BlIiwiMSJd") { nodeId } }', {}),
        ('{ node(nodeId: "WyJBbmltYWwiLCJ4Il0=") { nodeId } }', {}),
        ('{ node(nodeId: "WyJBbmltYWwiXQ==") { nodeId } }', {}),
        ("query($w: AnimalWhere) { animals(where: $w) { totalCount } }", {"w": {"name": {"eq": None}}}),
        ("query($w: AnimalWhere) { animals(where: $w) { totalCount } }", {"w": {"name": {"eq": "\x00"}}}),
        ("query($w: AnimalWhere) { animals(where: $w) { totalCount } }", {"w": {"name": {"like": "a\x00"}}}),
        ("query($w: AnimalWhere) { animals(where: $w) { totalCount } }", {"w": {"name": {"eq": "\ud800"}}}),
        ("query($w: AnimalWhere) { animals(where: $w) { totalCount } }", {"w": {"name": {"like": "\ud800"}}}),
        ("query($w: AnimalWhere) { animals(where: $w) { totalCount } }", {"w": {"name": {"like": "a\\"}}}),
        ("query($w: AnimalWhere) { animals(where: $w) { totalCount } }", {"w": {"and": [{"name": {"ne": "x"}}] * 201}}),
        ("query($w: AnimalWhere) { animals(where: $w) { totalCount } }", {"w": {"id": {"in": ["1"] * 10_001}}}),
        ("query($w: AnimalWhere) { animals(where: $w) { totalCount } }", {"w": {"id": {"eq": "1.5"}}}),
        ("query($o: [AnimalOrderBy!]) { animals(orderBy: $o) { totalCount } }", {"o": [{"name": "ASC"}] * 9}),
        ("query($o: [AnimalOrderBy!]) { animals(orderBy: $o) { totalCount } }", {"o": [{}]}),
        ("query($o: [AnimalOrderBy!]) { animals(orderBy: $o) { totalCount } }", {"o": [{"name": None}]}),
        ("query($o: [AnimalOrderBy!]) { animals(orderBy: $o) { totalCount } }", {"o": [{"name": "ASC", "id": "ASC"}]}),
        ("query($o: [AnimalOrderBy!]) { animals(orderBy: $o) { totalCount } }", {"o": [{"name": "ASC; drop"}]}),
        ("query($w: SpecimenWhere) { specimens(where: $w) { totalCount } }", {"w": {"doc": {"contains": {"a": "\x00"}}}}),
        ("query($w: SpecimenWhere) { specimens(where: $w) { totalCount } }", {"w": {"ratio": {"eq": 1e400}}}),
        ("query($w: SpecimenWhere) { specimens(where: $w) { totalCount } }", {"w": {"exact": {"eq": "NaNs"}}}),
        ("query($w: SpecimenWhere) { specimens(where: $w) { totalCount } }", {"w": {"exact": {"eq": "1e999999"}}}),
        ("query($w: SpecimenWhere) { specimens(where: $w) { totalCount } }", {"w": {"moment": {"eq": "0001-01-01T00:00:00+10:00"}}}),
        ("query($w: SpecimenWhere) { specimens(where: $w) { totalCount } }", {"w": {"moment": {"eq": "tomorrow"}}}),
    ],
)  # fmt: skip
async def test_a_bad_argument_refuses_the_request(
    zoo: Zoo, document: str, variables: dict[str, Any]
) -> None:
    """With a code, before any source is asked: an argument's mistake is never the server's."""
    ran = len(zoo.postgres.ran)
    answer = await zoo.answer(document, variables)
    assert not answer.executed
    assert answer.code is Code.BAD_USER_INPUT
    assert len(zoo.postgres.ran) == ran


async def test_where_may_be_nested_only_so_deep(zoo: Zoo) -> None:
    """Deeper than any list needs is refused."""
    where: dict[str, Any] = {"name": {"eq": "Ada"}}
    for _ in range(13):
        where = {"not": where}
    answer = await zoo.answer(
        "query($w: AnimalWhere) { animals(where: $w) { totalCount } }", {"w": where}
    )
    assert answer.code is Code.BAD_USER_INPUT
