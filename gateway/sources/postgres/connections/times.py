"""Dates, times and intervals on a connection: what Python knows is that, none is infinity.

asyncpg takes the last moment that Python knows for infinity, cannot read what lies beyond, and
makes days of an interval's months; here both ways go by the wire's own numbers. What Python has no
name for is read as its numbers in a tuple, and taken back as such.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.schema.columns.beyond import Endless
from gateway.schema.columns.scalars import END_OF_DAY, Span, in_months

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

Number: TypeAlias = tuple[int]
"""Days or microseconds since the beginning of 2000, or microseconds of a day."""

Interval: TypeAlias = tuple[int, int, int]
"""Months, days and microseconds, none of which PostgreSQL turns into another."""

_DAY = dt.date(2000, 1, 1)
_LOCAL = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - the column has no time zone
_UTC = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_DAYLONG = dt.timedelta(days=1)


async def speak_times(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Make the types of dates, times and intervals so on a connection."""
    codecs: tuple[tuple[str, Callable[[Any], Any], Callable[[Any], Any]], ...] = (
        ("date", _from_date, _to_date),
        ("time", _from_time, _to_time),
        ("interval", _from_span, _to_span),
        ("timestamp", _from_moment, _to_local),
        ("timestamptz", _from_moment, _to_utc),
    )
    for name, encoder, decoder in codecs:
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=encoder, decoder=decoder, format="tuple"
        )


def _ends(value: Endless, bits: int) -> int:
    """Infinity is the last number there is, on either side."""
    last: int = 1 << (bits - 1)
    return -last if value is Endless.PAST else last - 1


def _from_date(value: dt.date | Endless | Number) -> Number:
    if isinstance(value, tuple):
        return value
    if isinstance(value, Endless):
        return (_ends(value, 32),)
    return (value.toordinal() - _DAY.toordinal(),)


def _to_date(number: Number) -> dt.date | Number:
    try:
        return dt.date.fromordinal(number[0] + _DAY.toordinal())
    except (ValueError, OverflowError):
        return number


def _from_time(value: dt.time) -> Number:
    if value is END_OF_DAY:
        return (_DAYLONG // _MICROSECOND,)
    since = dt.timedelta(
        hours=value.hour,
        minutes=value.minute,
        seconds=value.second,
        microseconds=value.microsecond,
    )
    return (since // _MICROSECOND,)


def _to_time(number: Number) -> dt.time:
    since = number[0] * _MICROSECOND
    return END_OF_DAY if since >= _DAYLONG else (_LOCAL + since).time()


def _from_span(value: dt.timedelta | Endless | Interval) -> Interval:
    if isinstance(value, tuple):
        return value
    if isinstance(value, Endless):
        return _ends(value, 32), _ends(value, 32), _ends(value, 64)
    months, rest = in_months(value)
    return months, rest.days, (rest - dt.timedelta(days=rest.days)) // _MICROSECOND


def _to_span(interval: Interval) -> dt.timedelta | Interval:
    months, days, micros = interval
    try:
        rest = dt.timedelta(days=days, microseconds=micros)
        return Span(months, rest) if months else rest
    except OverflowError:
        return interval


def _from_moment(value: dt.datetime | Endless | Number) -> Number:
    if isinstance(value, tuple):
        return value
    if isinstance(value, Endless):
        return (_ends(value, 64),)
    since = value - (_UTC if value.tzinfo else _LOCAL)
    return (since // _MICROSECOND,)


def _to_local(number: Number) -> dt.datetime | Number:
    try:
        return _LOCAL + number[0] * _MICROSECOND
    except OverflowError:
        return number


def _to_utc(number: Number) -> dt.datetime | Number:
    try:
        return _UTC + number[0] * _MICROSECOND
    except OverflowError:
        return number
