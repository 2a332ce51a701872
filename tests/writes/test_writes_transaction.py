"""`@transaction`: the fields of a mutation commit together, or none does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from writes import shop
from writes.stand import code_of

if TYPE_CHECKING:
    from writes.stand import Stand

COUNT = "select count(*) from shelves"


async def test_all_commit_together(stand: Stand) -> None:
    """One transaction, in order: later fields see what earlier ones did."""
    await stand.data("mutation { insertShelf(input: {}) { id } }")
    with stand.statements() as heard:
        data = await stand.data(
            'mutation @transaction { __typename a: insertShelf(input: {code: "a"}) { id }'
            ' b: updateShelf(id: 2, set: {code: "b"}) { code }'
            " c: updateShelves(where: {rank: {eq: 7}}, set: {rank: 8}) { id rank }"
            " d: deleteShelf(id: 1) { rank } }"
        )
    assert data == {
        "__typename": "Mutation",
        "a": {"id": "2"},
        "b": {"code": "b"},
        "c": [{"id": "1", "rank": 8}, {"id": "2", "rank": 8}],
        "d": {"rank": 8},
    }
    assert len([text for text in heard if text.startswith("BEGIN")]) == 1
    assert heard.count("COMMIT") == 1
    assert await stand.rows("select id, code from shelves") == [(2, "b")]


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_any_failure_undoes_all(place: int, stand: Stand) -> None:
    """Every write is null: the one that failed says why, the others that they were undone."""
    await stand.connection.execute("insert into shelves (code) values ('taken')")
    codes = ["x", "y", "z"]
    codes[place] = "taken"
    fields = " ".join(
        f'{alias}: insertShelf(input: {{code: "{code}", boxes: [{{place: 1}}]}}) {{ id }}'
        for alias, code in zip("abc", codes, strict=True)
    )
    body = await stand.ask(f"mutation @transaction {{ __typename {fields} }}")
    assert body["data"] == {"__typename": "Mutation", "a": None, "b": None, "c": None}
    assert [error["path"] for error in body["errors"]] == [["a"], ["b"], ["c"]]
    expected = ["TRANSACTION_ROLLED_BACK"] * 3
    expected[place] = "CONSTRAINT_VIOLATION"
    assert [code_of(error) for error in body["errors"]] == expected
    assert await stand.rows("select code from shelves") == [("taken",)]
    assert await stand.value("select count(*) from boxes") == 0


async def test_a_constraint_that_is_checked_at_the_commit(stand: Stand) -> None:
    """The commit fails with it: typed, and nothing is stored."""
    await stand.connection.execute(
        "alter table boxes add constraint late foreign key (place) references tags (id)"
        " deferrable initially deferred"
    )
    try:
        for directive in ("", "@transaction"):
            body = await stand.ask(
                f"mutation {directive} {{ insertShelf(input: {{boxes: [{{place: 9}}]}}) {{ id }} }}"
            )
            assert body["data"] == {"insertShelf": None}
            (error,) = body["errors"]
            assert error["extensions"]["constraint"] == "late"
            assert await stand.value(COUNT) == 0
    finally:
        await stand.connection.execute("alter table boxes drop constraint late")


async def test_a_missing_row_is_no_failure(stand: Stand) -> None:
    """An update that finds no row is null without an error, and the rest commits."""
    data = await stand.data(
        'mutation @transaction { insertShelf(input: {code: "a"}) { code }'
        ' updateShelf(id: 99, set: {code: "b"}) { id } }'
    )
    assert data == {"insertShelf": {"code": "a"}, "updateShelf": None}
    assert await stand.value(COUNT) == 1


async def test_a_conflict_of_versions_undoes_all(stand: Stand) -> None:
    """The lock by version holds within a transaction, too."""
    body = await stand.ask(
        "mutation @transaction { insertShelf(input: {}) { id }"
        " updateShelfLocked(id: 1, version: 5, set: {rank: 1}) { id } }"
    )
    assert body["data"] == {"insertShelf": None, "updateShelfLocked": None}
    assert [code_of(error) for error in body["errors"]] == [
        "TRANSACTION_ROLLED_BACK",
        "VERSION_CONFLICT",
    ]
    assert await stand.value(COUNT) == 0


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ("", "READ COMMITTED"),
        ("(isolation: READ_COMMITTED)", "READ COMMITTED"),
        ("(isolation: REPEATABLE_READ)", "REPEATABLE READ"),
        ("(isolation: SERIALIZABLE)", "SERIALIZABLE"),
    ],
)
async def test_isolation(given: str, level: str, stand: Stand) -> None:
    """The level that is named is the level the transaction has."""
    await stand.data("mutation { insertShelf(input: {}) { id } }")
    with stand.statements() as heard:
        await stand.data(f"mutation @transaction{given} {{ insertShelf(input: {{}}) {{ id }} }}")
    assert heard[0].startswith(f"BEGIN ISOLATION LEVEL {level};")


REFUSED = {
    "a level by a variable": (
        "mutation ($level: Isolation!) @transaction(isolation: $level)"
        " { insertShelf(input: {}) { id } }"
    ),
    "a level that is none": (
        "mutation @transaction(isolation: CHAOS) { insertShelf(input: {}) { id } }"
    ),
    "a Python resolver": (
        'mutation @transaction { insertShelf(input: {}) { id } remember(word: "x") }'
    ),
    "a Python resolver below a write": (
        "mutation @transaction { insertShelf(input: {}) { shout } }"
    ),
    "a field under a permission": "mutation @transaction { guardedShelf(input: {}) { id } }",
    "a query": "query @transaction { shelves { totalCount } }",
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_no_transaction_can_be(name: str, stand: Stand) -> None:
    """It is refused as a whole, before anything runs."""
    body = await stand.ask(REFUSED[name], {"level": "SERIALIZABLE"} if "$" in REFUSED[name] else {})
    assert "data" not in body
    assert code_of(body["errors"][0]) in {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}
    assert await stand.value(COUNT) == 0
    assert shop.HAPPENED == []


async def test_a_write_that_must_not_be_null(stand: Stand) -> None:
    """Undone, it takes the data with it."""
    body = await stand.ask(
        "mutation @transaction { mustInsertShelf(input: {}) { id }"
        " insertShelf(input: {rank: 1000}) { id } }"
    )
    assert body["data"] is None
    assert await stand.value(COUNT) == 0


async def test_a_transaction_of_nothing(stand: Stand) -> None:
    """Without a write no connection is taken."""
    assert await stand.data("mutation @transaction { __typename }") == {"__typename": "Mutation"}
