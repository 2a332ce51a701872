"""Dates and times on a connection: every day Python knows is that day, none is infinity.

asyncpg takes the last moment that Python knows for infinity, and cannot read what lies beyond; here
both ways go by the wire's own numbers. A moment that Python has no name for is read as its number
in a tuple, and taken back as such.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, TypeAlias

from gateway.schema.kinds import Endless

if TYPE_CHECKING:
    import asyncpg

Number: TypeAlias = tuple[int]
"""Days or microseconds since the beginning of 2000."""

_DAY = dt.date(2000, 1, 1)
_LOCAL = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - the column has no time zone
_UTC = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


async def speak_times(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Make `date`, `timestamp` and `timestamptz` so on a connection."""
    for name, encoder, decoder in (
        ("date", _from_date, _to_date),
        ("timestamp", _from_moment, _to_local),
        ("timestamptz", _from_moment, _to_utc),
    ):
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
