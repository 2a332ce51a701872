"""Upserts: a row that is there is brought up to date, another is inserted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from writes.stand import code_of

if TYPE_CHECKING:
    from writes.stand import Stand

ONE = "mutation ($new: ShelfInsert!) { upsertShelf(input: $new) { id code label rank } }"
MANY = "mutation ($new: [ShelfInsert!]!) { upsertShelves(inputs: $new) { id code label rank } }"
SHELVES = "select code, label, rank from shelves order by id"


async def test_first_an_insert_then_an_update(stand: Stand) -> None:
    """The second time the row keeps its number, and what was left out stays as it was."""
    first = (await stand.data(ONE, {"new": {"code": "a", "label": "x"}}))["upsertShelf"]
    assert first == {"id": "1", "code": "a", "label": "x", "rank": 7}
    second = (await stand.data(ONE, {"new": {"code": "a", "rank": 2}}))["upsertShelf"]
    assert second == {"id": "1", "code": "a", "label": "x", "rank": 2}
    third = (await stand.data(ONE, {"new": {"code": "a", "label": None}}))["upsertShelf"]
    assert third == {"id": "1", "code": "a", "label": None, "rank": 2}
    assert await stand.rows(SHELVES) == [("a", None, 2)]


async def test_new_and_old_rows_together(stand: Stand) -> None:
    """Some are there, some are not, with several sets of columns: the order is the given one."""
    await stand.data(MANY, {"new": [{"code": "a", "rank": 1}, {"code": "b", "rank": 2}]})
    rows = [{"code": "c", "rank": 3}, {"code": "b", "label": "B"}, {"code": "a", "rank": 10}, {}]
    data = await stand.data(MANY, {"new": rows})
    assert [(row["code"], row["label"], row["rank"]) for row in data["upsertShelves"]] == [
        ("c", "blank", 3),
        ("b", "B", 2),
        ("a", "blank", 10),
        (None, "blank", 7),
    ]
    assert await stand.value("select count(*) from shelves") == 4


async def test_nothing_but_the_key(stand: Stand) -> None:
    """A row of only its key is inserted once, and returned whenever it is there."""
    for _ in range(2):
        data = await stand.data(ONE, {"new": {"code": "a"}})
        assert data["upsertShelf"] == {"id": "1", "code": "a", "label": "blank", "rank": 7}
    prices = "mutation { upsertPrices(inputs: [{country: "
    prices += '"it", day: "2024-01-01"}]) { country cents } }'
    for _ in range(2):
        assert await stand.data(prices) == {"upsertPrices": [{"country": "it", "cents": None}]}


async def test_a_key_of_several_columns(stand: Stand) -> None:
    """All of its columns decide together; foreign keys may be among them."""
    shelf = (await stand.data(ONE, {"new": {"code": "a"}}))["upsertShelf"]["id"]
    box = "mutation ($new: BoxInsert!) { upsertBox(input: $new) { id place name } }"
    for place, name, number in ((1, "x", "1"), (2, "y", "2"), (1, "z", "1")):
        data = await stand.data(box, {"new": {"shelfId": shelf, "place": place, "name": name}})
        assert data["upsertBox"]["place"] == place
        assert data["upsertBox"]["name"] == name
        if number == "1":
            assert data["upsertBox"]["id"] == "1"
    assert await stand.rows("select place, name from boxes order by place") == [(1, "z"), (2, "y")]


@pytest.mark.parametrize(
    "rows",
    [
        [{"code": "a", "rank": 1}, {"code": "a", "rank": 2}],
        [{"code": "a", "rank": 1}, {"code": "b"}, {"code": "a", "label": "x"}],
        [{"code": "old"}, {"code": "old", "rank": 1}],
    ],
    ids=["alike", "of other columns", "of a row that is there"],
)
async def test_the_same_row_twice(rows: list[dict[str, object]], stand: Stand) -> None:
    """Which one should win nobody can say: it is refused, and nothing is stored."""
    await stand.data(ONE, {"new": {"code": "old"}})
    error = await stand.error(MANY, {"new": rows})
    assert code_of(error) == "BAD_USER_INPUT"
    assert "upsert" in error["message"]
    assert await stand.rows(SHELVES) == [("old", "blank", 7)]


async def test_another_constraint_still_holds(stand: Stand) -> None:
    """Only the named key decides; a row that breaks another constraint is refused."""
    await stand.data(ONE, {"new": {"code": "a"}})
    error = await stand.error(ONE, {"new": {"code": "a", "rank": 1_000}})
    assert error["extensions"]["constraint"] == "rank_is_small"
    error = await stand.error(ONE, {"new": {"code": "b", "id": "1"}})
    assert error["extensions"]["columns"] == ["id"]
    assert await stand.rows(SHELVES) == [("a", "blank", 7)]


WHERE = (
    "mutation ($new: [ShelfInsert!]!, $where: ShelfWhere, $inc: [ShelfNumber!])"
    " { upsertShelves(inputs: $new, where: $where, inc: $inc) { code label rank } }"
)


async def test_only_where_the_row_is_like_this(stand: Stand) -> None:
    """Others stay as they are and are left out; new rows are inserted, whatever they are like."""
    await stand.data(MANY, {"new": [{"code": f"c{rank}", "rank": rank} for rank in range(6)]})
    new = [{"code": f"c{number}", "label": "new"} for number in (5, 0, 7, 2, 4)]
    new.insert(2, {"code": "c1", "rank": 100})
    data = await stand.data(WHERE, new=new, where={"rank": {"lt": 3}})
    assert [(row["code"], row["label"], row["rank"]) for row in data["upsertShelves"]] == [
        ("c0", "new", 0),
        ("c1", "blank", 100),
        ("c7", "new", 7),
        ("c2", "new", 2),
    ]
    assert await stand.rows("select code from shelves where label = 'new' order by id") == [
        ("c0",),
        ("c2",),
        ("c7",),
    ]
    for where in (None, {}):
        data = await stand.data(WHERE, new=new[:1], where=where)
        assert [row["code"] for row in data["upsertShelves"]] == ["c5"]
    one = 'mutation { upsertShelf(input: {code: "c4"}, where: {id: {eq: 0}}) { id } }'
    assert await stand.data(one) == {"upsertShelf": None}
    data = await stand.data(WHERE, new=new[3:], where={"rank": {"eq": 2}}, inc=["RANK"])
    assert [row["code"] for row in data["upsertShelves"]] == ["c2"]


async def test_the_condition_looks_further(stand: Stand) -> None:
    """At related rows and at how many there are, by names that the insert uses too."""
    await stand.connection.execute(
        "insert into shelves (code, rank) values ('a', 1), ('b', 2), ('c', 3);"
        "insert into boxes (shelf_id, place) values (1, 1), (1, 2), (2, 1);"
        "insert into tags (word) values ('t'); insert into shelf_tags values (3, 1)"
    )
    new = [{"code": code, "label": "x"} for code in "cba"]
    for where, codes in (
        ({"boxes": {"some": {"place": {"eq": 1}}}}, "ba"),
        ({"boxes": {"count": {"gt": 1}}}, "a"),
        ({"tags": {"some": {"word": {"eq": "t"}}}}, "c"),
        ({"not": {"boxes": {"some": {}}}}, "c"),
        ({"boxes": {"some": {"shelf": {"code": {"eq": "b"}}}}}, "b"),
    ):
        data = await stand.data(WHERE, new=new, where=where)
        assert "".join(row["code"] for row in data["upsertShelves"]) == codes


async def test_children_of_rows_that_are_left_out(stand: Stand) -> None:
    """Are left out, too; the others' are inserted with their own parents."""
    await stand.data(MANY, {"new": [{"code": "a", "rank": 1}, {"code": "b", "rank": 9}]})
    new = [{"code": code, "boxes": [{"place": 1, "name": code}]} for code in "bca"]
    await stand.data(WHERE, new=new, where={"rank": {"lt": 5}})
    boxes = "select s.code, b.name from boxes b join shelves s on s.id = b.shelf_id order by 1"
    assert await stand.rows(boxes) == [("a", "a"), ("c", "c")]


async def test_a_condition_that_is_null(stand: Stand) -> None:
    """Is refused within, as it would change more rows than were meant."""
    error = await stand.error(WHERE, new=[{"code": "a"}], where={"rank": {"lt": None}})
    assert code_of(error) == "BAD_USER_INPUT"
    error = await stand.error(WHERE, new=[{"code": "a"}], where={"boxes": None})
    assert "where.boxes" in error["message"]
