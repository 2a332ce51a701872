"""Groups of spans of time that have no rows, between those that do, against the same in Python."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from aggregates import shelf
from aggregates.shelf import AUTHORS, visible
from toy.running import running

from gateway.planning.arguments import PageLimits
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from conftest import FreshDatabase
    from toy.running import Zoo

ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Chatham")


@pytest.fixture(scope="module")
async def library(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    """The library, with lists as long as they are elsewhere."""
    limits = PageLimits()
    async with running(module_database, redis_url, shelf.domain, limits=limits) as engine:
        await shelf.fill(engine.connection)
        yield engine


LENT = (
    "query ($where: BookWhere, $unit: TimeUnit, $zone: String!, $range: DateTimeRange!) {"
    " books(where: $where) { groups(by: [LENT], truncate: {lent: $unit}, fill: {lent: $range},"
    " timeZone: $zone, first: 1000) { key { lent } count countDistinct { title } sum { copies }"
    " max { title } } } }"
)


def spans(first: dt.datetime, last: dt.datetime, unit: str) -> Iterator[dt.datetime]:
    """The beginnings of the spans from one to another, by the calendar of their zone."""
    if unit == "HOUR":  # which goes by the world's clock
        zone = first.tzinfo
        at, end = (
            one.replace(minute=0, second=0, microsecond=0).astimezone(dt.UTC)
            for one in (first, last)
        )
        while at <= end:
            yield at.astimezone(zone)
            at += dt.timedelta(hours=1)
        return
    at = dt.datetime(first.year, first.month, first.day, tzinfo=first.tzinfo)
    if unit == "MONTH":
        at = at.replace(day=1)
    if unit == "WEEK":
        at -= dt.timedelta(days=at.weekday())
    while at <= last:
        yield at.replace(fold=0)
        at += dt.timedelta(days={"DAY": 1, "WEEK": 7}.get(unit, 32))
        if unit == "MONTH":
            at = at.replace(day=1)


def text(moment: dt.datetime) -> str:
    """As the answer has it."""
    return moment.astimezone(dt.UTC).isoformat()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("unit", ["HOUR", "DAY", "WEEK", "MONTH"])
async def test_from_the_first_to_the_last(library: Zoo, unit: str, zone: str) -> None:
    """What has rows is as without; between are those that count nothing, and no more."""
    picked = [row for row in visible(None) if row["id"] % 40 == 3]
    where = {"id": {"in": [str(row["id"]) for row in picked]}}
    variables = {"where": where, "unit": unit, "zone": zone, "range": {}}
    data = await library.data(LENT, variables)
    groups = data["books"]["groups"]
    local = [row["lent"].astimezone(ZoneInfo(zone)) for row in picked]
    expected = [text(one) for one in spans(min(local), max(local), unit)]
    assert [group["key"]["lent"] for group in groups] == expected
    assert sum(group["count"] for group in groups) == len(picked)
    for group in groups:
        if group["count"] == 0:
            assert group["countDistinct"] == {"title": 0}
            assert group["sum"] == {"copies": None}
            assert group["max"] == {"title": None}
    if unit == "HOUR":
        assert any(group["count"] == 0 for group in groups)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("unit", ["HOUR", "DAY", "MONTH"])
async def test_a_range(library: Zoo, unit: str, zone: str) -> None:
    """Both ends count; through both changes of the clock, and where no midnight is."""
    first = dt.datetime(2018, 10, 20, 12, 30, tzinfo=dt.UTC)
    last = first + {"HOUR": dt.timedelta(days=20)}.get(unit, dt.timedelta(days=400))
    where = {"id": {"lt": "0"}}
    ends = {"from": first.isoformat(), "to": last.isoformat()}
    data = await library.data(LENT, {"where": where, "unit": unit, "zone": zone, "range": ends})
    local = first.astimezone(ZoneInfo(zone)), last.astimezone(ZoneInfo(zone))
    found = [group["key"]["lent"] for group in data["books"]["groups"]]
    assert found == [text(one) for one in spans(*local, unit)]
    assert all(group["count"] == 0 for group in data["books"]["groups"])


async def test_a_range_beside_rows(library: Zoo) -> None:
    """It only widens: groups beyond it are there as ever, and one end goes with the other's rows."""
    lent = sorted(row["lent"] for row in visible(None))
    days = [one.date() for one in lent]
    for ends, first, last in (
        ({"from": lent[0] - dt.timedelta(days=3)}, days[0] - dt.timedelta(days=3), days[-1]),
        ({"to": lent[-1] + dt.timedelta(days=2)}, days[0], days[-1] + dt.timedelta(days=2)),
        ({"from": lent[-1], "to": lent[-1]}, days[0], days[-1]),
        ({"from": lent[-1] + dt.timedelta(days=9)}, days[0], days[-1]),
    ):
        given = {name: end.isoformat() for name, end in ends.items()}
        data = await library.data(LENT, {"unit": "DAY", "zone": "UTC", "range": given})
        found = [group["key"]["lent"][:10] for group in data["books"]["groups"]]
        expected = [first + dt.timedelta(days=one) for one in range((last - first).days + 1)]
        assert found == [str(day) for day in expected if first <= day <= last]


async def test_dates_beside_another_key(library: Zoo) -> None:
    """Below a row, for each value of the other key, a null among them; nulls stay groups as well."""
    before = len(library.postgres.ran)
    data = await library.data(
        "{ authors(first: 50) { nodes { books { groups(by: [SOLD, ISSUED], truncate: {issued: DAY},"
        ' fill: {issued: {to: "2000-01-12"}}, first: 100) { key { sold issued } count } } } } }',
        viewer=Viewer(subject="bob"),
    )
    assert len(library.postgres.ran) == before + 1
    for author, node in zip(AUTHORS, data["authors"]["nodes"], strict=True):
        rows = [row for row in visible("bob") if row["author_id"] == author["id"]]
        counts = Counter((row["sold"], row["issued"]) for row in rows)
        named = [day for _, day in counts if day is not None]
        first = min(named, default=dt.date(2000, 1, 12))
        days = [first + dt.timedelta(days=one) for one in range(99)]
        every = {(sold, day) for sold, _ in counts for day in days if day <= dt.date(2000, 1, 12)}
        if not named:
            every = set()
        expected = {key: counts[key] for key in every | set(counts)}
        found = {
            (key["sold"], key["issued"] and dt.date.fromisoformat(key["issued"])): group["count"]
            for group in node["books"]["groups"]
            for key in [group["key"]]
        }
        assert found == expected
        assert len(found) == len(node["books"]["groups"])


async def test_chosen_ordered_and_cut(library: Zoo) -> None:
    """`having`, orders and `first` are of all groups; a time without a zone has its own calendar."""
    document = (
        "query ($first: Int) { books(where: {noted: {isNull: false}}) {"
        " groups(by: [NOTED], truncate: {noted: HOUR}, first: $first, having: {count: {lt: 3}},"
        ' fill: {noted: {from: "1999-12-31T22:00:00+02:00", to: "2001-01-01T00:00:00"}},'
        " orderBy: [{count: ASC}, {key: {noted: DESC}}]) { key { noted } count } } }"
    )
    error = await library.error(document)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "`fill` makes more groups" in error["message"]
    document = document.replace("2001-01-01", "2000-01-03")
    data = await library.data(document, {"first": 2})
    assert data["books"]["groups"] == [
        {"key": {"noted": f"2000-01-{day}"}, "count": 0} for day in ("03T00:00:00", "02T23:00:00")
    ]


async def test_no_rows_and_no_range(library: Zoo) -> None:
    """Then there is nothing between which there could be a group."""
    where = {"id": {"lt": "0"}}
    for ends in ({}, {"from": "2020-01-01T00:00:00Z"}):
        variables = {"where": where, "unit": "HOUR", "zone": "UTC", "range": ends}
        assert await library.data(LENT, variables) == {"books": {"groups": []}}


@pytest.mark.parametrize(
    ("last", "fits"), [("2002-09-26T23:59:59Z", True), ("2002-09-27T00:00:00Z", False)]
)
async def test_as_many_as_a_list_may_have(library: Zoo, last: str, fits: bool) -> None:  # noqa: FBT001 - one of two cases
    """A thousand, together with the combinations of other keys; one more is refused, named."""
    ends = {"from": "2000-01-01T00:00:00Z", "to": last}
    variables = {"where": {"id": {"lt": "0"}}, "unit": "DAY", "zone": "UTC", "range": ends}
    body = await library.ask(LENT, variables)
    if fits:
        assert len(body["data"]["books"]["groups"]) == 1000
        return
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["path"] == ["books"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("by: [LENT], fill: {lent: {}}", "`fill.lent` needs a unit in `truncate`"),
        ("by: [LENT], truncate: {lent: DAY}, fill: {noted: {}}", "`fill.noted` needs a unit"),
        (
            "by: [LENT, NOTED], truncate: {lent: DAY, noted: DAY}, fill: {lent: {}, noted: {}}",
            "`fill` must name one column",
        ),
        (
            'by: [ISSUED], truncate: {issued: DAY}, fill: {issued: {from: "2000-01-02", to: "2000-01-01"}}',
            "`fill.issued.to` must be no earlier than `from`",
        ),
    ],
)
async def test_what_cannot_be_filled_is_refused(library: Zoo, arguments: str, says: str) -> None:
    """By a typed error that names the argument, before the database is asked."""
    before = len(library.postgres.ran)
    error = await library.error(f"{{ books {{ groups({arguments}) {{ count }} }} }}")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert says in error["message"]
    assert len(library.postgres.ran) == before
