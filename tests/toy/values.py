"""Values of the zoo's columns in plain Python: as GraphQL shows them, as cursors hold them, in order.

Written without a look at how the engine does it: this is what it is held against.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
import strawberry
from sqlalchemy.dialects import postgresql as pg

from gateway.schema.columns.scalars import write_duration, write_moment

if TYPE_CHECKING:
    from gateway.schema.catalog import ColumnInfo

LOST = object()
"""A value that GraphQL cannot represent."""


def shown(info: ColumnInfo, value: Any) -> Any:
    """The value a resolver would return for the column, None where null, LOST where it cannot."""
    if value is None:
        return None
    if isinstance(value, list):
        item = info.kind.annotation.__args__[0]
        of: Any = info.column.type
        parts = [_shown(item, of.item_type, part) for part in value]
        return LOST if any(part is LOST or part is None for part in parts) else parts
    return _shown(info.kind.annotation, info.column.type, value)


def _shown(annotation: Any, type_: Any, value: Any) -> Any:
    if value is None or _endless(value):
        return None if value is None else LOST
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return annotation(value)
    if annotation is strawberry.ID:
        return str(value)
    if isinstance(type_, sa.JSON):
        return _as_jsonb(orjson.loads(value))
    return value


def _endless(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None) in {dt.datetime.max, dt.datetime.min}  # noqa: DTZ901 - infinity
    return isinstance(value, dt.date) and value in {dt.date.max, dt.date.min}


def _as_jsonb(value: Any) -> Any:
    """The members of objects in jsonb's order: shorter names first, then by their bytes."""
    if isinstance(value, dict):
        ordered = sorted(value, key=lambda name: (len(name.encode()), name.encode()))
        return {name: _as_jsonb(value[name]) for name in ordered}
    return [_as_jsonb(part) for part in value] if isinstance(value, list) else value


def as_text(value: Any) -> str | None:  # noqa: PLR0911 - a table, row by row
    """The value as PostgreSQL casts it to text."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, dt.timedelta):
        return write_duration(value)
    if isinstance(value, dt.date | dt.time):
        return _time_text(value)
    return str(value)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value).removesuffix(".0")


def _time_text(value: dt.date | dt.time) -> str:
    if _endless(value):
        return "infinity" if value.year > 1 else "-infinity"  # type: ignore[union-attr]  # no time is endless
    if isinstance(value, dt.datetime):
        zone = "+00" if value.tzinfo else ""
        return write_moment(value.replace(tzinfo=None)).replace("T", " ") + zone
    return write_moment(value) if isinstance(value, dt.time) else value.isoformat()


def rank(column: sa.Column[Any], value: Any) -> Any:
    """What orders the column's values in Python as PostgreSQL orders them."""
    if isinstance(column.type, sa.Enum):
        return column.type.enums.index(value)
    if isinstance(column.type, pg.CITEXT):
        return value.lower()
    if isinstance(value, float):
        return (math.isnan(value), 0.0 if math.isnan(value) else value)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, uuid.UUID):
        return value.bytes
    return value.encode() if isinstance(value, str) else value


def taken(column: sa.Column[Any], given: Any) -> Any:
    """A coerced GraphQL value as the column stores it."""
    if isinstance(given, list):
        return [taken(column, part) for part in given]
    type_: Any = column.type.item_type if isinstance(column.type, sa.ARRAY) else column.type
    if isinstance(given, enum.Enum):
        return given.value
    if isinstance(type_, sa.Integer) and isinstance(given, str):
        return int(given)
    if isinstance(type_, sa.Uuid):
        return uuid.UUID(str(given))
    if isinstance(type_, sa.DateTime):
        utc = given.astimezone(dt.UTC) if given.tzinfo else given.replace(tzinfo=dt.UTC)
        return utc if type_.timezone else utc.replace(tzinfo=None)
    return float(given) if isinstance(type_, sa.Float) else given
