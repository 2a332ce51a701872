"""Several fields of one mutation: one after the other, each on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from writes import shop
from writes.stand import code_of

if TYPE_CHECKING:
    from writes.stand import Stand


async def test_fields_run_one_after_the_other(stand: Stand) -> None:
    """A later field meets what an earlier one did, and the answers stand in the given order."""
    data = await stand.data(
        """
        mutation {
          __typename
          b: insertShelf(input: {code: "x", rank: 1}) { rank }
          a: upsertShelf(input: {code: "x", rank: 2}) { rank }
          c: updateShelf(id: 1, set: {rank: 3}) { rank }
          e: deleteShelf(id: 1) { rank }
          d: insertShelf(input: {code: "x"}) { rank }
        }
        """
    )
    assert list(data) == ["__typename", "b", "a", "c", "e", "d"]
    assert [row["rank"] for row in list(data.values())[1:]] == [1, 2, 3, 3, 7]


async def test_a_failed_field_is_that_fields_alone(stand: Stand) -> None:
    """What was committed before it stays, and what comes after it runs."""
    body = await stand.ask(
        'mutation { a: insertShelf(input: {code: "x", boxes: [{place: 1}]}) { id }'
        ' b: insertShelves(inputs: [{code: "y"}, {code: "x"}]) { id }'
        ' c: insertShelf(input: {code: "z"}) { code } }'
    )
    assert body["data"] == {"a": {"id": "1"}, "b": None, "c": {"code": "z"}}
    (error,) = body["errors"]
    assert error["path"] == ["b"]
    assert code_of(error) == "CONSTRAINT_VIOLATION"
    assert await stand.rows("select code from shelves order by id") == [("x",), ("z",)]


async def test_a_later_field_with_bad_input(stand: Stand) -> None:
    """All input is read before anything runs: nothing is written."""
    error = await stand.error(
        'mutation { a: insertShelf(input: {code: "x"}) { id }'
        " b: updateShelf(id: 1, set: {}) { id } }"
    )
    assert code_of(error) == "BAD_USER_INPUT"
    assert await stand.value("select count(*) from shelves") == 0


async def test_python_resolvers_beside_writes(stand: Stand) -> None:
    """They take their turn among them, whichever is first, and whichever fails."""
    body = await stand.ask(
        """
        mutation {
          one: remember(word: "one")
          a: insertShelf(input: {code: "x"}) { shout }
          two: remember(word: "two")
          b: insertShelf(input: {code: "x"}) { id }
          bad: forget
          c: updateShelf(id: 1, set: {label: "c"}) { label shout }
          three: remember(word: "three")
        }
        """
    )
    assert body["data"] == {
        "one": 1,
        "a": {"shout": "BLANK"},
        "two": 2,
        "b": None,
        "bad": None,
        "c": {"label": "c", "shout": "C"},
        "three": 3,
    }
    assert list(body["data"]) == ["one", "a", "two", "b", "bad", "c", "three"]
    assert [error["path"] for error in body["errors"]] == [["b"], ["bad"]]
    assert [code_of(error) for error in body["errors"]] == ["CONSTRAINT_VIOLATION", "FORBIDDEN"]
    assert shop.HAPPENED == ["one", "two", "three"]


@pytest.mark.parametrize("rest", ["code", "shout"], ids=["planned", "walked"])
async def test_nothing_runs_once_there_is_no_data(rest: str, stand: Stand) -> None:
    """A failed field that must not be null makes the answer null; nothing more is written."""
    body = await stand.ask(
        'mutation { a: insertShelf(input: {code: "a"}) { code }'
        " mustInsertShelf(input: {rank: 1000}) { id }"
        f' late: insertShelf(input: {{code: "late"}}) {{ {rest} }} }}'
    )
    assert body["data"] is None
    (error,) = body["errors"]
    assert error["path"] == ["mustInsertShelf"]
    assert code_of(error) == "CONSTRAINT_VIOLATION"
    assert await stand.rows("select code from shelves") == [("a",)]


async def test_fields_left_out_by_a_condition(stand: Stand) -> None:
    """A skipped write is not run, with or without @transaction."""
    for directive in ("", "@transaction"):
        document = (
            f"mutation ($no: Boolean! = false) {directive}"
            ' { a: insertShelf(input: {code: "a"}) @include(if: $no) { id }'
            ' b: insertShelf(input: {code: "b"}) @skip(if: true) { id } __typename }'
        )
        assert await stand.data(document) == {"__typename": "Mutation"}
    assert await stand.value("select count(*) from shelves") == 0


async def test_the_same_field_twice_is_one_write(stand: Stand) -> None:
    """Fields of one name are merged before they run."""
    data = await stand.data(
        'mutation { insertShelf(input: {code: "a"}) { id }'
        ' insertShelf(input: {code: "a"}) { code } }'
    )
    assert data == {"insertShelf": {"id": "1", "code": "a"}}
