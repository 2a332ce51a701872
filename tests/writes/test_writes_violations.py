"""Violated constraints: a typed error that names columns and constraint, and never a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from writes.stand import Stand


class Broken(NamedTuple):
    """A mutation, and the violation it must report."""

    mutation: str
    kind: str
    constraint: str
    columns: list[str]


BROKEN = {
    "unique": Broken(
        'insertShelf(input: {code: "s3cret"}) { id }', "unique", "shelves_code_key", ["code"]
    ),
    "unique by update": Broken(
        'updateShelf(id: 2, set: {code: "s3cret"}) { id }', "unique", "shelves_code_key", ["code"]
    ),
    "unique of several": Broken(
        "insertBox(input: {shelfId: 1, place: 424242}) { id }",
        "unique",
        "one_box_a_place",
        ["shelf_id", "place"],
    ),
    "unique by an expression": Broken(
        'insertTag(input: {word: "S3CRET"}) { id }', "unique", "tags_by_lower_word", []
    ),
    "a key": Broken('insertShelf(input: {id: "1"}) { id }', "unique", "shelves_pkey", ["id"]),
    "foreign key": Broken(
        'insertBox(input: {shelfId: "424242", place: 1}) { id }',
        "foreignKey",
        "boxes_shelf_id_fkey",
        ["shelf_id"],
    ),
    "foreign key by update": Broken(
        'updateBox(id: 1, set: {shelfId: "424242"}) { id }',
        "foreignKey",
        "boxes_shelf_id_fkey",
        ["shelf_id"],
    ),
    "still referred to": Broken(
        "deleteShelf(id: 1) { id }", "foreignKey", "boxes_shelf_id_fkey", ["id"]
    ),
    "check": Broken("insertShelf(input: {rank: 424242}) { id }", "check", "rank_is_small", []),
    "not null": Broken('insertThing(input: {name: "s3cret"}) { id }', "notNull", "", ["box_id"]),
}


@pytest.fixture(autouse=True)
async def rows(stand: Stand) -> None:
    """A shelf with a code and a box, and a second shelf."""
    await stand.connection.execute(
        "insert into shelves (code) values ('s3cret'), ('b');"
        "insert into boxes (shelf_id, place) values (1, 424242);"
        "insert into tags (word) values ('s3cret')"
    )


@pytest.mark.parametrize("name", BROKEN)
async def test_a_violation_is_told(name: str, stand: Stand) -> None:
    """Kind, constraint and columns are in the extensions; no value is anywhere in the error."""
    mutation, kind, constraint, columns = BROKEN[name]
    if kind == "notNull":
        # The entity promises less than the table: what only the table demands is its to refuse.
        await stand.connection.execute("alter table things alter box_id set not null")
    try:
        error = await stand.error(f"mutation {{ {mutation} }}")
    finally:
        await stand.connection.execute("alter table things alter box_id drop not null")
    found = error["extensions"]
    assert found.pop("code") == "CONSTRAINT_VIOLATION"
    assert found == {"kind": kind, "constraint": constraint, "columns": columns}
    assert "s3cret" not in str(error).lower()
    assert "424242" not in str(error)
    assert all(column in error["message"] for column in columns)
    if kind == "foreignKey":
        there = "must refer to a row that is there."
        says = "still refer to the row" if name == "still referred to" else there
        assert says in error["message"]
    assert await stand.rows("select code from shelves order by id") == [("s3cret",), ("b",)]
