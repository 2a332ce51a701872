"""`groups` against the same computed in Python over the same rows."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest
from aggregates.shelf import AUTHORS, Genre, visible

from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aggregates.shelf import Row
    from toy.running import Zoo

GENRES = [one.value for one in Genre]


def genre(row: Row) -> tuple[bool, int]:
    """Orders rows by genre as PostgreSQL does: as declared, nulls last."""
    return (row["genre"] is None, GENRES.index(row["genre"]) if row["genre"] else 0)


def sold(row: Row) -> tuple[bool, bool]:
    """Orders rows by whether they are sold, nulls last."""
    return (row["sold"] is None, bool(row["sold"]))


def name_of(row: Row) -> str | None:
    """The genre as GraphQL has it."""
    return Genre(row["genre"]).name if row["genre"] else None


def grouped(rows: list[Row], *keys: Callable[[Row], Any]) -> list[list[Row]]:
    """The rows in groups, in the order of their keys."""

    def whole(row: Row) -> tuple[Any, ...]:
        return tuple(key(row) for key in keys)

    return [list(group) for _, group in groupby(sorted(rows, key=whole), whole)]


def total(rows: list[Row]) -> int | None:
    """The pages of all rows together."""
    values = [row["pages"] for row in rows if row["pages"] is not None]
    return sum(values) if values else None


def written(rows: list[Row]) -> dict[str, Any]:
    """A group by genre: key, count and pages."""
    pages = total(rows)
    return {
        "key": {"genre": name_of(rows[0])},
        "count": len(rows),
        "sum": {"pages": None if pages is None else str(pages)},
    }


ASKED = "key { genre } count sum { pages }"


async def test_groups_are_in_the_order_of_their_key(library: Zoo) -> None:
    """Each value makes a group, null too; an enum is ordered as it is declared."""
    data = await library.data(f"{{ books(first: 1) {{ groups(by: [GENRE]) {{ {ASKED} }} }} }}")
    groups = grouped(visible(None), genre)
    assert data["books"]["groups"] == [written(group) for group in groups]
    assert len(groups) == 4


async def test_several_keys(library: Zoo) -> None:
    """Groups by two columns, as they are ordered in `by`; the key shows what is asked of it."""
    data = await library.data(
        "query ($by: [BookColumn!]!) { books { groups(by: $by, first: 50) {"
        " count key { sold genre __typename } } } }",
        {"by": ["SOLD", "GENRE"]},
    )
    assert data["books"]["groups"] == [
        {
            "count": len(group),
            "key": {
                "sold": group[0]["sold"],
                "genre": name_of(group[0]),
                "__typename": "BookAggregateKey",
            },
        }
        for group in grouped(visible(None), sold, genre)
    ]


@pytest.mark.parametrize(
    ("order", "rank"),
    [
        ([{"count": "DESC"}], lambda rows: (-len(rows), genre(rows[0]))),
        ([{"sum": {"pages": "ASC"}}], lambda rows: (total(rows), genre(rows[0]))),
        (
            [{"max": {"sold": "DESC"}}, {"key": {"genre": "ASC_NULLS_FIRST"}}],
            lambda rows: (
                not any(row["sold"] for row in rows),
                (rows[0]["genre"] is not None, genre(rows[0])),
            ),
        ),
    ],
)
async def test_groups_can_be_ordered(library: Zoo, order: list[Any], rank: Any) -> None:
    """By count, by an aggregate, by several; ties by the key. `first` cuts after that."""
    document = (
        "query ($order: [BookGroupOrderBy!], $first: Int) { books {"
        f" groups(by: [GENRE], orderBy: $order, first: $first) {{ {ASKED} }} }} }}"
    )
    ordered = [written(group) for group in sorted(grouped(visible(None), genre), key=rank)]
    for first in (None, 0, 2):
        data = await library.data(document, {"order": order, "first": first})
        assert data["books"]["groups"] == ordered[:first]


@pytest.mark.parametrize(
    ("having", "holds"),
    [
        ({"count": {"gt": 40}}, lambda rows: len(rows) > 40),
        (
            {"or": [{"count": {"lte": 30}}, {"sum": {"pages": {"gte": "7000"}}}]},
            lambda rows: len(rows) <= 30 or (total(rows) or 0) >= 7000,
        ),
        (
            {"not": {"min": {"sold": {"eq": True}}}, "max": {"title": {"like": "W%"}}},
            lambda rows: any(row["sold"] is False for row in rows),
        ),
        ({"and": []}, lambda _: True),
        ({"avg": {"pages": {"lt": 0.5}}}, lambda _: False),
        ({"count": None, "sum": None}, lambda _: True),
    ],
)
async def test_groups_can_be_chosen(library: Zoo, having: dict[str, Any], holds: Any) -> None:
    """`having` is about what the rows of a group amount to, computed even where not selected."""
    data = await library.data(
        "query ($having: BookHaving) { books { groups(by: [GENRE], having: $having) {"
        " key { genre } } } }",
        {"having": having},
    )
    assert data["books"]["groups"] == [
        {"key": {"genre": name_of(group[0])}}
        for group in grouped(visible(None), genre)
        if holds(group)
    ]


async def test_every_parent_has_its_own_groups(library: Zoo) -> None:
    """Below a list: each parent's rows alone, under the row rule, in one statement."""
    before = len(library.postgres.ran)
    data = await library.data(
        "{ authors(first: 50) { nodes { books(where: {sold: {eq: true}}, last: 1) {"
        f" nodes {{ id }} few: groups(by: [GENRE], first: 1) {{ count }}"
        f" groups(by: [GENRE], having: {{count: {{gt: 1}}}}) {{ {ASKED} }} }} }} }} }}",
        viewer=Viewer(subject="bob"),
    )
    assert len(library.postgres.ran) == before + 1
    for author, node in zip(AUTHORS, data["authors"]["nodes"], strict=True):
        rows = [row for row in visible("bob") if row["author_id"] == author["id"] and row["sold"]]
        groups = grouped(rows, genre)
        assert node["books"]["groups"] == [written(group) for group in groups if len(group) > 1]
        assert node["books"]["few"] == [{"count": len(group)} for group in groups[:1]]
    assert data["authors"]["nodes"][5]["books"]["groups"] == []


async def test_a_shape_of_groups_is_compiled_once(library: Zoo) -> None:
    """The values of `having` and `first` are bound."""
    document = (
        "query ($n: Int, $first: Int) { books {"
        " groups(by: [GENRE], first: $first, having: {count: {gt: $n}}) { count } } }"
    )
    await library.data(document, {"n": 1, "first": 1})
    compiled = library.postgres.compiled
    data = await library.data(document, {"n": 37, "first": 3})
    sizes = [len(group) for group in grouped(visible(None), genre) if len(group) > 37]
    assert data["books"]["groups"] == [{"count": size} for size in sizes[:3]]
    assert library.postgres.compiled == compiled
    assert "37" not in library.postgres.ran[-1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("by: []", "from 1 to 8 different columns"),
        ("by: [GENRE, GENRE]", "from 1 to 8 different columns"),
        ("by: [SOLD]", "`key.genre` is asked for"),
        ("by: [GENRE], orderBy: [{key: {sold: ASC}}]", "not a column in `by`"),
        ("by: [GENRE], first: -1", "from 0 to 50"),
        ("by: [GENRE], first: 51", "from 0 to 50"),
        ("by: [GENRE], having: {count: {gt: null}}", "`having.count.gt` must not be null"),
        (f"by: [GENRE], having: {'{not: ' * 14}{{}}{'}' * 14}", "nested deeper than 12"),
        (f"by: [GENRE], orderBy: [{'{count: ASC} ' * 9}]", "more than 8 keys"),
    ],
)
async def test_bad_arguments_are_refused(library: Zoo, arguments: str, says: str) -> None:
    """By a typed error that names the argument, before the database is asked."""
    before = len(library.postgres.ran)
    document = f"{{ books {{ groups({arguments}) {{ key {{ genre }} }} }} }}"
    body = await library.ask(document)
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert says in error["message"]
    assert len(library.postgres.ran) == before
