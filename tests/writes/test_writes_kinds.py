"""Every kind of column, by insert and by update: what was given is stored, and read back."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from writes.stand import Stand

UID = "6d05679b-0c3a-4ae0-8d05-679b0c3acae0"
DEEP: dict[str, Any] = {"b": [1, None, {"x": "\t\"'\\"}], "a": {"": True}, "f": 0.1, "é": "😀"}
EARLY = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
LATE = dt.datetime.max.replace(tzinfo=dt.UTC)


class Case:
    """A value as GraphQL gives it, as the database holds it, and as GraphQL returns it."""

    def __init__(self, column: str, given: Any, stored: Any = ..., returned: Any = ...) -> None:
        self.column = column
        self.given = given
        self.stored = given if stored is ... else stored
        self.returned = given if returned is ... else returned


CASES = [
    Case("small", -(1 << 31)),
    Case("tiny", 32_767),
    Case("big", str((1 << 63) - 1), (1 << 63) - 1),
    Case("big", -5, -5, "-5"),
    Case("ratio", 0.1),
    Case("ratio", 1e-300),
    Case("ratio", 3, 3.0),
    Case("single", 0.5),
    Case("exact", "0.000000000000000000000000000001", Decimal("1E-30")),
    Case("exact", "1E+3", Decimal(1_000), "1000"),
    Case("exact", "1.50", Decimal("1.50")),
    Case("exact", "Infinity", Decimal("Infinity")),
    Case("exact", "-Infinity", Decimal("-Infinity")),
    Case("exact", "9" * 2_000, Decimal("9" * 2_000)),
    Case("money", "-1.005", Decimal("-1.01"), "-1.01"),
    Case("flag", given=False),
    Case("label", ""),
    Case("label", "'; drop table samples; -- \\ \" % :x $1 {} \u2028 😀"),
    Case("short", "äöü"),
    Case("nick", "Straße"),
    Case("ref", UID, uuid.UUID(UID)),
    Case("day", "0001-01-01", dt.date(1, 1, 1)),
    Case("day", "9999-12-31", dt.date.max),
    Case("moment", "9999-12-31T23:59:59.999999+00:00", LATE),
    Case("hour", "23:59:59.000001", dt.time(23, 59, 59, 1)),
    Case("hour", "12:00:00+02:00", dt.time(12), "12:00:00"),
    Case(
        "moment",
        "2024-03-31T01:30:00.5+01:00",
        dt.datetime(2024, 3, 31, 0, 30, 0, 500_000, dt.UTC),
        "2024-03-31T00:30:00.5+00:00",
    ),
    Case("moment", "0001-01-01T00:00:00+00:00", EARLY),
    Case("local", "2024-03-31T02:30:00", dt.datetime(2024, 3, 31, 2, 30)),  # noqa: DTZ001 - of no zone
    Case("span", "P1DT2H30M0.5S", dt.timedelta(days=1, hours=2, minutes=30, seconds=0.5)),
    Case("span", "PT0S", dt.timedelta(0)),
    Case("span", "P1M", dt.timedelta(days=30)),
    Case("span", "-P14M", dt.timedelta(days=-425), "P-1Y-2M"),
    Case("span", "-PT1H", dt.timedelta(hours=-1), "P-1DT23H"),
    Case("raw", "AAH/", b"\x00\x01\xff"),
    Case("raw", "", b""),
    Case("doc", "text", '"text"'),
    Case("doc", 1, "1"),
    Case("doc", given=False, stored="false"),
    Case("doc", [], "[]"),
    Case("doc", [None, {"a": None}], '[null, {"a": null}]'),
    Case("doc", DEEP),
    Case("note", "text", '"text"'),
    Case("note", DEEP),
    Case("size", "LARGE", "l"),
    Case("words", []),
    Case("words", ["a", "", "NULL", '{"x,y"}', "\\", "'"]),
    Case("numbers", [1, -1]),
    Case("bigs", ["9223372036854775807", 0], [(1 << 63) - 1, 0], ["9223372036854775807", "0"]),
    Case("exacts", ["0.10", "-3"], [Decimal("0.10"), Decimal(-3)]),
    Case("refs", [UID], [uuid.UUID(UID)]),
    Case("sizes", ["LARGE", "SMALL", "LARGE"], ["l", "s", "l"]),
    Case("ratios", [0.5, 1e20]),
    Case("moments", ["2024-01-01T00:00:00+00:00"], [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]),
    Case("spans", ["P1D", "PT0.000001S"], [dt.timedelta(1), dt.timedelta(microseconds=1)]),
    Case("spans", ["P1M", "P30D"], [dt.timedelta(30), dt.timedelta(30)]),
    Case("blobs", ["AP8=", ""], [b"\x00\xff", b""]),
]
COLUMNS = sorted({case.column for case in CASES})


def name(case: Case) -> str:
    """The test's name."""
    return f"{case.column} {case.given!r:.20}"


async def stored(stand: Stand, column: str, number: int) -> Any:
    """What the database holds."""
    return await stand.value(f"select {column} from samples where id = $1", number)  # noqa: S608 - a name of ours


def check(case: Case, found: Any) -> None:
    """Compare with what should be stored; large documents are compared as what comes back."""
    if case.stored is not DEEP:
        assert found == case.stored


@pytest.mark.parametrize("case", CASES, ids=name)
async def test_a_value_by_insert_and_by_update(case: Case, stand: Stand) -> None:
    """Stored and returned are the same whether the row was inserted, one of many, or updated."""
    column, value = case.column, case.given
    one = f"mutation ($new: SampleInsert!) {{ insertSample(input: $new) {{ {column} }} }}"
    many = f"mutation ($new: [SampleInsert!]!) {{ insertSamples(inputs: $new) {{ {column} }} }}"
    change = f"mutation ($set: SamplePatch!) {{ updateSample(id: 4, set: $set) {{ {column} }} }}"
    data = await stand.data(one, {"new": {column: value}})
    assert data == {"insertSample": {column: case.returned}}
    data = await stand.data(many, {"new": [{column: None}, {column: value}, {"id": 4}]})
    values = [row[column] for row in data["insertSamples"]]
    assert values == [None, case.returned, None]
    data = await stand.data(change, {"set": {column: value}})
    assert data == {"updateSample": {column: case.returned}}
    for number, expected in ((1, True), (2, False), (3, True), (4, True)):
        found = await stored(stand, column, number)
        if expected:
            check(case, found)
        else:
            assert found is None
    data = await stand.data(change, {"set": {column: None}})
    assert data == {"updateSample": {column: None}}
    assert await stored(stand, column, 4) is None


async def test_all_kinds_at_once(stand: Stand) -> None:
    """One row with a value in every column, inserted, copied by update, and read by a query."""
    new = {case.column: case.given for case in CASES}
    expected = {case.column: case.returned for case in CASES}
    fields = " ".join(COLUMNS)
    insert = f"mutation ($new: SampleInsert!) {{ insertSample(input: $new) {{ {fields} }} }}"
    assert (await stand.data(insert, {"new": new}))["insertSample"] == expected
    await stand.data("mutation { insertSample(input: {}) { id } }")
    update = f"mutation ($set: SamplePatch!) {{ updateSample(id: 2, set: $set) {{ {fields} }} }}"
    assert (await stand.data(update, {"set": new}))["updateSample"] == expected
    query = f"{{ a: sample(id: 1) {{ {fields} }} b: sample(id: 2) {{ {fields} }} }}"
    assert await stand.data(query) == {"a": expected, "b": expected}


async def test_values_written_into_the_document(stand: Stand) -> None:
    """Literals mean what variables mean."""
    data = await stand.data(
        'mutation { insertSample(input: {doc: {a: [null, "x"]}, size: SMALL, words: ["a"],'
        ' big: 5, raw: "AA==", exact: 1.5, moment: "2024-01-01T00:00:00Z"})'
        " { doc size words big raw exact moment } }"
    )
    assert data["insertSample"] == {
        "doc": {"a": [None, "x"]},
        "size": "SMALL",
        "words": ["a"],
        "big": "5",
        "raw": "AA==",
        "exact": "1.5",
        "moment": "2024-01-01T00:00:00+00:00",
    }
