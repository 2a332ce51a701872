"""The zoo's rows: few, and full of nulls, ties and oddities."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from toy import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

Row = dict[str, Any]

FOREVER = dt.datetime.max.replace(tzinfo=dt.UTC)
NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)
"""What asyncpg takes and gives for the timestamps `infinity` and `-infinity`."""


def _moment(day: int, micros: int = 0) -> dt.datetime:
    return dt.datetime(2024, 2, day, 23, 59, 58, micros, dt.UTC)


def _uuid(number: int) -> UUID:
    return UUID(int=number << 120 | number)


ENCLOSURES: list[Row] = [
    {"id": 1, "name": "Savanna", "area": Decimal("1200.50")},
    {"id": 2, "name": 'The "wet" \\ house\t', "area": None},
    {"id": 3, "name": "Aviary", "area": Decimal("0.10")},
]

_ANIMALS: list[tuple[Any, ...]] = [
    (1, "Ada", "ada", "calm", 10.5, 1, _moment(1), ["a", "b"], None, 1),
    (2, "Bo", None, "WILD", 1.0, 2, _moment(1, 120_000), [], 1, 1),
    (3, "Cleo", "Ünï\t☃", "very sleepy", None, None, None, ["b", 'q"uote', ""], 1, 2),
    (4, "Dot", "%_", "calm", 1e20, 3, FOREVER, ["a"], 2, None),
    (5, "Ede", "ada", "WILD", 0.1, 1, NEVER, ["null", "NULL"], 2, 2),
    (6, "Fay", "", "calm", -0.5, None, _moment(3, 1), ["{", "\\", ","], 3, 1),
    (7, "Gus", None, "WILD", 1e-7, 4, _moment(2, 999_999), ["b", "a"], 6, None),
    (8, "Ada", "Zed", "very sleepy", 10.5, 2, _moment(1), ["a"], None, 2),
    (9, "Ike", "😀", "calm", float("nan"), 5, None, ["ß"], 8, 1),
    (10, "jo", "A'B", "calm", float("inf"), 5, _moment(4), ["a", "a"], 8, None),
    (11, "Kim", "\x7f\x1f", "WILD", float("-inf"), None, _moment(4), ["c"], 8, 1),
    (12, "Leo-Leonardo", "ADA", "very sleepy", 3.0, 1, _moment(4), ["b"], None, 1),
]

ANIMALS: list[Row] = [
    dict(
        zip(
            (column.name for column in tables.animals.c),
            (*row[:5], row[5] and dt.date(2020, row[5], 9), *row[6:]),
            strict=True,
        )
    )
    for row in _ANIMALS
]

PASSPORTS: list[Row] = [
    {"code": "P/1", "animal_id": 1, "issued": _moment(1)},
    {"code": "P:2", "animal_id": 3, "issued": None},
    {"code": "ÿ", "animal_id": None, "issued": _moment(9)},
    {"code": "p", "animal_id": 5, "issued": FOREVER},
]

KEEPERS: list[Row] = [
    {"id": _uuid(1), "name": "ann", "shift": dt.timedelta(hours=8)},
    {"id": _uuid(2), "name": "Bob", "shift": dt.timedelta(days=-1, seconds=5)},
    {"id": _uuid(255), "name": "ANNA", "shift": None},
    {"id": _uuid(128), "name": "bOB", "shift": dt.timedelta(days=2, microseconds=1)},
]

ANIMAL_KEEPERS: list[Row] = [
    {"animal_id": animal, "keeper_id": _uuid(keeper)}
    for animal, keeper in ((1, 1), (1, 2), (1, 255), (2, 1), (3, 128), (5, 2), (8, 2), (12, 255))
]

FRIENDSHIPS: list[Row] = [
    {"liker_id": liker, "liked_id": liked}
    for liker, liked in ((1, 2), (1, 3), (2, 1), (3, 3), (4, 1), (5, 1), (9, 10), (10, 9), (1, 12))
]

FEEDINGS: list[Row] = [
    {
        "animal_id": animal,
        "day": dt.date(2024, 2, day),
        "grams": grams,
        "quality": quality,
    }
    for animal, day, grams, quality in (
        (1, 1, 100, "good"),
        (1, 2, None, "poor"),
        (1, 29, 100, None),
        (2, 1, 5, "fair"),
        (2, 2, 5, "fair"),
        (5, 1, -3, "good"),
        (12, 29, 2_147_483_647, "poor"),
    )
]

REMARKS: list[Row] = [
    {"id": 1, "animal_id": 1, "day": dt.date(2024, 2, 1), "text": "hungry"},
    {"id": 2, "animal_id": 1, "day": dt.date(2024, 2, 1), "text": "still hungry"},
    {"id": 3, "animal_id": 2, "day": dt.date(2024, 2, 2), "text": "[0,1]"},
    {"id": 4, "animal_id": None, "day": dt.date(2024, 2, 2), "text": ""},
    {"id": 5, "animal_id": None, "day": None, "text": "nobody"},
]

_EMPTY: Row = dict.fromkeys(column.name for column in tables.specimens.c)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


SPECIMENS: list[Row] = [
    {
        "id": 1,
        "small": -2_147_483_648,
        "big": 9_223_372_036_854_775_807,
        "ratio": 0.1,
        "exact": Decimal("1.50"),
        "flag": True,
        "label": 'a"b\\c\n',
        "nick": "Straße",
        "ref": _uuid(7),
        "day": dt.date(2024, 2, 29),
        "hour": dt.time(12, 0, 0, 120_000),
        "moment": _moment(5, 500_000),
        "local": dt.datetime(2024, 1, 1),  # noqa: DTZ001 - a timestamp without time zone
        "span": dt.timedelta(days=1, hours=2, minutes=30),
        "raw": bytes(range(256)),
        "doc": _json({"b": [1, None, "x"], "a": {"c": True}, "ccc": ""}),
        "note": _json({"zz": 1, "y": [{"k": "v\t"}], "x": None}),
        "grade": "good",
        "words": ["a", "b c", ""],
        "numbers": [1, -1],
        "bigs": [1 << 60, 0],
        "exacts": [Decimal("0.00000001"), Decimal(-3)],
        "refs": [_uuid(1), _uuid(2)],
        "grades": ["good", "poor"],
        "ratios": [0.5, 1e20],
        "moments": [_moment(1), _moment(2, 10)],
        "blobs": [b"\x00\xff", b""],
    },
    {
        **_EMPTY,
        "id": 2,
        "small": 0,
        "big": 0,
        "ratio": 0.0,
        "exact": Decimal("0.00000001"),
        "flag": False,
        "label": "",
        "nick": "",
        "hour": dt.time(0),
        "span": dt.timedelta(0),
        "raw": b"",
        "doc": _json([]),
        "note": _json("text"),
        "grade": "poor",
        "words": [],
        "numbers": [],
        "grades": [],
        "ratios": [],
        "blobs": [],
    },
    {**_EMPTY, "id": 3},
    {
        **_EMPTY,
        "id": 4,
        "ratio": float("nan"),
        "exact": Decimal(10) ** 30,
        "nick": "STRASSE",
        "moment": FOREVER,
        "local": dt.datetime.max,  # noqa: DTZ901 - infinity
        "day": dt.date.max,
        "span": dt.timedelta(hours=-2),
        "doc": "null",
        "note": "null",
        "ratios": [1.0, float("nan")],
        "moments": [_moment(1), FOREVER],
        "words": ["x", None],
    },
    {
        **_EMPTY,
        "id": 5,
        "ratio": float("-inf"),
        "exact": Decimal("-0.5"),
        "nick": "b",
        "label": "b",
        "moment": NEVER,
        "day": dt.date.min,
        "span": dt.timedelta(microseconds=-1),
        "doc": _json({"a": 1}),
        "note": _json([1, 2]),
        "words": ["b c", "a"],
        "numbers": [1],
        "grades": ["fair"],
        "grade": "good",
        "flag": True,
    },
]

ODDITIES: list[Row] = [
    {"Id": 1, "x1": "one", "t1": "two", "select": "three", "it's": "four", "%s:a": "five"},
    {"Id": 2, "x1": None, "t1": "t1", "select": None, "it's": "'", "%s:a": "%(a)s"},
]

READINGS: list[Row] = [
    {
        "id": number,
        "value": number / 4,
        "taken": _moment(number, number * 1000),
        "local": dt.datetime(2024, 1, number, 1),  # noqa: DTZ001 - as above
        "day": dt.date(2024, 3, number),
        "span": dt.timedelta(minutes=number),
        "words": ["w"] * number,
    }
    for number in (1, 2, 3)
]

ROWS: Mapping[str, list[Row]] = {
    "enclosures": ENCLOSURES,
    "animals": ANIMALS,
    "passports": PASSPORTS,
    "keepers": KEEPERS,
    "animal_keepers": ANIMAL_KEEPERS,
    "friendships": FRIENDSHIPS,
    "feedings": FEEDINGS,
    "remarks": REMARKS,
    "specimens": SPECIMENS,
    "Odd Names": ODDITIES,
    "readings": READINGS,
}

VISITS: Mapping[str, bytes] = {
    "1": b"12",
    "2": b"0",
    "5": b"not a number",
    "8": b"-4",
    "12": b"99999999999",
}
"""What is stored under `zoo:visits_<id>`: two values are no GraphQL integers."""


async def insert(connection: asyncpg.Connection[Any]) -> None:
    """Fill the tables."""
    for name, rows in ROWS.items():
        columns = [column.name for column in tables.metadata.tables[name].c]
        quoted = ", ".join(f'"{column}"' for column in columns)
        places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        await connection.executemany(
            f'INSERT INTO "{name}" ({quoted}) VALUES ({places})',  # noqa: S608 - our own names
            [tuple(row[column] for column in columns) for row in rows],
        )
