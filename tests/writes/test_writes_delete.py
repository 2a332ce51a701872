"""Deletes: rows are returned as they were, with all that was selected below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from writes.stand import code_of

if TYPE_CHECKING:
    from writes.stand import Stand

MANY = (
    "mutation ($where: ShelfWhere!, $all: Boolean! = false)"
    " { deleteShelves(where: $where, all: $all) { id code } }"
)


@pytest.fixture(autouse=True)
async def shelves(stand: Stand) -> None:
    """Three shelves; the last has two boxes, and the first box two things."""
    await stand.connection.execute(
        """
        insert into shelves (code, rank) values ('a', 1), ('b', 2), ('c', 3);
        insert into boxes (shelf_id, place, name) values (3, 1, 'x'), (3, 2, 'y');
        insert into things (box_id, name) values (1, 'pen'), (1, 'ink');
        """
    )


async def test_by_key(stand: Stand) -> None:
    """The row as it was; a second time there is none."""
    document = "mutation { deleteShelf(id: 1) { id code rank doubled } }"
    row = {"id": "1", "code": "a", "rank": 1, "doubled": 2}
    assert await stand.data(document) == {"deleteShelf": row}
    assert await stand.data(document) == {"deleteShelf": None}
    assert await stand.rows("select id from shelves order by id") == [(2,), (3,)]


async def test_what_goes_with_it_is_still_shown(stand: Stand) -> None:
    """The selection is read before the row goes, rows that a cascade takes included."""
    data = await stand.data(
        "mutation { deleteBox(id: 1) { name shelf { code boxes { totalCount } }"
        " things(orderBy: [{name: ASC}]) { totalCount nodes { name box { name } } } } }"
    )
    assert data["deleteBox"] == {
        "name": "x",
        "shelf": {"code": "c", "boxes": {"totalCount": 2}},
        "things": {
            "totalCount": 2,
            "nodes": [{"name": "ink", "box": {"name": "x"}}, {"name": "pen", "box": {"name": "x"}}],
        },
    }
    assert await stand.value("select count(*) from things") == 0


async def test_by_a_condition(stand: Stand) -> None:
    """All rows it picks, in the order of their keys, also through relations."""
    data = await stand.data(MANY, {"where": {"boxes": {"none": {}}}})
    assert data["deleteShelves"] == [{"id": "1", "code": "a"}, {"id": "2", "code": "b"}]
    assert await stand.data(MANY, {"where": {"rank": {"lt": 3}}}) == {"deleteShelves": []}


async def test_every_row_must_be_said(stand: Stand) -> None:
    """As with updates: an empty condition needs `all: true`."""
    for where in ({}, {"or": [{}]}, {"rank": {}}, {"not": {"or": []}}):
        error = await stand.error(MANY, {"where": where})
        assert code_of(error) == "BAD_USER_INPUT"
    assert await stand.value("select count(*) from shelves") == 3
    await stand.connection.execute("truncate boxes cascade")
    assert len((await stand.data(MANY, {"where": {}, "all": True}))["deleteShelves"]) == 3
    assert await stand.value("select count(*) from shelves") == 0


async def test_rows_others_refer_to(stand: Stand) -> None:
    """One of them keeps all: nothing is deleted, and the error names the constraint."""
    error = await stand.error(MANY, {"where": {"rank": {"gte": 2}}})
    assert error["extensions"] == {
        "code": "CONSTRAINT_VIOLATION",
        "kind": "foreignKey",
        "constraint": "boxes_shelf_id_fkey",
        "columns": ["id"],
    }
    assert await stand.value("select count(*) from shelves") == 3


async def test_more_rows_than_allowed(stand: Stand) -> None:
    """Beyond the bound nothing is deleted."""
    await stand.connection.execute(
        "insert into shelves (rank) select 9 from generate_series(1, 10_001)"
    )
    error = await stand.error(MANY, {"where": {"rank": {"eq": 9}}})
    assert code_of(error) == "BAD_USER_INPUT"
    assert await stand.value("select count(*) from shelves") == 10_004


async def test_a_key_of_several_columns(stand: Stand) -> None:
    """All of its parts are arguments."""
    await stand.connection.execute(
        "insert into prices values ('it', '2024-01-01', 1), ('it', '2024-01-02', 2)"
    )
    data = await stand.data('mutation { deletePrice(country: "it", day: "2024-01-02") { cents } }')
    assert data == {"deletePrice": {"cents": 2}}
    assert await stand.rows("select cents from prices") == [(1,)]
