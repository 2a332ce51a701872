"""Rows of a write as one JSON parameter, which SQL reads as a table."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from gateway.schema.columns.scalars import write_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.catalog import EntityInfo


def recordset(columns: Sequence[sa.ColumnClause[Any]]) -> Any:
    """`json_to_recordset(:rows) as r(column type, …)`: the rows of one JSON parameter."""
    rows = sa.cast(sa.bindparam("rows", type_=sa.Text), pg.JSON)
    return (
        sa.func.json_to_recordset(rows)
        .table_valued(*(sa.column(column.name, column.type) for column in columns), name="r")
        .render_derived(with_types=True)
    )


def rows_json(rows: Sequence[Mapping[str, Any]], entity: EntityInfo | None = None) -> str:
    """Rows as JSON; documents in columns of `entity`, bound as text, as the JSON they are."""
    if entity is not None:
        columns = entity.table.c
        documents = [
            name for name in rows[0] if name in columns and isinstance(columns[name].type, sa.JSON)
        ]
        rows = [_with_documents(row, documents) for row in rows] if documents else rows
    # Column names are a subclass of str. A time with an offset is more than orjson can write.
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
    return orjson.dumps(rows, default=_plain, option=options).decode()


def _with_documents(row: Mapping[str, Any], documents: Sequence[str]) -> dict[str, Any]:
    found = {name: row[name] for name in documents if row[name] is not None}
    return {**row, **{name: orjson.Fragment(value) for name, value in found.items()}}


def _plain(value: Any) -> Any:
    """What orjson cannot write, as PostgreSQL reads it from JSON."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, dt.timedelta):
        return write_duration(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
