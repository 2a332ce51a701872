"""Rows inserted together with the rows they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from writes.stand import code_of

if TYPE_CHECKING:
    from writes.stand import Stand

SHELF = (
    "mutation ($new: ShelfInsert!) { insertShelf(input: $new) { code"
    " boxes(orderBy: [{place: ASC}]) { nodes { place name things(orderBy: [{name: ASC}])"
    " { nodes { name } } } } tags(orderBy: [{id: ASC}]) { nodes { word } } } }"
)


def shown(shelf: dict[str, Any]) -> dict[str, Any]:
    """A shelf of the answer in the form in which it was given."""
    boxes = [
        {**box, "things": box["things"]["nodes"]} if box["things"]["nodes"] else _bare(box)
        for box in shelf["boxes"]["nodes"]
    ]
    return {**shelf, "boxes": boxes, "tags": shelf["tags"]["nodes"]}


def _bare(box: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in box.items() if name != "things"}


async def test_children_of_two_sorts_and_their_children(stand: Stand) -> None:
    """All levels are stored and related, and the answer shows them."""
    new = {
        "code": "a",
        "boxes": [
            {"place": 1, "name": "x", "things": [{"name": "ink"}, {"name": "pen"}]},
            {"place": 2, "name": None},
        ],
        "tags": [{"word": "old"}, {"word": "tall"}],
    }
    data = await stand.data(SHELF, {"new": new})
    assert shown(data["insertShelf"]) == new
    assert await stand.rows("select shelf_id, tag_id from shelf_tags order by 2") == [
        (1, 1),
        (1, 2),
    ]


async def test_the_one_row_that_refers_to_another(stand: Stand) -> None:
    """Is one object, with it or none."""
    document = (
        "mutation ($new: [ShelfInsert!]!) { insertShelves(inputs: $new)"
        " { code plate { text shelf { code } } } }"
    )
    new = [{"code": "a", "plate": {"text": "A"}}, {"code": "b"}, {"code": "c", "plate": None}]
    data = await stand.data(document, new=new)
    assert [row["plate"] for row in data["insertShelves"]] == [
        {"text": "A", "shelf": {"code": "a"}},
        None,
        None,
    ]
    error = await stand.error(document, new=[{"plate": {"text": "x", "shelfId": "1"}}])
    assert code_of(error) == "BAD_USER_INPUT"
    assert "`inputs[0].plate.shelfId` comes from the row it is nested in" in error["message"]


async def test_children_of_many_rows(stand: Stand) -> None:
    """Each gets its own, whatever the sets of columns, at one statement for each of them."""
    rows = [
        {
            "code": f"c{number}",
            **({"rank": number} if number % 2 else {}),
            "boxes": [{"place": place, "name": f"{number}.{place}"} for place in range(number % 3)],
            "tags": [{"word": f"t{number}"}],
        }
        for number in range(100)
    ]
    document = (
        "mutation ($new: [ShelfInsert!]!) { insertShelves(inputs: $new) { code"
        " boxes(orderBy: [{place: ASC}]) { nodes { name } } tags { nodes { word } } } }"
    )
    await stand.data('mutation { insertThing(input: {name: "x"}) { id } }')
    with stand.statements() as heard:
        data = await stand.data(document, {"new": rows})
    for number, shelf in enumerate(data["insertShelves"]):
        assert shelf == {
            "code": f"c{number}",
            "boxes": {"nodes": [{"name": f"{number}.{place}"} for place in range(number % 3)]},
            "tags": {"nodes": [{"word": f"t{number}"}]},
        }
    assert len([text for text in heard if text.startswith("INSERT")]) == 5


async def test_a_parent_that_is_there_already(stand: Stand) -> None:
    """An upsert that updates its row gives it the children, too."""
    document = SHELF.replace("insertShelf", "upsertShelf")
    await stand.data(document, {"new": {"code": "a", "boxes": [{"place": 1}]}})
    data = await stand.data(document, {"new": {"code": "a", "boxes": [{"place": 2}]}})
    assert [box["place"] for box in data["upsertShelf"]["boxes"]["nodes"]] == [1, 2]


async def test_a_parent_with_a_key_of_several_columns(stand: Stand) -> None:
    """The children get all of them."""
    data = await stand.data(
        'mutation { insertPrice(input: {country: "it", day: "2024-01-01", offers: [{}, {}]})'
        " { offers { nodes { id price { country day } } } } }"
    )
    price = {"country": "it", "day": "2024-01-01"}
    assert data["insertPrice"]["offers"]["nodes"] == [
        {"id": 1, "price": price},
        {"id": 2, "price": price},
    ]


async def test_rows_of_a_table_between_with_more_in_it(stand: Stand) -> None:
    """As an entity of its own they are children like any other, and refer to what is there."""
    await stand.data("mutation { insertShelf(input: {boxes: [{place: 1}]}) { id } }")
    data = await stand.data(
        'mutation { insertTag(input: {word: "x", ratings: [{boxId: "1", stars: 5}]})'
        " { boxes { nodes { place } } ratings { nodes { stars } } } }"
    )
    assert data["insertTag"] == {
        "boxes": {"nodes": [{"place": 1}]},
        "ratings": {"nodes": [{"stars": 5}]},
    }


async def test_from_the_other_side_of_a_table_between(stand: Stand) -> None:
    """Either side may be the parent, and a child the parent of further ones."""
    data = await stand.data(
        'mutation { insertTag(input: {word: "x", shelves: [{code: "a", tags: [{word: "y"}]}]})'
        " { shelves { nodes { code tags(orderBy: [{word: ASC}]) { nodes { word } } } } } }"
    )
    assert data["insertTag"]["shelves"]["nodes"] == [
        {"code": "a", "tags": {"nodes": [{"word": "x"}, {"word": "y"}]}}
    ]


async def test_a_child_that_fails_takes_all_with_it(stand: Stand) -> None:
    """Nothing of the field is stored, and the error is the child's."""
    for new, constraint in (
        ({"boxes": [{"place": 1}, {"place": 1}]}, "one_box_a_place"),
        ({"boxes": [{"place": 1}], "tags": [{"word": "x"}, {"word": "x"}]}, "tags_word_key"),
    ):
        error = await stand.error(SHELF, {"new": {"code": "a", **new}})
        assert code_of(error) == "CONSTRAINT_VIOLATION"
        assert error["extensions"]["constraint"] == constraint
        for table in ("shelves", "boxes", "tags", "shelf_tags"):
            assert await stand.value(f"select count(*) from {table}") == 0  # noqa: S608 - names of ours


async def test_what_the_parent_gives_must_be_left_out(stand: Stand) -> None:
    """A child that names another parent is refused, not moved."""
    new = {"boxes": [{"place": 1, "shelfId": "5"}]}
    error = await stand.error(SHELF, {"new": new})
    assert code_of(error) == "BAD_USER_INPUT"
    assert "input.boxes[0].shelfId" in error["message"]


async def test_bad_input_of_a_child(stand: Stand) -> None:
    """The message says where it stands."""
    new = {"boxes": [{"place": 1, "things": [{"name": "\x00"}]}]}
    error = await stand.error(SHELF, {"new": new})
    assert code_of(error) == "BAD_USER_INPUT"
    assert "input.boxes[0].things[0].name" in error["message"]
    error = await stand.error(SHELF, {"new": {"tags": [{"word": None}]}})
    assert code_of(error) == "BAD_USER_INPUT"


async def test_deeper_than_allowed(stand: Stand) -> None:
    """Five levels are fine, a sixth is refused."""

    def nested(levels: int) -> dict[str, Any]:
        odd = levels % 2
        row: dict[str, Any] = {"word": f"w{levels}"} if odd else {"code": f"c{levels}"}
        if levels > 1:
            row["shelves" if odd else "tags"] = [nested(levels - 1)]
        return row

    document = "mutation ($new: TagInsert!) { insertTag(input: $new) { word } }"
    assert await stand.data(document, {"new": nested(5)}) == {"insertTag": {"word": "w5"}}
    error = await stand.error(document, {"new": nested(7)})
    assert code_of(error) == "BAD_USER_INPUT"
    assert "5 levels" in error["message"]


async def test_more_rows_than_allowed(stand: Stand) -> None:
    """Children count as rows of the write."""
    new = {"boxes": [{"place": place} for place in range(10_000)]}
    error = await stand.error(SHELF, {"new": new})
    assert code_of(error) == "BAD_USER_INPUT"
    assert "10000" in error["message"]
