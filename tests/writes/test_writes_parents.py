"""Rows inserted together with the rows they refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from writes.stand import code_of

if TYPE_CHECKING:
    from writes.stand import Stand

THINGS = (
    "mutation ($new: [ThingInsert!]!) { insertThings(inputs: $new)"
    " { name box { place shelf { code rank } } } }"
)
BOX = "mutation ($new: BoxInsert!) { insertBox(input: $new) { place shelf { code } } }"


async def counts(stand: Stand) -> list[int]:
    """How many rows there are of each table."""
    tables = ("things", "boxes", "shelves", "tags")
    return [await stand.value(f"select count(*) from {table}") for table in tables]  # noqa: S608 - names of ours


async def test_parents_and_theirs(stand: Stand) -> None:
    """Each row gets its own, level by level, at one statement for each set of columns."""
    new: list[dict[str, Any]] = [
        {"name": f"t{n}", "box": {"place": n, "shelf": {"code": f"s{n}", "rank": n}}}
        for n in range(50)
    ]
    await stand.data('mutation { insertThing(input: {name: "x"}) { id } }')
    with stand.statements() as heard:
        data = await stand.data(THINGS, new=new)
    assert data == {"insertThings": new}
    assert len([text for text in heard if text.startswith("INSERT")]) == 3


async def test_some_with_and_some_without(stand: Stand) -> None:
    """A new row, one that is there, by its key, or none: in the order given."""
    await stand.data(BOX, new={"place": 7, "shelf": {"code": "old"}})
    new = [
        {"name": "a", "boxId": "1"},
        {"name": "b", "box": {"place": 8, "shelf": {"code": "new"}}},
        {"name": "c"},
        {"name": "d", "box": None},
        {"name": "e", "box": {"place": 9, "shelfId": "1"}},
    ]
    data = await stand.data(THINGS, new=new)
    found = [
        row["box"] and (row["box"]["place"], row["box"]["shelf"]["code"])
        for row in data["insertThings"]
    ]
    assert found == [(7, "old"), (8, "new"), None, None, (9, "old")]


async def test_a_parent_with_children_of_its_own(stand: Stand) -> None:
    """They are inserted with it, beside the row that began."""
    new = {"place": 1, "shelf": {"code": "a", "boxes": [{"place": 2}], "tags": [{"word": "t"}]}}
    data = await stand.data(BOX, new={**new, "things": [{"name": "x"}]})
    assert data == {"insertBox": {"place": 1, "shelf": {"code": "a"}}}
    assert await counts(stand) == [1, 2, 1, 1]
    assert await stand.rows("select shelf_id, place from boxes order by 2") == [(1, 1), (1, 2)]


async def test_a_child_with_a_parent_of_another_sort(stand: Stand) -> None:
    """What is nested in a row may itself refer to a new one."""
    data = await stand.data(
        'mutation { insertTag(input: {word: "w", ratings: [{stars: 5, box: {place: 1,'
        ' shelf: {code: "s"}}}]}) { boxes { nodes { place shelf { code } } } } }'
    )
    assert data["insertTag"]["boxes"]["nodes"] == [{"place": 1, "shelf": {"code": "s"}}]


async def test_keys_of_several_columns(stand: Stand) -> None:
    """All of them are filled in; a part of them given beside is refused."""
    document = (
        "mutation ($new: [OfferInsert!]!) { insertOffers(inputs: $new)"
        " { id price { country day cents } } }"
    )
    price = {"country": "it", "day": "2024-01-01", "cents": 5}
    data = await stand.data(document, new=[{"price": price}, {}])
    assert data["insertOffers"] == [{"id": 1, "price": price}, {"id": 2, "price": None}]
    error = await stand.error(document, new=[{"price": price, "country": "it"}])
    assert error["message"].startswith("`inputs[0].price` and `country` and `day` both say")


async def test_an_upsert_with_a_new_parent(stand: Stand) -> None:
    """The row moves to it; where it may be left alone, a parent for nothing is refused."""
    await stand.data(BOX, new={"place": 1, "shelf": {"code": "a"}})
    upsert = (
        'mutation ($where: ShelfWhere) { upsertShelf(input: {code: "a", rank: 3,'
        " boxes: [{place: 2}]}, where: $where) { rank boxes { totalCount } } }"
    )
    data = await stand.data(upsert, where={"rank": {"gt": 3}})
    assert data == {"upsertShelf": {"rank": 3, "boxes": {"totalCount": 2}}}
    for field in ("upsertBox(where: {id: {eq: 1}}, ", "insertNewBox("):
        given = 'input: {place: 1, shelf: {code: "b"}})'
        error = await stand.error(f"mutation {{ {field}{given} {{ id }} }}")
        assert code_of(error) == "BAD_USER_INPUT"
        assert "`input.shelf`" in error["message"]
        assert "`shelfId`" in error["message"]
    moved = 'mutation { upsertBox(input: {place: 1, shelf: {code: "b"}}) { shelf { code } } }'
    assert await stand.data(moved) == {"upsertBox": {"shelf": {"code": "b"}}}


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ({"place": 1, "shelfId": "1", "shelf": {}}, "`input.shelf` and `shelfId` both say"),
        (
            {"place": 1, "shelf": {"boxes": [{"place": 1, "shelf": {}}]}},
            "`input.shelf.boxes[0].shelf` comes",
        ),
        (
            {"place": 1, "shelf": {}, "things": [{"name": "x", "box": {"place": 2}}]},
            "`input.things[0].box` comes",
        ),
        ({"place": 1}, "`input.shelfId` is required"),
        ({"place": 1, "shelf": {"label": "\0"}}, "`input.shelf.label` must be"),
        ({"place": 1, "shelf": {"rank": None}}, "`input.shelf.rank` must not be null"),
    ],
    ids=str,
)
async def test_bad_input_is_named(new: dict[str, Any], says: str, stand: Stand) -> None:
    """By where it stands, before anything is written."""
    error = await stand.error(BOX, new=new)
    assert code_of(error) == "BAD_USER_INPUT"
    assert error["message"].startswith(says)
    assert await counts(stand) == [0, 0, 0, 0]


async def test_one_that_fails_takes_all_with_it(stand: Stand) -> None:
    """Whether the parent breaks a constraint, or the row itself; the error names it."""
    for new, constraint in (
        ({"place": 1, "shelf": {"rank": 1_000}}, "rank_is_small"),
        ({"place": 1, "shelf": {"boxes": [{"place": 2}, {"place": 2}]}}, "one_box_a_place"),
        ({"place": 1, "shelf": {"boxes": [{"place": 1}]}}, "one_box_a_place"),
    ):
        error = await stand.error(BOX, new=new)
        assert error["extensions"]["constraint"] == constraint
        assert await counts(stand) == [0, 0, 0, 0]


async def test_deeper_than_allowed(stand: Stand) -> None:
    """Levels count upwards as they do downwards."""
    shelf: dict[str, Any] = {"code": "deep"}
    new = {"name": "x", "box": {"place": 1, "shelf": {"tags": [{"word": "w", "shelves": [shelf]}]}}}
    await stand.data(THINGS, new=[new])
    shelf["boxes"] = [{"place": 1}]
    error = await stand.error(THINGS, new=[new])
    assert code_of(error) == "BAD_USER_INPUT"
    assert (
        "`inputs[0].box.shelf.tags[0].shelves[0].boxes[0]` is nested deeper than 5 levels"
        in error["message"]
    )
