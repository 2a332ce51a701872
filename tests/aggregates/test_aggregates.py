"""`aggregate` against the same computed in Python over the same rows."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from aggregates import shelf
from aggregates.shelf import BOOK_TAGS, BOOKS, Genre, visible

from gateway.viewer import ANONYMOUS, Viewer

if TYPE_CHECKING:
    from aggregates.shelf import Row
    from toy.running import Zoo

ANN = Viewer(subject="ann")
STAFF = Viewer(subject="bob", roles=frozenset({"staff"}))
NUMBERS = ("pages", "copies", "price", "rating", "grade")
ORDERED = ("id", "title", *NUMBERS, "genre", "issued", "sold", "code", "stamp")
WHOLE = (
    f"aggregate {{ count sum {{ {' '.join(NUMBERS)} }} avg {{ {' '.join(NUMBERS)} }} "
    f"min {{ {' '.join(ORDERED)} }} max {{ {' '.join(ORDERED)} }} "
    f"countDistinct {{ {' '.join(ORDERED)} }} }}"
)


def shown(name: str, value: Any) -> Any:
    """A column's value as JSON has it."""
    if value is None or name in {"pages", "rating", "sold", "title"}:
        return value
    if name == "genre":
        return Genre(value).name
    if name == "stamp":
        return base64.b64encode(value).decode()
    if name == "grade":
        return pytest.approx(value)
    return str(value)


def rank(name: str, value: Any) -> Any:
    """What orders a column's values as PostgreSQL does."""
    if name == "genre":
        return [one.value for one in Genre].index(value)
    return value.bytes if name == "code" else value


def expected(rows: list[Row]) -> dict[str, Any]:
    """The whole aggregate of these rows."""
    found: dict[str, Any] = {"count": len(rows), "sum": {}, "avg": {}, "min": {}, "max": {}}
    found["countDistinct"] = {}
    for name in ORDERED:
        values = [row[name] for row in rows if row[name] is not None]
        for function, end in (("min", min), ("max", max)):
            value = end(values, key=lambda one: rank(name, one)) if values else None
            found[function][name] = shown(name, value)
        found["countDistinct"][name] = len({rank(name, value) for value in values})
        if name in NUMBERS:
            found["sum"][name] = _sum(name, values)
            found["avg"][name] = _average(name, values)
    return found


def _sum(name: str, values: list[Any]) -> Any:
    if not values:
        return None
    total = sum(values)
    return pytest.approx(total) if name in {"rating", "grade"} else str(total)


def _average(name: str, values: list[Any]) -> Any:
    if not values:
        return None
    if name == "price":
        return Close(sum(values) / len(values))
    return pytest.approx(sum(values) / len(values))


class Close:
    """Equal to the text of a decimal that is this near."""

    def __init__(self, value: Decimal) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and abs(Decimal(other) - self.value) < Decimal("1e-9")

    def __hash__(self) -> int:
        return hash(self.value)


async def test_all_functions_of_all_columns(library: Zoo) -> None:
    """The whole list counts, not the page: cursors and sizes change nothing."""
    data = await library.data(f"{{ all: books {{ {WHOLE} }} page: books(last: 2) {{ {WHOLE} }} }}")
    assert data["all"]["aggregate"] == expected(visible(None))
    assert data["page"] == data["all"]


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ({"genre": {"eq": "CRIME"}}, lambda row: row["genre"] == "crime"),
        ({"pages": {"isNull": True}}, lambda row: row["pages"] is None),
        ({"pages": {"gt": 100_000}}, lambda _: False),
        ({"author": {"name": {"eq": "Author 2"}}}, lambda row: row["author_id"] == 2),
    ],
)
async def test_only_rows_of_the_condition_count(
    library: Zoo, where: dict[str, Any], holds: Any
) -> None:
    """Sums of nothing are null, and so is the least of nothing."""
    data = await library.data(
        f"query ($where: BookWhere) {{ books(where: $where, first: 1) {{ {WHOLE} }} }}",
        {"where": where},
    )
    assert data["books"]["aggregate"] == expected([row for row in visible(None) if holds(row)])


async def test_the_row_rule_bounds_what_counts(library: Zoo) -> None:
    """Nobody learns from a sum what they may not read, at the root nor below."""
    document = f"{{ books {{ {WHOLE} }} authors {{ nodes {{ books {{ {WHOLE} }} }} }} }}"
    data = await library.data(document, viewer=ANN)
    assert data["books"]["aggregate"] == expected(visible("ann"))
    for author, node in zip(shelf.AUTHORS, data["authors"]["nodes"], strict=False):
        own = [row for row in visible("ann") if row["author_id"] == author["id"]]
        assert node["books"]["aggregate"] == expected(own)
    assert expected(visible("ann")) != expected(visible("bob"))


async def test_every_parent_has_its_own_in_one_statement(library: Zoo) -> None:
    """One-to-many and many-to-many, filtered, an empty one among them: one SQL statement."""
    before = len(library.postgres.ran)
    data = await library.data(
        "{ tags { nodes { id books(where: {sold: {eq: true}}, first: 0) { totalCount nodes { id }"
        f" {WHOLE} }} }} }} }}"
    )
    assert len(library.postgres.ran) == before + 1
    for node in data["tags"]["nodes"]:
        mine = {pair["book_id"] for pair in BOOK_TAGS if pair["tag_id"] == node["id"]}
        rows = [row for row in visible(None) if row["id"] in mine and row["sold"]]
        assert node["books"] == {
            "totalCount": len(rows),
            "nodes": [],
            "aggregate": expected(rows),
        }
    assert data["tags"]["nodes"][2]["books"]["aggregate"]["count"] == 0


async def test_selections_are_written_as_they_stand(library: Zoo) -> None:
    """Aliases of any length, fragments, `__typename`, `@skip`; members in the order asked for."""
    long = "n" * 80
    data = await library.data(
        """query ($no: Boolean!) {
          books { whole: aggregate {
            __typename LONG: count ...Sums most: max { kind: genre __typename }
            count @skip(if: $no) ... on BookAggregate { sum { copies } }
          } second: aggregate { min { __typename } } third: aggregate { __typename } }
        } fragment Sums on BookAggregate { sum { LONG: pages __typename } }""".replace(
            "LONG", long
        ),
        {"no": True},
    )
    rows = visible(None)
    assert data == {
        "books": {
            "whole": {
                "__typename": "BookAggregate",
                long: len(rows),
                "sum": {
                    long: _sum("pages", [row["pages"] for row in rows if row["pages"] is not None]),
                    "__typename": "BookAggregateSum",
                    "copies": str(sum(row["copies"] for row in rows)),
                },
                "most": {"kind": "SCIENCE", "__typename": "BookAggregateMax"},
            },
            "second": {"min": {"__typename": "BookAggregateMin"}},
            "third": {"__typename": "BookAggregate"},
        }
    }
    assert list(data["books"]["whole"]) == ["__typename", long, "sum", "most"]


async def test_only_what_is_selected_is_computed(library: Zoo) -> None:
    """No aggregate without its field, no page without its rows."""
    await library.data("{ books { nodes { id } } }")
    assert "count(" not in library.postgres.ran[-1]
    assert "sum(" not in library.postgres.ran[-1]
    await library.data("{ books { aggregate { sum { pages } } } }")
    sql = library.postgres.ran[-1]
    assert "sum(" in sql
    assert not any(word in sql for word in ("avg(", "count(", "ORDER BY", "LIMIT"))


async def test_values_are_bound_and_a_shape_is_compiled_once(library: Zoo) -> None:
    """Another value of the same condition runs the same statement."""
    document = "query ($n: Int) { books(where: {pages: {gt: $n}}) { aggregate { count } } }"
    await library.data(document, {"n": 10})
    compiled = library.postgres.compiled
    for least in (50, 51, 370):
        data = await library.data(document, {"n": least})
        rows = [row for row in visible(None) if (row["pages"] or -99) > least]
        assert data["books"]["aggregate"]["count"] == len(rows)
    assert library.postgres.compiled == compiled
    assert "370" not in library.postgres.ran[-1]


async def test_beside_walked_fields_it_is_the_same(library: Zoo) -> None:
    """A plain resolver, or a permission on the list, takes the whole operation through the walk."""
    planned = await library.data(f"{{ books(first: 2) {{ {WHOLE} }} }}", viewer=STAFF)
    walked = await library.data(
        f"{{ books(first: 2) {{ nodes {{ label secret }} {WHOLE} groups(by: [GENRE]) {{ count"
        f" key {{ genre }} }} }} guarded {{ {WHOLE} }} }}",
        viewer=STAFF,
    )
    assert walked["books"]["aggregate"] == planned["books"]["aggregate"]
    assert walked["guarded"]["aggregate"] == planned["books"]["aggregate"]
    assert sum(group["count"] for group in walked["books"]["groups"]) == len(visible("bob"))
    body = await library.ask(f"{{ guarded {{ {WHOLE} }} }}", viewer=ANONYMOUS)
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_guarded_columns_cannot_be_computed_with(library: Zoo) -> None:
    """What needs a permission to be read is in no aggregate, key or condition of groups."""
    for field in (
        "aggregate { sum { secret } }",
        "groups(by: [SECRET]) { count }",
        "groups(by: [GENRE], having: {max: {secret: {gt: 1}}}) { count }",
    ):
        body = await library.ask(f"{{ books {{ {field} }} }}")
        assert body["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_what_json_cannot_hold_is_null(library: Zoo) -> None:
    """A sum that is no number is null, as such a value of a row is."""
    await library.connection.execute(
        "insert into books (id, title, copies, rating, code, secret, owner)"
        " values (900, 'x', 1, 'NaN', gen_random_uuid(), 1, 'nan')"
    )
    try:
        data = await library.data(
            "{ books(where: {id: {eq: 900}}) { aggregate { sum { rating } max { rating } } } }",
            viewer=Viewer(subject="nan"),
        )
    finally:
        await library.connection.execute("delete from books where id = 900")
    assert data["books"]["aggregate"] == {"sum": {"rating": None}, "max": {"rating": None}}


def test_the_rows_are_worth_it() -> None:
    """The data has what the tests above rely on: nulls in each nullable column, ties, rules."""
    for name in ("author_id", "blurb", "genre", "pages", "price", "rating", "sold", "stamp"):
        assert any(row[name] is None for row in BOOKS)
    assert 0 < len(visible(None)) < len(visible("ann")) < len(BOOKS)


async def test_as_many_members_as_a_document_may_have(library: Zoo) -> None:
    """A hundred aliases at one place are one statement like any other."""
    for member in ("totalCount", "aggregate { max { sold } }", "groups(by: [SOLD]) { count }"):
        many = " ".join(f"a{number}: {member}" for number in range(100))
        data = await library.data(f"{{ books {{ {many} }} }}")
        assert len(data["books"]) == 100
        assert all(value == data["books"]["a0"] for value in data["books"].values())
