"""Several updates by key in one field, each its own: one statement for those that are alike."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from writes.stand import code_of

if TYPE_CHECKING:
    from writes.stand import Stand

SHELVES = "select id, code, label, rank from shelves order by id"

EACH = "mutation ($updates: [ShelfUpdate!]!) { updateEachShelf(updates: $updates) { id rank } }"


@pytest.fixture(autouse=True)
async def rows(stand: Stand) -> None:
    """Three shelves."""
    await stand.connection.execute(
        "insert into shelves (code, rank) values ('a', 1), ('b', 2), ('c', 3)"
    )


async def test_each_its_own(stand: Stand) -> None:
    """They come back in the order given, without those that are not there; others stay."""
    updates = [
        {"id": 3, "set": {"rank": 30, "label": None}},
        {"id": 9, "set": {"rank": 90}},
        {"id": 1, "inc": {"rank": 9}},
        {"id": 3, "set": {"code": "C"}, "inc": {"rank": 1}},
    ]
    data = await stand.data(EACH, {"updates": updates})
    assert data["updateEachShelf"] == [
        {"id": "3", "rank": 31},
        {"id": "1", "rank": 10},
        {"id": "3", "rank": 31},
    ]
    assert await stand.rows(SHELVES) == [
        (1, "a", "blank", 10),
        (2, "b", "blank", 2),
        (3, "C", None, 31),
    ]
    assert await stand.data(EACH, {"updates": []}) == {"updateEachShelf": []}


async def test_one_of_each_that_fails(stand: Stand) -> None:
    """Undoes them all; bad input anywhere, or too much of it, reaches no database."""
    good = {"id": 1, "set": {"rank": 5}}
    error = await stand.error(EACH, {"updates": [good, {"id": 2, "set": {"rank": 1_000}}]})
    assert error["extensions"]["constraint"] == "rank_is_small"
    bad = ({"id": 2, "set": {}}, {"id": "x", "set": {"rank": 1}}, {"id": 2, "inc": {"rank": None}})
    for updates in (*([good, one] for one in bad), [good] * 10_001):
        assert code_of(await stand.error(EACH, {"updates": updates})) == "BAD_USER_INPUT"
    assert await stand.value("select rank from shelves where id = 1") == 1
    error = await stand.error(EACH, {"updates": [good, {"id": 2, "set": {"label": "\0"}}]})
    assert error["message"].startswith("`updates[1].set.label` must be text")
    assert error["extensions"]["argument"] == "updates[1].set.label"
    assert error["locations"] == [{"line": 1, "column": 56}]


async def test_many_change_the_same_rows_at_once(stand: Stand) -> None:
    """Whichever order they name them in, none waits for ever and nothing is lost."""
    ways = ([1, 2, 3], [3, 2, 1], [2, 3, 1])
    each = [[{"id": number, "inc": {"rank": 1}} for number in way] for way in ways]
    await asyncio.gather(*(stand.data(EACH, {"updates": updates}) for updates in each * 10))
    assert await stand.rows("select rank from shelves order by id") == [(31,), (32,), (33,)]


async def test_those_alike_are_one_statement(stand: Stand) -> None:
    """However many they are; other columns, and the same row once more, are one more each."""
    await stand.connection.execute(
        "insert into shelves (code, rank) select 'n' || i, 0 from generate_series(4, 200) as i"
    )
    ranks = [{"id": number, "inc": {"rank": number}} for number in range(1, 201)]
    labels = [{"id": number, "set": {"label": f"L{number}"}} for number in range(1, 201)]
    await stand.data(EACH, {"updates": []})
    with stand.statements() as heard:
        data = await stand.data(EACH, {"updates": [*ranks, *reversed(labels), *ranks]})
    assert sum(one.startswith("UPDATE") for one in heard) == 3
    numbers = [*range(1, 201), *reversed(range(1, 201)), *range(1, 201)]
    assert [int(row["id"]) for row in data["updateEachShelf"]] == numbers
    expected = [(n, f"L{n}", (n if n < 4 else 0) + 2 * n) for n in range(1, 201)]
    assert await stand.rows("select id, label, rank from shelves order by id") == expected


async def test_what_must_be_unique_changes_in_turn(stand: Stand) -> None:
    """A value that one row gives up is free for the next one in the order of the keys."""
    updates = [{"id": 2, "set": {"code": "a"}}, {"id": 1, "set": {"code": "z"}}]
    updates += [{"id": 3, "set": {"code": "b"}}]
    await stand.data(EACH, {"updates": updates})
    codes = "select code from shelves order by id"
    assert await stand.rows(codes) == [("z",), ("a",), ("b",)]
    error = await stand.error(EACH, {"updates": [{"id": 1, "set": {"code": "a"}}, *updates[:1]]})
    assert error["extensions"]["columns"] == ["code"]
    assert await stand.rows(codes) == [("z",), ("a",), ("b",)]


async def test_new_keys(stand: Stand) -> None:
    """A row is named by the key that it had before the field, and comes back with its new one."""
    updates = [
        {"id": 1, "set": {"id": 9}},
        {"id": 9, "set": {"rank": 1}},
        {"id": 2, "set": {"id": 1}},
    ]
    data = await stand.data(EACH, {"updates": updates})
    assert data["updateEachShelf"] == [{"id": "9", "rank": 1}, {"id": "1", "rank": 2}]


JOINED = """
mutation ($updates: [SampleUpdate!]!) {
  updateEachSample(updates: $updates) { id small doc note words gaps big exact moment }
}
"""


async def test_every_sort_of_change_in_one_statement(stand: Stand) -> None:
    """Set, counted, joined and deleted at once, each row by what is there in it."""
    await stand.connection.execute(
        "insert into samples (small, doc, words, big) values"
        """ (1, '{"a": 1}', '{m}', 9007199254740993), (2, null, null, null), (3, '[1, 2]', '{}', 0)"""
    )
    updates: list[dict[str, Any]] = [
        {
            "id": number,
            "set": {"note": note, "gaps": ["x", None], "exact": exact, "moment": moment},
            "inc": {"small": number, "big": "1"},
            "append": {"words": [f"w{number}"]},
            "deleteAt": {"doc": path},
        }
        for number, note, exact, moment, path in (
            (3, None, "0.1", "2026-01-01T00:00:00+02:00", "-1"),
            (1, {"n": None}, "1E-20", None, "a"),
            (2, "text", None, "9999-12-31T23:59:59.999999Z", "a"),
        )
    ]
    await stand.data(JOINED, {"updates": []})
    with stand.statements() as heard:
        data = await stand.data(JOINED, {"updates": updates})
    assert sum(one.startswith("UPDATE") for one in heard) == 1
    rows = {int(row.pop("id")): row for row in data["updateEachSample"]}
    assert [*rows] == [3, 1, 2]
    assert rows[1] == {
        "small": 2,
        "doc": {},
        "note": {"n": None},
        "words": ["m", "w1"],
        "gaps": ["x", None],
        "big": "9007199254740994",
        "exact": "0.00000000000000000001",
        "moment": None,
    }
    assert rows[2]["words"] == ["w2"]
    assert (rows[2]["doc"], rows[2]["big"], rows[2]["note"]) == (None, "1", "text")
    assert rows[2]["moment"] == "9999-12-31T23:59:59.999999+00:00"
    assert (rows[3]["doc"], rows[3]["words"], rows[3]["note"]) == ([1], ["w3"], None)


async def test_keys_of_several_columns(stand: Stand) -> None:
    """They name a row together."""
    await stand.connection.execute(
        "insert into prices values ('it', '2024-01-01', 1), ('it', '2024-01-02', 2)"
    )
    document = (
        'mutation { updateEachPrice(updates: [{country: "it", day: "2024-01-02", inc: {cents: 5}},'
        ' {country: "fr", day: "2024-01-02", inc: {cents: 5}},'
        ' {country: "it", day: "2024-01-01", inc: {cents: 6}}]) { day cents } }'
    )
    assert (await stand.data(document))["updateEachPrice"] == [
        {"day": "2024-01-02", "cents": 7},
        {"day": "2024-01-01", "cents": 7},
    ]


LOCKED = """
mutation ($updates: [ShelfVersionedUpdate!]!) {
  updateEachShelfLocked(updates: $updates) { id rank version }
}
"""
VERSIONS = "select id, rank, version from shelves order by id"


async def test_versions_that_were_read(stand: Stand) -> None:
    """Each row may name its own; all are counted up, once for each change, in one statement."""
    await stand.data(EACH, {"updates": []})
    updates: list[dict[str, Any]] = [
        {"id": 3, "set": {"rank": 30}, "version": 1},
        {"id": 1, "set": {"rank": 10}},
        {"id": 2, "set": {"rank": 20}, "version": None},
        {"id": 9, "set": {"rank": 90}, "version": 7},
    ]
    with stand.statements() as heard:
        data = await stand.data(LOCKED, {"updates": updates})
    assert sum(one.startswith("UPDATE") for one in heard) == 1
    assert data["updateEachShelfLocked"] == [
        {"id": str(number), "rank": 10 * number, "version": 2} for number in (3, 1, 2)
    ]
    again = [
        {"id": 3, "inc": {"rank": 1}, "version": 2},
        {"id": 3, "inc": {"rank": 1}, "version": 2},
    ]
    data = await stand.data(LOCKED, {"updates": again})
    assert data["updateEachShelfLocked"] == 2 * [{"id": "3", "rank": 32, "version": 4}]
    assert await stand.data(LOCKED, {"updates": []}) == {"updateEachShelfLocked": []}


async def test_one_that_has_another_version_refuses_all(stand: Stand) -> None:
    """Which ones is told by their keys, each once; nothing is written."""
    await stand.connection.execute("update shelves set version = 5 where id > 1")
    good = {"id": 1, "set": {"rank": 10}, "version": 1}
    old = {"id": 3, "set": {"rank": 30}, "version": 4}
    error = await stand.error(LOCKED, {"updates": [good, old]})
    assert error["message"] == "The row has another version by now; read it again."
    assert error["extensions"] == {"code": "VERSION_CONFLICT", "keys": [{"id": "3"}]}
    older = {"id": 2, "inc": {"rank": 1}, "version": 1}
    error = await stand.error(LOCKED, {"updates": [old, older, good, old]})
    assert error["message"].startswith("2 of the rows have another version by now")
    assert error["extensions"]["keys"] == [{"id": "2"}, {"id": "3"}]
    assert await stand.rows(VERSIONS) == [(1, 1, 1), (2, 2, 5), (3, 3, 5)]


async def test_the_first_of_two_that_read_the_same_version_wins(stand: Stand) -> None:
    """However they meet: the other waits for it, sees what it wrote, and is refused."""
    ways = ([1, 2, 3], [3, 2, 1])
    each = [
        [{"id": number, "inc": {"rank": 1}, "version": 1} for number in way] for way in ways * 5
    ]
    answers = await asyncio.gather(*(stand.ask(LOCKED, {"updates": one}) for one in each))
    codes = [code_of(one["errors"][0]) for one in answers if "errors" in one]
    assert codes == ["VERSION_CONFLICT"] * 9
    assert await stand.rows(VERSIONS) == [(1, 2, 2), (2, 3, 2), (3, 4, 2)]


async def test_the_version_itself_is_not_written(stand: Stand) -> None:
    """Neither set nor counted; the error says where the one that was read goes."""
    for change in ({"set": {"version": 9}}, {"inc": {"version": 1}}):
        error = await stand.error(LOCKED, {"updates": [{"id": 1, **change}]})
        assert code_of(error) == "BAD_USER_INPUT"
        assert "`updates[0].version` takes the one" in error["message"]
    error = await stand.error(LOCKED, {"updates": [{"id": 1, "set": {"rank": 5}, "version": "1"}]})
    assert code_of(error) == "BAD_USER_INPUT"
    error = await stand.error(EACH, {"updates": [{"id": 1, "set": {"rank": 5}, "version": 1}]})
    assert "version" in error["message"]
    assert await stand.rows(VERSIONS) == [(1, 1, 1), (2, 2, 1), (3, 3, 1)]
