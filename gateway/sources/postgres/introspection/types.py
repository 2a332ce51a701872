"""Which SQLAlchemy type, and which kind of the gateway's, a column's PostgreSQL type is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from gateway.errors import ConfigurationError
from gateway.schema.columns import kinds
from gateway.schema.columns.deduced import kind_of
from gateway.sources.postgres.introspection.catalogue import ColumnType, EnumType, Name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.sources.postgres.introspection.answer import TypeRow

_SYSTEM = "pg_catalog"

_PLAIN: dict[str, tuple[str, Any]] = {
    "int2": ("sa.SmallInteger", sa.SmallInteger()),
    "int4": ("sa.Integer", sa.Integer()),
    "int8": ("sa.BigInteger", sa.BigInteger()),
    "float4": ("sa.REAL", sa.REAL()),
    "float8": ("sa.Double", sa.Double()),
    "numeric": ("sa.Numeric", sa.Numeric()),
    "bool": ("sa.Boolean", sa.Boolean()),
    "uuid": ("sa.Uuid", sa.Uuid()),
    "text": ("sa.Text", sa.Text()),
    "varchar": ("sa.String", sa.String()),
    "bpchar": ("sa.CHAR", sa.CHAR()),
    "date": ("sa.Date", sa.Date()),
    "time": ("sa.Time", sa.Time()),
    "timestamp": ("sa.DateTime", sa.DateTime()),
    "timestamptz": ("sa.DateTime(timezone=True)", sa.DateTime(timezone=True)),
    "interval": ("sa.Interval", sa.Interval()),
    "bytea": ("sa.LargeBinary", sa.LargeBinary()),
    "json": ("sa.JSON", sa.JSON()),
    "jsonb": ("pg.JSONB", pg.JSONB()),
}
"""Types with a meaning of their own in the gateway, by their name in `pg_catalog`."""

_MODEL_ONLY = {
    "bit": "pg.BIT",
    "cidr": "pg.CIDR",
    "datemultirange": "pg.DATEMULTIRANGE",
    "daterange": "pg.DATERANGE",
    "inet": "pg.INET",
    "int4multirange": "pg.INT4MULTIRANGE",
    "int4range": "pg.INT4RANGE",
    "int8multirange": "pg.INT8MULTIRANGE",
    "int8range": "pg.INT8RANGE",
    "macaddr": "pg.MACADDR",
    "macaddr8": "pg.MACADDR8",
    "money": "pg.MONEY",
    "nummultirange": "pg.NUMMULTIRANGE",
    "numrange": "pg.NUMRANGE",
    "oid": "pg.OID",
    "timetz": "sa.Time(timezone=True)",
    "tsmultirange": "pg.TSMULTIRANGE",
    "tsquery": "pg.TSQUERY",
    "tsrange": "pg.TSRANGE",
    "tstzmultirange": "pg.TSTZMULTIRANGE",
    "tstzrange": "pg.TSTZRANGE",
    "tsvector": "pg.TSVECTOR",
}
"""Types a SQLAlchemy table can have, but a GraphQL field cannot."""

_NO_SCALAR = "a type the gateway has no scalar for"
_WHY = {"tsvector": "lists have the argument `search` for it"}

_VARIABLE_LENGTH = 4
"""What PostgreSQL adds to a length in a type modifier."""


class Types:
    """Finds out the types of columns, from the rows of `pg_type` by their oid."""

    def __init__(self, rows: Mapping[int, TypeRow]) -> None:
        self._rows = rows
        self._enums: dict[int, EnumType] = {}

    def default(self, oid: int) -> str | None:
        """The default that a domain gives its columns, as SQL."""
        row = self._rows.get(oid)
        while row is not None and row.sort == "d":
            if row.default is not None:
                return row.default
            row = self._rows.get(row.base)
        return None

    def of(self, oid: int, modifier: int, dimensions: int, sql: str) -> ColumnType:
        """The type of a column, domains seen through; `sql` is what PostgreSQL calls it."""
        own = row = self._rows.get(oid)
        while row is not None and row.sort == "d":
            modifier = row.modifier if modifier < 0 else modifier
            dimensions = max(dimensions, row.dimensions)
            row = self._rows.get(row.base)
        if row is None or row.sort == "c":
            return _unbindable(sql, None, "a composite type")
        if row.sort == "e" and row is not own:
            return _unbindable(sql, None, "a domain over an enum, which has no operators")
        if row.element:
            return self._array(row.element, modifier, dimensions, sql)
        return self._single(row, modifier, sql)

    def _array(self, element: int, modifier: int, dimensions: int, sql: str) -> ColumnType:
        row = self._rows.get(element)
        if row is None or row.sort == "c":
            return _unbindable(sql, None, "an array of a composite type")
        if row.sort == "d":
            return _unbindable(sql, None, "an array of a domain, which has no operators")
        item = self._single(row, modifier, sql)
        model = item.model and f"pg.ARRAY({item.model})"
        if not item.bindable:
            return _unbindable(sql, model, item.why)
        if dimensions > 1:
            return ColumnType(
                sql, model, None, item.enum, array=True, why="an array of several dimensions"
            )
        if item.kind in (kinds.BYTES, kinds.DOCUMENT_KIND):
            return _unbindable(sql, model, "an array whose members are no plain values")
        return ColumnType(sql, model, item.kind, item.enum, array=True)

    def _single(self, row: TypeRow, modifier: int, sql: str) -> ColumnType:
        if row.sort == "e":
            why = "" if row.labels else "an enum without labels"
            return ColumnType(sql, None, None, self._enum(row), why=why)
        schema, name = row.name
        if name == "citext":
            # Outside the search path neither the type nor its operators are found by their name.
            model, type_ = ("pg.CITEXT", pg.CITEXT()) if schema == "public" else _PLAIN["text"]
        elif schema == _SYSTEM and name in _PLAIN:
            model, type_ = _PLAIN[name]
            model += _measure(name, modifier)
        else:
            known = _MODEL_ONLY.get(name) if schema == _SYSTEM else None
            return _unbindable(sql, known, _WHY.get(name, _NO_SCALAR))
        try:
            # What suits keys may be an ID; whether this is a key is not for the type to say.
            kind = kinds.UUID if name == "uuid" else kind_of(sa.Column("c", type_), None, sql)
        except ConfigurationError:
            return _unbindable(sql, model, _NO_SCALAR)
        return ColumnType(sql, model, kind)

    def _enum(self, row: TypeRow) -> EnumType:
        if row.oid not in self._enums:
            self._enums[row.oid] = EnumType(Name(*row.name), row.labels, row.comment)
        return self._enums[row.oid]


def _unbindable(sql: str, model: str | None, why: str) -> ColumnType:
    return ColumnType(sql, model, None, why=why)


def _measure(name: str, modifier: int) -> str:
    """The arguments a type modifier stands for: a length, or precision and scale."""
    if modifier < _VARIABLE_LENGTH:
        return ""
    size = modifier - _VARIABLE_LENGTH
    if name in {"varchar", "bpchar"}:
        return f"({size})"
    if name == "numeric":
        scale = (size & 0x7FF ^ 0x400) - 0x400
        return f"({size >> 16 & 0xFFFF}, {scale})"
    return ""
