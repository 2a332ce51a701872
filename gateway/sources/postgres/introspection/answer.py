"""The catalogue's answer as it comes: what `questions.CATALOGUE` writes, decoded and checked."""

from __future__ import annotations

from msgspec import Struct


class ColumnRow(Struct, frozen=True):
    """A row of `pg_attribute`."""

    name: str
    type: int
    modifier: int
    dimensions: int
    sql: str
    not_null: bool
    identity: str
    generated: str
    default: str | None
    comment: str | None
    readable: bool


class UniqueRow(Struct, frozen=True):
    """A row of `pg_index`."""

    primary: bool
    columns: tuple[str, ...]


class ForeignKeyRow(Struct, frozen=True):
    """A row of `pg_constraint`; the actions are PostgreSQL's letters."""

    columns: tuple[str, ...]
    table: tuple[str, str]
    references: tuple[str, ...]
    on_delete: str
    on_update: str
    comment: str | None


class TableRow(Struct, frozen=True):
    """A row of `pg_class`; `sort` is its `relkind`."""

    name: tuple[str, str]
    sort: str
    readable: bool
    comment: str | None
    columns: tuple[ColumnRow, ...]
    uniques: tuple[UniqueRow, ...]
    foreign_keys: tuple[ForeignKeyRow, ...]
    inherits: tuple[tuple[str, str], ...]


class TypeRow(Struct, frozen=True):
    """A row of `pg_type`; `sort` is its `typtype`, `element` is 0 unless it is an array."""

    oid: int
    name: tuple[str, str]
    sort: str
    element: int
    base: int
    modifier: int
    dimensions: int
    default: str | None
    comment: str | None
    labels: tuple[str, ...]


class Answer(Struct, frozen=True):
    """All of it."""

    tables: tuple[TableRow, ...]
    types: tuple[TypeRow, ...]
