"""Where, order and pages in SQL, held against the same in plain Python over the same rows."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from reference import PlainApi
from toy.conditions import orders, wheres
from toy.domain import domain
from toy.profiles import examples
from toy.rows import ROWS, VISITS
from toy.running import LIMITS, Zoo, running
from toy.store import Store

from gateway.errors import Code
from gateway.schema import opaque
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

    Pair = tuple[Zoo, PlainApi]

DRAWN = PlainApi(domain, VISITS, LIMITS.default)
DRAWN.store = Store(DRAWN.catalog, ROWS)

LISTS = {
    "enclosures": "Enclosure",
    "animals": "Animal",
    "keepers": "Keeper",
    "feedings": "Feeding",
    "remarks": "Remark",
    "specimens": "Specimen",
    "oddities": "Oddity",
    "readings": "Reading",
}


@pytest.fixture(scope="module")
async def both(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Pair]:
    """The engine, and the reference over the same rows."""
    async with running(module_database, redis_url) as zoo:
        plain = PlainApi(domain, VISITS, LIMITS.default)
        plain.store = await Store.load(zoo.connection, plain.catalog)
        yield zoo, plain


@st.composite
def lists(draw: st.DrawFn, *, filtered: bool) -> tuple[str, dict[str, Any]]:
    """A root list, and variables for its `where` and `orderBy`."""
    name = draw(st.sampled_from(sorted(LISTS)))
    entity = DRAWN.catalog.entities[LISTS[name]]
    where = draw(wheres(DRAWN.catalog, entity, 3)) if filtered else {}
    return name, {"where": where, "order": draw(orders(DRAWN.catalog, entity))}


def document(name: str, arguments: str, fields: str, *declared: str) -> str:
    """A query for one list with `$where` and `$order`."""
    type_ = LISTS[name]
    head = [f"$where: {type_}Where", f"$order: [{type_}OrderBy!]", *declared]
    return (
        f"query({', '.join(head)}) {{ {name}(where: $where, orderBy: $order{arguments}) "
        f"{{ {fields} }} }}"
    )


@given(lists(filtered=True))
@examples(120)
async def test_where_finds_what_python_finds(both: Pair, asked: tuple[str, dict[str, Any]]) -> None:
    """The same rows in the same order, nulls included, whatever conditions are nested how."""
    zoo, plain = both
    name, variables = asked
    note(json.dumps(variables))
    text = document(name, ", first: 50", "edges { cursor } totalCount")
    found = await zoo.data(text, variables)
    expected = json.loads((await plain.answer(text, variables, ANONYMOUS)).data)
    assert found == expected


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"alias": {"ne": "ada"}}, "3 4 6 8 9 10 11 12"),
        ({"alias": {"notIn": ["ada", "Zed"]}}, "3 4 6 9 10 11 12"),
        ({"alias": {"notIn": []}}, "1 3 4 5 6 8 9 10 11 12"),
        ({"alias": {"in": []}}, ""),
        ({"not": {"alias": {"ne": "ada"}}}, "1 2 5 7"),
        ({"not": {"alias": {"notIn": []}}}, "2 7"),
        ({"not": {"not": {"alias": {"eq": "ada"}}}}, "1 5"),
        ({"alias": {"isNull": True}}, "2 7"),
        ({"not": {"alias": {"isNull": False}}}, "2 7"),
        ({"not": {}}, ""),
        ({"or": []}, ""),
        ({"and": []}, "1 2 3 4 5 6 7 8 9 10 11 12"),
        ({"or": [{}]}, "1 2 3 4 5 6 7 8 9 10 11 12"),
        ({"alias": {}}, "1 2 3 4 5 6 7 8 9 10 11 12"),
        ({"alias": None}, "1 2 3 4 5 6 7 8 9 10 11 12"),
        ({"mother": {"name": {"eq": "Ada"}}}, "2 3 9 10 11"),
        ({"not": {"mother": {"name": {"ne": "Ada"}}}}, "1 2 3 8 9 10 11 12"),
        ({"mother": {}}, "2 3 4 5 6 7 9 10 11"),
        ({"children": {"some": {}}}, "1 2 3 6 8"),
        ({"children": {"none": {}}}, "4 5 7 9 10 11 12"),
        ({"children": {"every": {"alias": {"ne": "x"}}}}, "2 3 4 5 7 8 9 10 11 12"),
        ({"children": {"some": {"alias": {"isNull": True}}, "every": {"id": {"gt": "2"}}}}, "6"),
        ({"likes": {"some": {"likes": {"some": {"id": {"eq": "1"}}}}}}, "1"),
        ({"keepers": {"some": {"name": {"eq": "BOB"}}}}, "1 3 5 8"),
        ({"mood": {"gt": "SLEEPY"}}, "1 2 4 5 6 7 9 10 11"),
        ({"tags": {"overlaps": []}}, ""),
        ({"tags": {"contains": []}}, "1 2 3 4 5 6 7 8 9 10 11 12"),
        ({"alias": {"like": "\\%\\_"}}, "4"),
        ({"alias": {"ilike": "AD_"}}, "1 5 12"),
        ({"weight": {"gt": 10.5}}, "4 9 10"),
    ],
)
async def test_what_a_condition_means(both: Pair, where: dict[str, Any], ids: str) -> None:
    """`ne` and `notIn` never hold for a null; `not` means "does not hold"."""
    zoo, _ = both
    text = document("animals", ", first: 50", "nodes { id }")
    found = await zoo.data(text, {"where": where, "order": []})
    assert " ".join(node["id"] for node in found["animals"]["nodes"]) == ids


@given(
    lists(filtered=True),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.booleans(),
)
@examples(60)
async def test_pages_give_every_row_once_and_in_order(
    both: Pair,
    asked: tuple[str, dict[str, Any]],
    sizes: list[int],
    backward: bool,  # noqa: FBT001 - a parametrised case
) -> None:
    """Whatever the order and wherever its nulls stand, forwards and backwards, by any sizes."""
    zoo, _ = both
    name, variables = asked
    whole = await zoo.data(
        document(name, ", first: 50", "edges { cursor node { nodeId } }"), variables
    )
    rows = [edge["node"]["nodeId"] for edge in whole[name]["edges"]]
    size, cursor = ("last", "before") if backward else ("first", "after")
    text = document(
        name,
        f", {size}: $size, {cursor}: $cursor",
        """edges { cursor node { nodeId } }
           pageInfo { startCursor endCursor hasNextPage hasPreviousPage }""",
        "$size: Int",
        "$cursor: String",
    )
    found: list[str] = []
    place = None
    for each in itertools.cycle(sizes):
        given_ = {**variables, "size": each, "cursor": place}
        page = (await zoo.data(text, given_))[name]
        ids = [edge["node"]["nodeId"] for edge in page["edges"]]
        found = ids + found if backward else found + ids
        facts = page["pageInfo"]
        if ids:
            assert facts["startCursor"] == page["edges"][0]["cursor"]
            assert facts["endCursor"] == page["edges"][-1]["cursor"]
        else:
            assert facts["startCursor"] is facts["endCursor"] is None
        more = facts["hasPreviousPage" if backward else "hasNextPage"]
        assert more == (len(found) < len(rows))
        if not more:
            break
        place = facts["startCursor" if backward else "endCursor"]
    assert found == rows


@given(
    lists(filtered=False).filter(lambda asked: asked[0] == "remarks"),
    st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(["", "hungry", "m", "zz"])),
        min_size=3,
        max_size=8,
    ),
)
@examples(20)
async def test_rows_that_arrive_between_pages_move_nothing(
    both: Pair, asked: tuple[str, dict[str, Any]], events: list[tuple[int, str]]
) -> None:
    """Every row that was there at the start is given once, in order, whatever is inserted."""
    zoo, _ = both
    _, variables = asked
    whole = await zoo.data(document("remarks", ", first: 50", "nodes { id }"), variables)
    rows = [node["id"] for node in whole["remarks"]["nodes"]]
    text = document(
        "remarks",
        ", first: $size, after: $cursor",
        "nodes { id } pageInfo { endCursor hasNextPage }",
        "$size: Int",
        "$cursor: String",
    )
    insert = "INSERT INTO remarks (id, animal_id, day, text) VALUES ($1, NULL, NULL, $2)"
    found: list[int] = []
    place, more = None, True
    arriving = itertools.chain(enumerate(events, -20), itertools.repeat((0, (3, ""))))
    try:
        while more:
            number, (size, words) = next(arriving)
            page = (await zoo.data(text, {**variables, "size": size, "cursor": place}))["remarks"]
            found += [node["id"] for node in page["nodes"]]
            place, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
            if number:
                await zoo.connection.execute(insert, number if number % 2 else 100 - number, words)
    finally:
        await zoo.connection.execute("DELETE FROM remarks WHERE id NOT BETWEEN 1 AND 5")
    assert [number for number in found if 1 <= number <= 5] == rows
    assert len(set(found)) == len(found)


async def test_a_cursor_outlives_its_row(both: Pair) -> None:
    """It holds the place, not the row: deleting the row loses nothing."""
    zoo, _ = both
    text = document(
        "remarks",
        ", first: 2, after: $cursor",
        "nodes { id } pageInfo { endCursor }",
        "$cursor: String",
    )
    variables: dict[str, Any] = {"order": [{"text": "DESC"}], "cursor": None}
    first = (await zoo.data(text, variables))["remarks"]
    last = first["nodes"][-1]["id"]
    row = await zoo.connection.fetchrow("DELETE FROM remarks WHERE id = $1 RETURNING *", last)
    assert row is not None
    try:
        page = (await zoo.data(text, {**variables, "cursor": first["pageInfo"]["endCursor"]}))[
            "remarks"
        ]
    finally:
        await zoo.connection.execute("INSERT INTO remarks VALUES ($1, $2, $3, $4)", *row)
    rest = (await zoo.data(text, {**variables, "cursor": first["pageInfo"]["endCursor"]}))[
        "remarks"
    ]
    assert page == rest


@pytest.mark.parametrize(
    "other", [[], [{"name": "DESC"}], [{"name": "ASC_NULLS_FIRST"}], [{"id": "ASC"}]]
)
async def test_a_cursor_of_another_order_is_refused(both: Pair, other: list[Any]) -> None:
    """It would point somewhere, but nowhere the client means."""
    zoo, _ = both
    text = document(
        "animals", ", first: 1, after: $cursor", "pageInfo { endCursor }", "$cursor: String"
    )
    made = await zoo.data(text, {"order": [{"name": "ASC"}], "cursor": None})
    cursor = made["animals"]["pageInfo"]["endCursor"]
    answer = await zoo.answer(text, {"order": other, "cursor": cursor})
    assert answer.code is Code.BAD_USER_INPUT
    head, values = opaque.decode(cursor) or ("", ())
    for forged in (opaque.encode(head, values[:1]), opaque.encode(head, (values[0], "x"))):
        answer = await zoo.answer(text, {"order": [{"name": "ASC"}], "cursor": forged})
        assert answer.code is Code.BAD_USER_INPUT


@pytest.mark.parametrize("part", [{}, {"id": {"eq": "1"}}, {"alias": None}])
@pytest.mark.parametrize("joined", ["and", "or"])
async def test_conditions_are_bounded_empty_ones_too(
    both: Pair, part: dict[str, Any], joined: str
) -> None:
    """Each is a part of the statement, whatever it says."""
    zoo, _ = both
    text = document("animals", "", "totalCount")
    answer = await zoo.answer(text, {"where": {joined: [part] * 201}, "order": []})
    assert answer.code is Code.BAD_USER_INPUT
    assert b"has more than 200 conditions" in answer.body
