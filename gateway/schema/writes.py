"""What a write field takes: which columns and children may be written, and a request's write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from strawberry.utils.str_converters import to_camel_case

from gateway.errors import ConfigurationError, InputError
from gateway.schema.catalog import ColumnInfo, EntityInfo, Relation
from gateway.schema.kinds import key_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.schema.catalog import Catalog
    from gateway.schema.shapes import WhereShape

MAX_ROWS = 10_000
"""Rows that one write may insert, children included, or touch."""
MAX_DEPTH = 5
"""Levels of nested children."""


@dataclass(slots=True)
class NewRow:
    """A row to insert: values by column name, and rows of related entities to insert with it."""

    values: dict[str, Any]
    children: list[tuple[Relation, list[NewRow]]] = field(default_factory=list)


@dataclass(slots=True)
class Write:
    """One write with everything a request gave for it.

    `rows`: to insert. `key` or `where` with its `values`: which rows to update or delete. `patch`:
    new values by column name. `version`: the column and the value a row must still have.
    """

    entity: EntityInfo
    rows: list[NewRow] = field(default_factory=list)
    conflict: tuple[str, ...] = ()
    key: tuple[Any, ...] | None = None
    where: WhereShape | None = None
    values: tuple[Any, ...] = ()
    patch: dict[str, Any] | None = None
    version: tuple[str, int] | None = None


def writable(entity: EntityInfo) -> dict[str, ColumnInfo]:
    """The columns a client may write, by GraphQL name: those shown, and foreign keys.

    Computed columns and always-generated identities are left out.
    """
    shown = {info.column.name: info for info in entity.columns.values()}
    for relation in entity.relations.values():
        if not relation.many and relation.through is None:
            for name, _ in relation.pairs:
                column = entity.table.c[name]
                if name not in shown and not column.primary_key:
                    kind = key_kind(column, f"{entity.name}.{relation.name}")
                    public = to_camel_case(name)
                    shown[name] = ColumnInfo(public, column, kind, bool(column.nullable))
    return {info.name: info for info in shown.values() if not _generated(info.column)}


def _generated(column: sa.Column[Any]) -> bool:
    identity = column.identity
    return column.computed is not None or (identity is not None and bool(identity.always))


def required(info: ColumnInfo) -> bool:
    """Whether an insert must give this column a value."""
    column = info.column
    has_default = (
        column.server_default is not None
        or column.identity is not None
        or (column.primary_key and column.autoincrement is True)
    )
    return not column.nullable and not has_default


def children(entity: EntityInfo) -> dict[str, Relation]:
    """The relations whose rows can be inserted together with a row of this entity."""
    return {name: relation for name, relation in entity.relations.items() if relation.many}


class Rows:
    """Reads rows to insert from coerced input; raises InputError naming what is wrong."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.count = 0

    def read(
        self,
        entity: EntityInfo,
        given: Mapping[str, Any],
        where: str,
        implied: frozenset[str] = frozenset(),
        depth: int = 1,
    ) -> NewRow:
        """One row with its children; `implied` are the columns its parent will fill."""
        self.count += 1
        if self.count > MAX_ROWS:
            raise InputError(f"`{where}` inserts more than {MAX_ROWS} rows.")
        if depth > MAX_DEPTH:
            raise InputError(f"`{where}` is nested deeper than {MAX_DEPTH} levels.")
        columns = writable(entity)
        row = NewRow(_values(columns, given, where))
        for name, info in columns.items():
            column = info.column.name
            if required(info) and column not in row.values and column not in implied:
                raise InputError(f"`{where}.{name}` is required.", extensions={"argument": name})
        for name, relation in children(entity).items():
            if given.get(name):
                target = self.catalog.entities[relation.target]
                filled = frozenset(remote for _, remote in relation.pairs)
                nested = [
                    self.read(target, part, f"{where}.{name}", filled, depth + 1)
                    for part in given[name]
                ]
                row.children.append((relation, nested))
        return row


def read_patch(entity: EntityInfo, given: Mapping[str, Any]) -> dict[str, Any]:
    """New values by column name; null where a client said null, absent where it said nothing."""
    patch = _values(writable(entity), given, "set")
    if not patch:
        raise InputError("`set` is empty; give at least one column a value.")
    return patch


def _values(
    columns: Mapping[str, ColumnInfo], given: Mapping[str, Any], where: str
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, info in columns.items():
        if name not in given:
            continue
        value = given[name]
        if value is None and not info.column.nullable:
            raise InputError(f"`{where}.{name}` must not be null; leave it out instead.")
        bound = None if value is None else info.kind.bind(value, f"{where}.{name}")
        values[info.column.name] = bound
    return values


def conflict_columns(entity: EntityInfo, columns: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The columns of an upsert, checked to be unique together. Raises ConfigurationError."""
    wanted = set(columns)
    if wanted not in list(_unique_sets(entity.table)):
        raise ConfigurationError(
            f"{where}: {', '.join(columns) or 'nothing'} is not a unique key of table "
            f"{entity.table.name}; upsert needs the columns of a primary or unique key."
        )
    return columns


def _unique_sets(table: sa.Table) -> Iterator[set[str]]:
    yield {column.name for column in table.primary_key}
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            yield {column.name for column in constraint.columns}
    for index in table.indexes:
        if index.unique:
            yield {column.name for column in index.columns}
