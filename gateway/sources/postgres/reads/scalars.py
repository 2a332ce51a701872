"""How SQL writes each kind of column as JSON, and opaque text such as cursors.

The table of `gateway.schema.columns.kinds`, for PostgreSQL. A value GraphQL cannot represent (NaN,
times that are infinite or outside the years 1 to 9999, a label its enum lacks, a list with a list
in it, or with a null that its annotation lacks) is null where the field may be null; where it may
not, a cast fails, and so does the field, as the GraphQL specification has it for such results.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON, JSONB

from gateway.schema.columns import kinds as k

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.schema.catalog import ColumnInfo

Expression = sa.ColumnElement[Any]

_AS_TEXT = {k.BIGINT.name, k.INT_ID.name, k.TEXT_ID.name, k.UUID_ID.name, k.DECIMAL.name}
_DATED = {k.MOMENT.name, k.DATE.name}
FIRST: Expression = sa.literal_column("'0001-01-01'")
_BEYOND: Expression = sa.literal_column("'10000-01-01'")
"""The times that ISO 8601, Python and GraphQL have names for: from the one up to the other."""
_AS_THEY_ARE = {k.INT.name, k.TEXT.name, k.BOOLEAN.name, k.TIME.name, k.UUID.name}


def text(literal: str) -> Expression:
    """A constant of SQL text; for names and punctuation of our own, never for input."""
    return sa.literal_column(_quoted(literal), sa.Text)


def _quoted(literal: str) -> str:
    return "'" + literal.replace("'", "''") + "'"


def join(*parts: Expression) -> Expression:
    """The concatenation of texts."""
    joined = parts[0]
    for part in parts[1:]:
        joined = joined.concat(part)  # one flat list: as nested pairs it is too deep for SQLAlchemy
    return joined


def commas(parts: Sequence[Expression]) -> list[Expression]:
    """The parts with a comma between each two."""
    spaced: list[Expression] = []
    for part in parts:
        spaced += [text(","), part] if spaced else [part]
    return spaced


def has_a_name(column: Expression) -> Expression:
    """Whether a date or a time is one that an answer can show."""
    return sa.and_(column >= FIRST, column < _BEYOND)


def write(info: ColumnInfo, column: Expression) -> Expression:  # noqa: PLR0911 - a table, row by row
    """The column as `row_to_json` must see it for the JSON its kind promises."""
    kind = info.kind
    if kind.labels:
        return _enum(info, column)
    if kind.name in _AS_TEXT:
        return sa.cast(column, sa.Text)
    if kind is k.FLOAT:
        finite = column - column == sa.literal_column("0")
        return sa.case((finite, column), else_=_unfit(info, column, info.column.type))
    if kind.name in _DATED:
        return sa.case((has_a_name(column), column), else_=_unfit(info, column, info.column.type))
    if kind is k.DURATION:
        finite = sa.func.isfinite(column)
        return sa.case((finite, column), else_=_unfit(info, column, info.column.type))
    if kind is k.BYTES:
        encoded = sa.func.encode(column, sa.literal_column("'base64'"))
        return sa.func.translate(encoded, sa.literal_column(r"E'\n'"), sa.literal_column("''"))
    if kind is k.DOCUMENT_KIND and not isinstance(info.column.type, JSONB):
        return sa.cast(column, JSONB)
    if kind.item is not None:
        return _array(info, kind.item, column)
    return column


def _unfit(info: ColumnInfo, column: Expression, type_: Any) -> Expression | None:
    """What stands for a value GraphQL cannot represent: null, or a cast that fails."""
    if info.nullable:
        return None
    return sa.cast(join(text("unfit "), sa.cast(column, sa.Text)), type_)


def _enum(info: ColumnInfo, column: Expression) -> Expression:
    """The name of a label; an enum's labels are compared as such, which costs less than as text."""
    known = [
        (column == sa.literal_column(_quoted(value)), text(name))
        for value, name in info.kind.labels
    ]
    # No text is a number: the cast fails, and so does the field.
    unfit = sa.cast(sa.cast(join(text("unfit "), sa.cast(column, sa.Text)), sa.Integer), sa.Text)
    if info.nullable:
        return sa.case(*known)
    return sa.case(*known, else_=unfit)


def _array(info: ColumnInfo, item: k.Kind, column: Expression) -> Expression:
    """A list, unless there is an unfit item in it: then it is unfit itself.

    A null is one, too, unless the annotation has nulls among the items: then unfit ones are nulls.
    """
    if not item.labels and item.name in _AS_TEXT | _AS_THEY_ARE:
        type_: Any = sa.ARRAY(sa.Text) if item.name in _AS_TEXT else info.column.type
        items = sa.cast(column, type_) if item.name in _AS_TEXT else column
        whole = sa.func.array_position(column, sa.null()).is_(None)
        unfit = _unfit(info, column, type_)
        if info.kind.sparse:
            return sa.case((_nested(column), unfit), else_=items)
        return sa.case((_nested(column), unfit), (whole, items), else_=unfit)
    each = sa.func.unnest(column).column_valued("e")
    written = write(replace(info, kind=item, nullable=True), each)
    listed = sa.func.coalesce(sa.func.json_agg(written), sa.literal_column("'[]'::json"))
    fits: Expression = sa.func.count() == sa.func.count(written)
    complete = sa.true() if info.kind.sparse else fits
    # The row's column is not named within the select, which would take its row for another table.
    fit = sa.select(sa.case((complete, listed))).scalar_subquery()
    unfit = _unfit(info, column, JSON)
    return sa.case((_nested(column), unfit), (column.is_not(None), sa.func.coalesce(fit, unfit)))


def _nested(column: Expression) -> Expression:
    """Whether an array is one of arrays, which `unnest` and `array_position` do not tell."""
    return sa.func.array_ndims(column) > sa.literal_column("1")


def opaque(head: str, values: Sequence[Expression]) -> Expression:
    """The bytes `gateway.schema.opaque.encode(head, values)` gives, written by SQL."""
    parts: list[Expression] = [text(f'["{head}"')]
    for value in values:
        as_json = sa.cast(sa.func.to_json(sa.cast(value, sa.Text)), sa.Text)
        parts += [text(","), sa.func.coalesce(as_json, text("null"))]
    whole = sa.func.convert_to(join(*parts, text("]")), sa.literal_column("'UTF8'"))
    encoded = sa.func.encode(whole, sa.literal_column("'base64'"))
    return sa.func.translate(encoded, sa.literal_column(r"E'\n'"), sa.literal_column("''"))
