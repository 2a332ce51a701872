"""Updates: by key and by condition, with the lock by version, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from writes.stand import code_of

if TYPE_CHECKING:
    from writes.stand import Stand

SHELVES = "select id, code, label, rank from shelves order by id"
ONE = "mutation ($id: ID!, $set: ShelfPatch!) { updateShelf(id: $id, set: $set) { code label } }"
LOCKED = (
    "mutation ($id: ID!, $version: Int, $set: ShelfPatch!)"
    " { updateShelfLocked(id: $id, version: $version, set: $set) { rank version } }"
)
MANY = (
    "mutation ($where: ShelfWhere!, $set: ShelfPatch!, $all: Boolean! = false)"
    " { updateShelves(where: $where, set: $set, all: $all) { id rank } }"
)


@pytest.fixture(autouse=True)
async def shelves(stand: Stand) -> None:
    """Three shelves, 1 to 3, of ranks 1 to 3."""
    await stand.connection.execute(
        "insert into shelves (code, rank) values ('a', 1), ('b', 2), ('c', 3)"
    )


async def test_only_what_is_given_changes(stand: Stand) -> None:
    """Null sets null; what is left out stays; other rows stay."""
    assert await stand.data(ONE, {"id": 2, "set": {"label": None}}) == {
        "updateShelf": {"code": "b", "label": None}
    }
    assert await stand.data(ONE, {"id": 2, "set": {"code": "B"}}) == {
        "updateShelf": {"code": "B", "label": None}
    }
    assert await stand.rows(SHELVES) == [
        (1, "a", "blank", 1),
        (2, "B", None, 2),
        (3, "c", "blank", 3),
    ]


async def test_a_row_that_is_not_there(stand: Stand) -> None:
    """Null, without an error: there was nothing to change."""
    assert await stand.data(ONE, {"id": 9, "set": {"label": "x"}}) == {"updateShelf": None}


async def test_a_key_may_change(stand: Stand) -> None:
    """The row is returned under its new key."""
    data = await stand.data('mutation { updateShelf(id: 3, set: {id: "30"}) { id code } }')
    assert data == {"updateShelf": {"id": "30", "code": "c"}}
    change = 'mutation { updateShelves(where: {code: {eq: "c"}}, set: {id: "40"}) { id code } }'
    assert await stand.data(change) == {"updateShelves": [{"id": "40", "code": "c"}]}


async def test_a_key_of_several_columns(stand: Stand) -> None:
    """All of its parts are arguments."""
    await stand.connection.execute(
        "insert into prices values ('it', '2024-01-01', 1), ('it', '2024-01-02', 2)"
    )
    data = await stand.data(
        'mutation { updatePrice(country: "it", day: "2024-01-02", set: {cents: 5}) { day cents } }'
    )
    assert data == {"updatePrice": {"day": "2024-01-02", "cents": 5}}
    assert await stand.rows("select cents from prices order by day") == [(1,), (5,)]


@pytest.mark.parametrize(
    "where",
    [
        {"rank": {"gte": 2}},
        {"or": [{"code": {"in": ["c"]}}, {"rank": {"eq": 2}}]},
        {"not": {"code": {"eq": "a"}}},
        {"boxes": {"some": {"place": {"eq": 1}}}},
    ],
    ids=["column", "or", "not", "relation"],
)
async def test_all_rows_a_condition_picks(where: dict[str, object], stand: Stand) -> None:
    """They are returned in the order of their keys, whatever the order on disk."""
    await stand.connection.execute("insert into boxes (shelf_id, place) values (3, 1), (2, 1)")
    await stand.connection.execute("update shelves set label = 'moved' where id = 2")
    data = await stand.data(MANY, {"where": where, "set": {"rank": 50}})
    assert data["updateShelves"] == [{"id": "2", "rank": 50}, {"id": "3", "rank": 50}]
    assert await stand.rows("select rank from shelves order by id") == [(1,), (50,), (50,)]


async def test_a_condition_that_picks_nothing(stand: Stand) -> None:
    """An empty list."""
    data = await stand.data(MANY, {"where": {"rank": {"gt": 50}}, "set": {"rank": 0}})
    assert data == {"updateShelves": []}


EVERY_ROW: dict[str, dict[str, object]] = {
    "empty": {},
    "and of nothing": {"and": []},
    "and of empty ones": {"and": [{}, {"and": []}]},
    "or with an empty one": {"or": [{"rank": {"eq": 1}}, {}]},
    "not of nothing to hold": {"not": {"or": []}},
    "a column without operators": {"rank": {}},
    "not not": {"not": {"not": {}}},
}


@pytest.mark.parametrize("name", EVERY_ROW)
async def test_every_row_must_be_said(name: str, stand: Stand) -> None:
    """A condition that is empty, however it is spelt, needs `all: true`."""
    change = {"where": EVERY_ROW[name], "set": {"rank": 9}}
    error = await stand.error(MANY, change)
    assert code_of(error) == "BAD_USER_INPUT"
    assert "all: true" in error["message"]
    assert await stand.value("select count(*) from shelves where rank = 9") == 0
    data = await stand.data(MANY, {**change, "all": True})
    assert len(data["updateShelves"]) == 3


@pytest.mark.parametrize(
    "where",
    [
        {"rank": None},
        {"rank": {"lt": 3}, "code": None},
        {"and": [{"rank": {"lt": 3}}, {"not": None}]},
        {"boxes": {"none": None}},
        {"rank": {"lt": 3, "gt": None}},
        {"boxes": {"none": {"shelf": {"code": None}}}},
    ],
    ids=str,
)
async def test_a_condition_of_null(where: dict[str, object], stand: Stand) -> None:
    """A variable that was null by mistake must not widen a write: it is refused."""
    error = await stand.error(MANY, {"where": where, "set": {"rank": 9}})
    assert code_of(error) == "BAD_USER_INPUT"
    assert await stand.value("select count(*) from shelves where rank = 9") == 0


async def test_nothing_to_set(stand: Stand) -> None:
    """An empty `set` is a mistake, not a change of nothing."""
    for document, variables in (
        (ONE, {"id": 1, "set": {}}),
        (MANY, {"where": {"rank": {"eq": 1}}, "set": {}}),
        (LOCKED, {"id": 1, "version": 1, "set": {}}),
    ):
        error = await stand.error(document, variables)
        assert code_of(error) == "BAD_USER_INPUT"
        assert "`set`" in error["message"]


async def test_more_rows_than_allowed(stand: Stand) -> None:
    """Beyond the bound nothing is touched, and the rows beyond are not even read."""
    await stand.connection.execute(
        "insert into shelves (rank) select 9 from generate_series(1, 10_001)"
    )
    change = {"where": {"rank": {"eq": 9}}, "set": {"rank": 10}}
    with stand.statements() as heard:
        error = await stand.error(MANY, change)
    assert code_of(error) == "BAD_USER_INPUT"
    assert "10000" in error["message"]
    assert not any(statement.startswith("UPDATE") for statement in heard)
    assert await stand.value("select count(*) from shelves where rank = 10") == 0
    await stand.connection.execute("delete from shelves where id = 4")
    document = MANY.replace("{ id rank }", "{ __typename }")
    assert len((await stand.data(document, change))["updateShelves"]) == 10_000


async def test_the_version_that_was_read(stand: Stand) -> None:
    """With the right version the row changes and counts on; with an older one nothing happens."""
    change = {"id": 1, "version": 1, "set": {"rank": 10}}
    assert await stand.data(LOCKED, change) == {"updateShelfLocked": {"rank": 10, "version": 2}}
    error = await stand.error(LOCKED, change)
    assert code_of(error) == "VERSION_CONFLICT"
    assert await stand.data(LOCKED, {**change, "version": 2, "set": {"rank": 11}}) == {
        "updateShelfLocked": {"rank": 11, "version": 3}
    }
    assert await stand.rows("select rank, version from shelves where id = 1") == [(11, 3)]


async def test_no_version_given(stand: Stand) -> None:
    """Then any version will do, and it counts all the same, so that others notice."""
    data = await stand.data(LOCKED, {"id": 1, "set": {"rank": 10}})
    assert data == {"updateShelfLocked": {"rank": 10, "version": 2}}
    error = await stand.error(LOCKED, {"id": 1, "version": 1, "set": {"rank": 5}})
    assert code_of(error) == "VERSION_CONFLICT"


@pytest.mark.parametrize("changes", [{"set": {"version": 1}}, {"set": {}, "inc": {"version": -1}}])
async def test_a_version_is_counted_and_never_set(changes: dict[str, object], stand: Stand) -> None:
    """A client that wound it back would let another's lost update pass for the row that it read."""
    await stand.data(LOCKED, {"id": 1, "set": {"rank": 10}})
    document = LOCKED.replace("$set: ShelfPatch!", "$set: ShelfPatch, $inc: ShelfInc").replace(
        "set: $set", "set: $set, inc: $inc"
    )
    error = await stand.error(document, {"id": 1, **changes})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "`version` takes the one that you read" in error["message"]
    assert await stand.rows("select version from shelves where id = 1") == [(2,)]


async def test_the_version_of_a_row_that_is_gone(stand: Stand) -> None:
    """Null: there is nothing another could have changed."""
    data = await stand.data(LOCKED, {"id": 9, "version": 1, "set": {"rank": 5}})
    assert data == {"updateShelfLocked": None}


async def test_what_a_trigger_refuses(stand: Stand) -> None:
    """A trigger's own message may hold values; it stays inside."""
    await stand.connection.execute("insert into sealed_boxes (seal) values ('hunter2')")
    error = await stand.error('mutation { updateSealedBox(id: 1, set: {seal: "x"}) { id } }')
    assert code_of(error) == "SOURCE_ERROR"
    assert "hunter2" not in str(error)
