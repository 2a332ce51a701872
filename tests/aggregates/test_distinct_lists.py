"""`distinctOn`: of the rows with the same values in some columns the first in the list's order.

`tests/test_two_ways.py` draws it together with every other argument of a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aggregates.shelf import BOOK_TAGS, Genre, visible

from gateway.viewer import Viewer

if TYPE_CHECKING:
    from aggregates.shelf import Row
    from toy.running import Zoo

ANN = Viewer(subject="ann")
EVERYTHING = (
    "query ($on: [BookColumn!], $order: [BookOrderBy!], $where: BookWhere, $search: String,"
    " $first: Int, $after: String, $last: Int, $before: String) {"
    " books(distinctOn: $on, orderBy: $order, where: $where, search: $search,"
    " first: $first, after: $after, last: $last, before: $before) { totalCount"
    " aggregate { count sum { pages } } groups(by: [GENRE], first: 50) { key { genre } count }"
    " pageInfo { hasNextPage hasPreviousPage } edges { cursor rank node { id } } } }"
)


def distinct(rows: list[Row], *names: str) -> list[Row]:
    """The first of each, in the order in which they come."""
    found: dict[Any, Row] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), row)
    return list(found.values())


def by_pages(row: Row) -> tuple[bool, int, int]:
    """By pages from the most on, nulls last, then by the key."""
    return row["pages"] is None, -(row["pages"] or 0), row["id"]


async def page(library: Zoo, **variables: Any) -> dict[str, Any]:
    """A page of books, seen by ann."""
    data = await library.data(EVERYTHING, {"first": 50, **variables}, viewer=ANN)
    found: dict[str, Any] = data["books"]
    return found


def keys(found: dict[str, Any]) -> list[int]:
    """The keys of the rows of a page."""
    return [int(edge["node"]["id"]) for edge in found["edges"]]


async def test_the_list_is_that_of_the_first_of_each(library: Zoo) -> None:
    """In its order, which need not begin with these columns; total and amounts are of the same."""
    found = await page(
        library,
        on=["GENRE", "SOLD"],
        order=[{"pages": "DESC"}],
        where={"rating": {"isNull": False}},
    )
    rows = sorted((row for row in visible("ann") if row["rating"] is not None), key=by_pages)
    rows = distinct(rows, "genre", "sold")
    assert keys(found) == [row["id"] for row in rows]
    assert found["totalCount"] == found["aggregate"]["count"] == len(rows) == 12
    pages = sum(row["pages"] for row in rows if row["pages"] is not None)
    assert found["aggregate"]["sum"] == {"pages": str(pages)}
    assert found["groups"] == [
        {
            "key": {"genre": None if genre is None else genre.name},
            "count": sum(row["genre"] == (genre and genre.value) for row in rows),
        }
        for genre in (*Genre, None)
    ]


@pytest.mark.parametrize("order", [None, [{"pages": "DESC"}], [{"title": "ASC"}, {"pages": "ASC"}]])
async def test_pages_follow_each_other(library: Zoo, order: Any) -> None:
    """Each row once, from either end, and the same as on one page; a row stands for its like
    whatever page they would have been on."""
    whole = await page(library, on=["PRICE", "TITLE"], order=order)
    every = keys(whole)
    assert len(every) == 50 < whole["totalCount"]
    forth: list[int] = []
    after, more = None, True
    while more and len(forth) <= whole["totalCount"]:
        found = await page(library, on=["PRICE", "TITLE"], order=order, first=7, after=after)
        forth += keys(found)
        after, more = found["edges"][-1]["cursor"], found["pageInfo"]["hasNextPage"]
    assert forth[:50] == every
    assert len(forth) == len(set(forth)) == whole["totalCount"]
    back: list[int] = []
    before, more = None, True
    while more and len(back) <= whole["totalCount"]:
        found = await page(
            library, on=["PRICE", "TITLE"], order=order, first=None, last=9, before=before
        )
        back = keys(found) + back
        before, more = found["edges"][0]["cursor"], found["pageInfo"]["hasPreviousPage"]
    assert back == forth


async def test_of_rows_with_the_words_the_best(library: Zoo) -> None:
    """With `search` the order is by rank: of each genre that which fits best."""
    rows = await library.connection.fetch(
        "select id, genre, ts_rank_cd(words, q) r from books,"
        " websearch_to_tsquery('english', 'storm') q"
        " where words @@ q and (owner is null or owner = 'ann') order by r desc, id"
    )
    best = distinct([dict(row) for row in rows], "genre")
    found = await page(library, on=["GENRE"], search="storm")
    assert keys(found) == [row["id"] for row in best]
    assert [edge["rank"] for edge in found["edges"]] == [pytest.approx(row["r"]) for row in best]
    assert found["totalCount"] == len(best) == 4


async def test_each_parent_has_the_first_of_its_own(library: Zoo) -> None:
    """Many-to-many, ordered through a relation, and by what is hidden: one statement for all."""
    before = len(library.postgres.ran)
    data = await library.data(
        "{ tags { nodes { id books(distinctOn: [SOLD], orderBy: [{author: {name: DESC}}]) {"
        " totalCount nodes { id } } } } }",
        viewer=ANN,
    )
    assert len(library.postgres.ran) == before + 1
    for node in data["tags"]["nodes"]:
        mine = {pair["book_id"] for pair in BOOK_TAGS if pair["tag_id"] == node["id"]}
        rows = [row for row in visible("ann") if row["id"] in mine]
        rows.sort(key=lambda row: (row["author_id"] is None, -(row["author_id"] or 0), row["id"]))
        first = distinct(rows, "sold")
        assert [int(book["id"]) for book in node["books"]["nodes"]] == [row["id"] for row in first]
        assert node["books"]["totalCount"] == len(first)


async def test_nothing_is_distinct_without_columns(library: Zoo) -> None:
    """No list, null and an empty list are the plain list, which knows nothing of DISTINCT."""
    plain = keys(await page(library))
    for on in (None, []):
        assert keys(await page(library, on=on)) == plain
        assert "DISTINCT" not in library.postgres.ran[-1]


@pytest.mark.parametrize(
    ("on", "says"),
    [
        ("[GENRE, GENRE]", "`distinctOn` must name from 1 to 8 different columns"),
        ("[SOLD ID TITLE PAGES COPIES PRICE RATING GRADE ISSUED]", "from 1 to 8 different"),
        ("[SECRET]", "SECRET"),
        ("[FACTS]", "FACTS"),
    ],
)
async def test_wrong_columns_are_refused(library: Zoo, on: str, says: str) -> None:
    """Too many, one twice, one that needs a permission, one that has no order."""
    before = len(library.postgres.ran)
    body = await library.ask(f"{{ books(distinctOn: {on}) {{ totalCount }} }}")
    assert says in body["errors"][0]["message"]
    assert len(library.postgres.ran) == before
