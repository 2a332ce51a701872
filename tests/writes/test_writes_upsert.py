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
