"""Changes that go by what is there: counted by the database, joined to lists and documents."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from writes.stand import code_of

if TYPE_CHECKING:
    from writes.stand import Stand

ARGUMENTS = (
    "$set: SamplePatch, $inc: SampleInc, $append: SampleAppend, $prepend: SamplePrepend,"
    " $deleteAt: SampleDeleteAt"
)
GIVEN = "set: $set, inc: $inc, append: $append, prepend: $prepend, deleteAt: $deleteAt"
CHANGE = f"mutation ({ARGUMENTS}) {{ updateSample(id: 1, {GIVEN}) {{ %s }} }}"
INC = "mutation ($id: ID!, $inc: ShelfInc) { updateShelf(id: $id, inc: $inc) { rank doubled } }"
LOCKED = (
    "mutation ($version: Int, $set: ShelfPatch, $inc: ShelfInc)"
    " { updateShelfLocked(id: 1, version: $version, set: $set, inc: $inc) { rank version } }"
)
UPSERT = (
    "mutation ($new: [ShelfInsert!]!, $inc: [ShelfNumber!])"
    " { upsertShelves(inputs: $new, inc: $inc) { code rank version } }"
)


@pytest.fixture(autouse=True)
async def rows(stand: Stand) -> None:
    """A shelf of rank 1, and a sample whose columns are null but for a few."""
    await stand.connection.execute(
        "insert into shelves (code, rank) values ('a', 1), ('b', 2);"
        "insert into samples (small, exact, words, doc) values (5, 1.50, '{m}', '{\"a\": 1}')"
    )


async def test_two_hundred_at_once(stand: Stand) -> None:
    """Each of them counts, whoever else does so meanwhile, by key, by condition and by upsert."""
    some = 'mutation { updateShelves(where: {code: {eq: "a"}}, inc: {rank: 1}) { id } }'
    met = 'mutation { upsertShelf(input: {code: "a", rank: 1}, inc: [RANK]) { id } }'
    one = "mutation { updateShelf(id: 1, inc: {rank: 1}) { id } }"
    documents = [one, one, some, met] * 50
    await asyncio.gather(*(stand.data(document) for document in documents))
    assert await stand.rows("select rank from shelves order by id") == [(201,), (2,)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"inc": {"small": 2}}, {"small": 7}),
        ({"inc": {"small": -6, "exact": "0.25"}}, {"small": -1, "exact": "1.75"}),
        ({"inc": {"big": "9007199254740993"}}, {"big": "9007199254740993"}),
        ({"inc": {"ratio": 0.5, "tiny": 3}}, {"ratio": 0.5, "tiny": 3}),
        ({"append": {"words": ["x", "y"]}}, {"words": ["m", "x", "y"]}),
        ({"prepend": {"words": ["x"]}}, {"words": ["x", "m"]}),
        ({"append": {"sizes": ["LARGE"]}}, {"sizes": ["LARGE"]}),
        ({"append": {"doc": {"a": 2, "b": None}}}, {"doc": {"a": 2, "b": None}}),
        ({"prepend": {"doc": {"a": 2, "b": None}}}, {"doc": {"a": 1, "b": None}}),
        ({"deleteAt": {"doc": "a"}}, {"doc": {}}),
        ({"deleteAt": {"doc": ["b", "c"]}}, {"doc": {"a": 1}}),
        (
            {"set": {"label": None}, "inc": {"small": 1}, "append": {"words": []}},
            {"label": None, "small": 6, "words": ["m"]},
        ),
    ],
    ids=str,
)
async def test_what_is_joined(
    change: dict[str, Any], expected: dict[str, Any], stand: Stand
) -> None:
    """To what is there; a null is nothing, and other columns stay."""
    query = CHANGE % " ".join(expected)
    assert await stand.data(query, change) == {"updateSample": expected}
    kept = [("small", 5), ("words", ["m"]), ("doc", '{"a": 1}')]
    for column, value in kept:
        if column not in expected:
            assert await stand.value(f"select {column} from samples") == value  # noqa: S608 - a name of ours


async def test_paths_lead_into_lists(stand: Stand) -> None:
    """Positions count from 0, and from the end below it."""
    await stand.connection.execute("""update samples set doc = '{"a": [1, {"b": 2}, 3]}'""")
    query = CHANGE % "doc"
    data = await stand.data(query, {"deleteAt": {"doc": ["a", "1", "b"]}})
    assert data == {"updateSample": {"doc": {"a": [1, {}, 3]}}}
    data = await stand.data(query, {"deleteAt": {"doc": ["a", "-1"]}})
    assert data == {"updateSample": {"doc": {"a": [1, {}]}}}
    data = await stand.data(query, {"append": {"doc": {"c": 1}}})
    assert data == {"updateSample": {"doc": {"a": [1, {}], "c": 1}}}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"set": {"small": 1}, "inc": {"small": 1}}, "inc.small"),
        ({"append": {"doc": {}}, "deleteAt": {"doc": "a"}}, "deleteAt.doc"),
        ({"inc": {"small": None}}, "inc.small"),
        ({"inc": {"ratio": 1, "big": str(1 << 63)}}, "inc.big"),
        ({"append": {"words": ["\0"]}}, "append.words"),
        ({"deleteAt": {"doc": []}}, "deleteAt.doc"),
        ({}, "set"),
        ({"set": None, "inc": {}, "append": None}, "set"),
    ],
    ids=str,
)
async def test_bad_input_is_named(change: dict[str, Any], named: str, stand: Stand) -> None:
    """A column that is changed twice, nulls, values out of bounds, and nothing at all."""
    error = await stand.error(CHANGE % "id", change)
    assert code_of(error) == "BAD_USER_INPUT"
    assert f"`{named}`" in error["message"]


async def test_out_of_range(stand: Stand) -> None:
    """A sum that its column cannot hold is a typed error, and the row stays; so is a check's no."""
    await stand.connection.execute("update samples set tiny = 32767, money = 9999")
    for change in ({"tiny": 1}, {"money": "1"}):
        error = await stand.error(CHANGE % "id", {"inc": change})
        assert code_of(error) == "SOURCE_DATA"
    assert await stand.rows("select tiny, money from samples") == [(32767, 9999)]
    error = await stand.error(INC, {"id": 1, "inc": {"rank": 999}})
    assert error["extensions"]["constraint"] == "rank_is_small"


async def test_by_condition_and_generated_columns(stand: Stand) -> None:
    """Each row goes by its own value; what is computed of it follows."""
    data = await stand.data(
        "mutation { updateShelves(where: {}, all: true, inc: {rank: 10}) { rank doubled } }"
    )
    assert data["updateShelves"] == [{"rank": 11, "doubled": 22}, {"rank": 12, "doubled": 24}]


async def test_with_the_lock(stand: Stand) -> None:
    """An older version is a conflict; one that fits counts on."""
    assert await stand.data(LOCKED, version=1, inc={"rank": 5}) == {
        "updateShelfLocked": {"rank": 6, "version": 2}
    }
    error = await stand.error(LOCKED, version=1, inc={"rank": 5})
    assert code_of(error) == "VERSION_CONFLICT"
    assert await stand.value("select rank from shelves where id = 1") == 6


async def test_within_a_transaction(stand: Stand) -> None:
    """Later fields go by what earlier ones made; one that fails takes all back."""
    document = (
        "mutation ($more: Int!) @transaction { a: updateShelf(id: 1, inc: {rank: 1}) { rank }"
        " b: updateShelf(id: 1, inc: {rank: $more}) { rank } }"
    )
    assert await stand.data(document, more=2) == {"a": {"rank": 2}, "b": {"rank": 4}}
    answer = await stand.ask(document, more=1_000)
    assert [code_of(error) for error in answer["errors"]] == [
        "TRANSACTION_ROLLED_BACK",
        "CONSTRAINT_VIOLATION",
    ]
    assert await stand.value("select rank from shelves where id = 1") == 4


async def test_a_counter_by_upsert(stand: Stand) -> None:
    """A new row begins with what it was given, one that is there adds it, each its own."""
    new = [{"code": "b", "rank": 5}, {"code": "n", "rank": 3, "version": 9}, {"code": "a"}]
    data = await stand.data(UPSERT, {"new": new, "inc": ["RANK", "VERSION"]})
    assert data["upsertShelves"] == [
        {"code": "b", "rank": 7, "version": 1},
        {"code": "n", "rank": 3, "version": 9},
        {"code": "a", "rank": 1, "version": 1},
    ]
    data = await stand.data(UPSERT, {"new": new[1:2], "inc": ["VERSION"]})
    assert data["upsertShelves"] == [{"code": "n", "rank": 3, "version": 18}]
    data = await stand.data(UPSERT, {"new": new[1:2], "inc": None})
    assert data["upsertShelves"] == [{"code": "n", "rank": 3, "version": 9}]


async def test_nulls_do_not_count(stand: Stand) -> None:
    """Neither one that is stored, nor one that is given: the other one stays."""
    document = (
        "mutation ($cents: Int) { upsertPrices(inputs:"
        ' [{country: "it", day: "2024-01-01", cents: $cents}], inc: [CENTS]) { cents } }'
    )
    for given, found in ((None, None), (5, 5), (None, 5), (-2, 3)):
        assert await stand.data(document, cents=given) == {"upsertPrices": [{"cents": found}]}


async def test_what_an_upsert_goes_by_cannot_count(stand: Stand) -> None:
    """It would be another row then."""
    error = await stand.error(
        "mutation { upsertBox(input: {shelfId: 1, place: 1}, inc: [PLACE]) { id } }"
    )
    assert code_of(error) == "BAD_USER_INPUT"
    assert "`place`" in error["message"]
