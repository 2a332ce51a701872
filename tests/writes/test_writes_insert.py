"""Inserts: defaults, nulls, order, bounds, and input that must not reach the database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from writes.stand import code_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from writes.stand import Stand

ONE = "mutation ($new: ShelfInsert!) { insertShelf(input: $new) { id code label rank doubled } }"
MANY = "mutation ($new: [ShelfInsert!]!) { insertShelves(inputs: $new) { id code label rank } }"
SAMPLE = "mutation ($new: SampleInsert!) { insertSample(input: $new) { id } }"


async def test_an_insert_returns_what_was_stored(stand: Stand) -> None:
    """Defaults, numbers the database gives out and computed columns are as they were stored."""
    data = await stand.data(ONE, {"new": {"code": "a", "rank": 3}})
    assert data == {
        "insertShelf": {"id": "1", "code": "a", "label": "blank", "rank": 3, "doubled": 6}
    }
    assert await stand.rows("select id, code, label, rank from shelves") == [(1, "a", "blank", 3)]


async def test_null_and_left_out_differ(stand: Stand) -> None:
    """What is left out takes its default, what is null is null, in one row as in many."""
    rows = [{"label": None}, {}, {"label": "x"}, {"label": None, "rank": 2}, {}]
    expected = [(None, 7), ("blank", 7), ("x", 7), (None, 2), ("blank", 7)]
    data = await stand.data(MANY, {"new": rows})
    assert [(row["label"], row["rank"]) for row in data["insertShelves"]] == expected
    for row, (label, rank) in zip(rows, expected, strict=True):
        one = await stand.data(ONE, {"new": row})
        assert (one["insertShelf"]["label"], one["insertShelf"]["rank"]) == (label, rank)


async def test_rows_come_back_in_the_order_given(stand: Stand) -> None:
    """Whatever sets of columns the rows have, and whatever numbers they got."""
    sets: tuple[dict[str, Any], ...] = ({"label": "x"}, {"rank": 1}, {"label": None, "rank": 2}, {})
    rows = [{"code": f"c{number}", **sets[number % 4]} for number in reversed(range(50))]
    data = await stand.data(MANY, {"new": rows})
    assert [row["code"] for row in data["insertShelves"]] == [row["code"] for row in rows]
    assert await stand.value("select count(*) from shelves") == len(rows)


async def test_nothing_to_insert_touches_nothing(stand: Stand) -> None:
    """An empty list of rows is an empty answer: the rows that are there stay."""
    await stand.data(MANY, {"new": [{}, {}]})
    assert await stand.data(MANY, {"new": []}) == {"insertShelves": []}
    upsert = "mutation { upsertShelves(inputs: []) { id } }"
    assert await stand.data(upsert) == {"upsertShelves": []}
    assert await stand.value("select count(*) from shelves") == 2


async def test_a_thousand_rows_cost_as_many_statements_as_ten(stand: Stand) -> None:
    """One statement inserts, one reads; each further set of columns adds one."""
    await stand.data(ONE, {"new": {}})
    counts = {}
    for size in (10, 1_000):
        with stand.statements() as heard:
            data = await stand.data(MANY, {"new": [{"rank": n % 100} for n in range(size)]})
        assert [row["rank"] for row in data["insertShelves"]] == [n % 100 for n in range(size)]
        counts[size] = len(heard)
    assert counts[10] == counts[1_000] == sum(map(_counts, heard))
    mixed = [{"rank": 1} if number % 2 else {"label": "x"} for number in range(1_000)]
    with stand.statements() as heard:
        await stand.data(MANY, {"new": mixed})
    assert len(heard) == counts[1_000] + 1


def _counts(statement: str) -> bool:
    """Begin, insert, read, commit, and what makes the connection ready for the next."""
    known = ("BEGIN", "INSERT INTO shelves", "SELECT", "COMMIT")
    assert statement.lstrip().startswith(known), statement
    return True


async def test_many_rows_of_nothing_but_defaults(stand: Stand) -> None:
    """They need no column, and a thousand of them no thousand statements."""
    await stand.data(ONE, {"new": {}})
    with stand.statements() as heard:
        data = await stand.data(MANY, {"new": [{}] * 1_000})
    ids = [int(row["id"]) for row in data["insertShelves"]]
    assert ids == sorted(set(ids))
    assert len(ids) == 1_000
    assert len(heard) < 20


async def test_more_rows_than_allowed(stand: Stand) -> None:
    """A write has a bound, and says which."""
    error = await stand.error(MANY, {"new": [{}] * 10_001})
    assert code_of(error) == "BAD_USER_INPUT"
    assert "10000" in error["message"]
    assert await stand.value("select count(*) from shelves") == 0


BAD: dict[str, tuple[str, Mapping[str, Any], str]] = {
    "null where none may be": (ONE, {"rank": None}, "input.rank"),
    "a required column left out": (
        "mutation ($new: TagInsert!) { insertTag(input: $new) { id } }",
        {},
        "word",
    ),
    "a required foreign key left out": (
        "mutation ($new: BoxInsert!) { insertBox(input: $new) { id } }",
        {"place": 1},
        "input.shelfId",
    ),
    "a column that is computed": (ONE, {"doubled": 4}, "doubled"),
    "a column that is not there": (ONE, {"price": 4}, "price"),
    "a column under a permission": (SAMPLE, {"guarded": "x"}, "guarded"),
    "NUL in text": (ONE, {"label": "a\x00b"}, "input.label"),
    "half a surrogate pair": (ONE, {"label": "\ud83d"}, "input.label"),
    "NUL in a list": (SAMPLE, {"words": ["a", "\x00"]}, "input.words"),
    "NUL in a document": (SAMPLE, {"doc": {"a": ["\x00"]}}, "input.doc"),
    "an integer beyond 32 bits": (SAMPLE, {"small": 1 << 31}, "small"),
    "an integer beyond 64 bits": (SAMPLE, {"big": str(1 << 63)}, "input.big"),
    "a number beyond a float": (SAMPLE, {"ratio": 10**400}, "ratio"),
    "a number that is none": (SAMPLE, {"exact": "NaNs"}, ".exact: Decimal must be a number"),
    "an enum's label, not its name": (SAMPLE, {"size": "l"}, "size"),
    "an enum's label in a list": (SAMPLE, {"sizes": ["LARGE", "s"]}, "sizes"),
    "what is no UUID": (SAMPLE, {"ref": "x"}, "ref"),
    "a day that is none": (SAMPLE, {"day": "2024-02-30"}, "day"),
    "a span that is none": (SAMPLE, {"span": "1 day"}, "span"),
    "what is not base64": (SAMPLE, {"raw": "*"}, "raw"),
    "an operator for a value": (SAMPLE, {"label": {"ne": None}}, "label"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_never_reaches_the_database(name: str, stand: Stand) -> None:
    """A typed error that names the culprit; not even a transaction is begun."""
    document, new, culprit = BAD[name]
    await stand.data(ONE, {"new": {}})
    with stand.statements() as heard:
        error = await stand.error(document, {"new": new})
    assert code_of(error) == "BAD_USER_INPUT"
    assert culprit in error["message"]
    assert heard == []


async def test_values_only_the_database_can_judge(stand: Stand) -> None:
    """Too long a text, too large a small number: a typed error, and nothing is stored."""
    far = "A number is beyond the range of its column."
    for new, says in (
        ({"short": "abcd"}, "A text is longer than its column allows."),
        ({"tiny": 70_000}, far),
        ({"money": "12345.6"}, far),
    ):
        error = await stand.error(SAMPLE, {"new": new})
        assert (code_of(error), error["message"]) == ("SOURCE_DATA", says)
        assert all(str(value) not in str(error) for value in new.values())
    assert await stand.value("select count(*) from samples") == 0


async def test_rows_a_trigger_leaves_out(stand: Stand) -> None:
    """Where the database stores less than was given, nothing is stored."""
    document = "mutation ($new: [SealedBoxInsert!]!) { insertSealedBoxes(inputs: $new) { seal } }"
    error = await stand.error(document, {"new": [{"seal": "wax"}, {"seal": "none"}]})
    assert code_of(error) == "SOURCE_ERROR"
    assert await stand.value("select count(*) from sealed_boxes") == 0


async def test_a_field_that_must_not_be_null(stand: Stand) -> None:
    """Null of a failed non-null field takes the data with it; the error says why."""
    document = "mutation ($new: ShelfInsert!) { mustInsertShelf(input: $new) { code } }"
    assert await stand.data(document, {"new": {"code": "a"}}) == {"mustInsertShelf": {"code": "a"}}
    body = await stand.ask(document, {"new": {"code": "a"}})
    assert body["data"] is None
    assert code_of(body["errors"][0]) == "CONSTRAINT_VIOLATION"


NEW = "mutation ($new: [ShelfInsert!]!) { insertNewShelves(inputs: $new) { code rank } }"


async def test_rows_that_are_there_are_left_out(stand: Stand) -> None:
    """They stay as they are, also those given twice; the new ones come in the order given."""
    first = [{"code": "a", "rank": 1}, {"code": "b", "label": "B"}]
    assert len((await stand.data(NEW, {"new": first}))["insertNewShelves"]) == 2
    again = [
        {"code": "c", "rank": 3},
        {"code": "b", "label": "other"},
        {"code": "d", "rank": 4},
        {"code": "a", "rank": 9},
        {"code": "c", "rank": 5},
        {"code": "e", "label": "E"},
    ]
    data = await stand.data(NEW, {"new": again})
    assert data["insertNewShelves"] == [
        {"code": "c", "rank": 3},
        {"code": "d", "rank": 4},
        {"code": "e", "rank": 7},
    ]
    assert (await stand.data(NEW, {"new": again})) == {"insertNewShelves": []}
    kept = await stand.rows("select code, label, rank from shelves where code in ('a', 'b')")
    assert kept == [("a", "blank", 1), ("b", "B", 7)]
    one = "mutation ($new: ShelfInsert!) { insertNewShelf(input: $new) { rank } }"
    assert await stand.data(one, {"new": {"code": "a", "rank": 8}}) == {"insertNewShelf": None}
    assert await stand.data(one, {"new": {"code": "f"}}) == {"insertNewShelf": {"rank": 7}}


async def test_children_come_with_new_rows_only(stand: Stand) -> None:
    """Those of a row that was there are left out with it."""
    new = [{"code": code, "boxes": [{"place": 1, "name": code}]} for code in "ab"]
    await stand.data(NEW, {"new": new[:1]})
    await stand.data(NEW, {"new": [*new, {"code": "c"}]})
    assert await stand.rows(
        "select code, name from shelves join boxes on shelf_id = shelves.id order by code"
    ) == [("a", "a"), ("b", "b")]
    assert await stand.value("select count(*) from shelves") == 3


async def test_only_the_named_key_is_ignored(stand: Stand) -> None:
    """Another constraint is broken as ever, and nothing is stored."""
    new = [{"code": "a"}, {"code": "b", "id": "1"}]
    await stand.connection.execute("insert into shelves (code) values ('x')")
    error = await stand.error(NEW, {"new": new})
    assert error["extensions"]["columns"] == ["id"]
    assert await stand.value("select count(*) from shelves") == 1


async def test_many_insert_the_same_at_once(stand: Stand) -> None:
    """Each row is made by exactly one of them, and none fails."""
    new = [{"code": str(number)} for number in range(20)]
    answers = await asyncio.gather(*(stand.data(NEW, {"new": new[turn:]}) for turn in range(10)))
    made = [row["code"] for answer in answers for row in answer["insertNewShelves"]]
    assert sorted(made) == sorted(row["code"] for row in new)
