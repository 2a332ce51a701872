"""Groups of dates and times cut down to units of time, against the same in Python."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from aggregates.shelf import AUTHORS, visible

from gateway.viewer import Viewer

if TYPE_CHECKING:
    from toy.running import Zoo

UNITS = ("HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham")


def floor(value: Any, unit: str) -> Any:
    """The beginning of the unit in which a date or a time lies, by its own calendar."""
    first = {"MONTH": value.month, "QUARTER": value.month - (value.month - 1) % 3, "YEAR": 1}
    if unit in first:
        value = value.replace(month=first[unit], day=1)
    elif unit == "WEEK":
        value -= dt.timedelta(days=value.weekday())
    if not isinstance(value, dt.datetime):
        return value
    value = value.replace(minute=0, second=0, microsecond=0)
    return value if unit == "HOUR" else value.replace(hour=0, fold=0)


def begins(value: Any, unit: str, zone: str = "UTC") -> str | None:
    """The same as text, of a time with a zone by the calendar of another; null stays null."""
    if value is None:
        return None
    if getattr(value, "tzinfo", None) is None:
        return str(floor(value, unit).isoformat())
    return str(floor(value.astimezone(ZoneInfo(zone)), unit).astimezone(dt.UTC).isoformat())


def counted(texts: list[str | None]) -> list[tuple[str | None, int]]:
    """Each text and how often it is there, nulls last."""
    return sorted(Counter(texts).items(), key=lambda pair: (pair[0] is None, pair[0] or ""))


def written(groups: list[Any], name: str) -> list[tuple[str | None, int]]:
    """The groups as pairs of their key and count."""
    return [(group["key"][name], group["count"]) for group in groups]


async def test_every_unit_in_every_zone(library: Zoo) -> None:
    """Days, weeks and so on begin where the zone's do, hours through the end of summer time."""
    asked = [
        (f"x{place}", unit, zone)
        for place, (unit, zone) in enumerate((unit, zone) for unit in UNITS for zone in ZONES)
    ]
    fields = " ".join(
        f'{alias}: groups(by: [LENT], truncate: {{lent: {unit}}}, timeZone: "{zone}", first: 50,'
        " orderBy: [{key: {lent: ASC}}]) { key { lent } count }"
        for alias, unit, zone in asked
    )
    data = await library.data(f"{{ books {{ {fields} }} }}")
    rows = visible(None)
    different = set()
    for alias, unit, zone in asked:
        expected = counted([begins(row["lent"], unit, zone) for row in rows])
        assert written(data["books"][alias], "lent") == expected[:50], (unit, zone)
        different.add(tuple(expected))
    assert len(different) > len(UNITS) + len(ZONES)


@pytest.mark.parametrize("unit", UNITS)
async def test_what_has_no_zone_has_its_own_calendar(library: Zoo, unit: str) -> None:
    """A date, and a time without a zone, whatever zone is named; a null is a group like any."""
    cut = "DAY" if unit == "HOUR" else unit
    data = await library.data(
        "query ($cut: TimeUnit, $unit: TimeUnit) { books {"
        ' dates: groups(by: [ISSUED], truncate: {issued: $cut}, timeZone: "Asia/Kolkata", first: 50)'
        " { key { issued } count }"
        ' times: groups(by: [NOTED], truncate: {noted: $unit}, timeZone: "Asia/Kolkata", first: 50)'
        " { key { noted } count } } }",
        {"cut": cut, "unit": unit},
    )
    rows = visible(None)
    dates = counted([begins(row["issued"], cut) for row in rows])
    assert written(data["books"]["dates"], "issued") == dates
    times = counted([begins(row["noted"], unit) for row in rows])
    assert written(data["books"]["times"], "noted") == times
    assert dates[-1][0] is times[-1][0] is None


async def test_beside_other_keys_conditions_and_orders(library: Zoo) -> None:
    """Below a row, with another key and another unit, chosen and ordered: one statement."""
    before = len(library.postgres.ran)
    data = await library.data(
        "{ authors(first: 50) { nodes { books(where: {lent: {isNull: false}}) {"
        " groups(by: [SOLD, LENT, NOTED], truncate: {noted: YEAR, lent: DAY}, first: 50,"
        '   timeZone: "Europe/Berlin", having: {count: {gt: 1}}, orderBy: [{key: {lent: DESC}}])'
        " { count key { lent sold noted } countDistinct { title } } } } } }",
        viewer=Viewer(subject="bob"),
    )
    assert len(library.postgres.ran) == before + 1
    for author, node in zip(AUTHORS, data["authors"]["nodes"], strict=True):
        titles: dict[Any, list[str]] = {}
        for row in visible("bob"):
            if row["author_id"] == author["id"]:
                noted = begins(row["noted"], "YEAR")
                key = begins(row["lent"], "DAY", "Europe/Berlin"), row["sold"], noted
                titles.setdefault(key, []).append(row["title"])
        groups = [
            {
                "count": len(found),
                "key": dict(zip(("lent", "sold", "noted"), key, strict=True)),
                "countDistinct": {"title": len(set(found))},
            }
            for key, found in titles.items()
            if len(found) > 1
        ]
        groups.sort(key=lambda group: (group["key"]["noted"] is None, group["key"]["noted"] or ""))
        groups.sort(key=lambda group: (group["key"]["sold"] is None, bool(group["key"]["sold"])))
        groups.sort(key=lambda group: group["key"]["lent"], reverse=True)
        assert node["books"]["groups"] == groups


async def test_the_zone_is_bound_and_a_shape_is_compiled_once(library: Zoo) -> None:
    """Another zone, and other values of `having`, run the same statement."""
    document = (
        "query ($zone: String!, $n: Int) { books { groups(by: [LENT], truncate: {lent: DAY},"
        " timeZone: $zone, having: {count: {gt: $n}}) { key { lent } count } } }"
    )
    await library.data(document, {"zone": "UTC", "n": 1})
    compiled = library.postgres.compiled
    data = await library.data(document, {"zone": "Asia/Kolkata", "n": 30})
    days = counted([begins(row["lent"], "DAY", "Asia/Kolkata") for row in visible(None)])
    found = written(data["books"]["groups"], "lent")
    assert found == [(day, number) for day, number in days if number > 30]
    assert library.postgres.compiled == compiled
    assert "Kolkata" not in library.postgres.ran[-1]


async def test_what_no_calendar_has_does_no_harm(library: Zoo) -> None:
    """Infinity and years that are no answer's are null; the first day there is, stays the first."""
    odd = ["infinity", "-infinity", "4713-01-01 BC", "5000000-01-01", "0001-01-01"]
    await library.connection.executemany(
        "insert into books (id, title, copies, issued, noted, lent, code, secret, owner) values"
        " ($1, 'x', 1, $2::text::date, $3::text::timestamp, $4::text::timestamptz,"
        " gen_random_uuid(), 1, 'odd')",
        [
            (9000 + place, text, *[text.replace("5000000", "294276")] * 2)
            for place, text in enumerate(odd)
        ],
    )
    try:
        data = await library.data(
            "query ($unit: TimeUnit) { books(where: {id: {gte: 9000}}) {"
            " dates: groups(by: [ISSUED], truncate: {issued: $unit}) { key { issued } }"
            " times: groups(by: [NOTED], truncate: {noted: $unit}) { key { noted } }"
            ' moments: groups(by: [LENT], truncate: {lent: $unit}, timeZone: "Asia/Kolkata")'
            " { key { lent } } } }",
            {"unit": "WEEK"},
            viewer=Viewer(subject="odd"),
        )
    finally:
        await library.connection.execute("delete from books where id >= 9000")
    named = {
        alias: [value for group in groups for value in group["key"].values() if value is not None]
        for alias, groups in data["books"].items()
    }
    assert named == {
        "dates": ["0001-01-01"],
        "times": ["0001-01-01T00:00:00"],
        "moments": ["0001-01-01T00:00:00+00:00"],
    }
    assert all(len(groups) == len(odd) for groups in data["books"].values())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("by: [SOLD], truncate: {lent: DAY}", "`truncate.lent` is given, but `by` does not"),
        ("by: [ISSUED], truncate: {issued: HOUR}", "`truncate.issued` must be DAY or longer"),
        ('by: [LENT], timeZone: "Mars/Base"', "`timeZone` must be a time zone of the IANA"),
        ('by: [LENT], timeZone: "Europe"', "`timeZone` must be"),
        ('by: [LENT], timeZone: "../../etc/passwd"', "`timeZone` must be"),
        ('by: [LENT], timeZone: ""', "`timeZone` must be"),
    ],
)
async def test_what_cannot_be_cut_is_refused(library: Zoo, arguments: str, says: str) -> None:
    """By a typed error that names the argument, before the database is asked."""
    before = len(library.postgres.ran)
    body = await library.ask(f"{{ books {{ groups({arguments}) {{ count }} }} }}")
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert says in error["message"]
    assert len(library.postgres.ran) == before
