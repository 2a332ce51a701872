"""What a write field takes: which columns and children may be written, and a request's write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from strawberry.utils.str_converters import to_camel_case

from gateway.errors import ConfigurationError, InputError
from gateway.schema.catalog import ColumnInfo, EntityInfo, Relation, Through
from gateway.schema.definitions import guarded
from gateway.schema.kinds import key_kind
from gateway.schema.mutations import Insert, Update
from gateway.schema.operators import OPERATORS, bind_operand
from gateway.schema.relations import unique_sets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.schema.catalog import Catalog
    from gateway.schema.mutations import WriteBinding
    from gateway.schema.shapes import WhereShape

MAX_ROWS = 10_000
"""Rows that one write may insert, children included, or touch."""
MAX_EACH = 1_000
"""Rows that one write may change each its own way."""
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

    `rows`: to insert, None where the write is none of an insert; those that are there by the
    columns of `conflict` are updated, or left as they are where `ignore` says so. `key` or `where`
    with its `values`: which rows to update or delete; one of the two is given. `patch`: new values
    by column name, None where the write is no update. `operators`: by column name, how a new value
    is joined to the one that is there instead of replacing it. `version`: the column that counts
    the changes of a row, and the value it must still have, None where any will do. `each`: updates
    by key that this one stands for; its own patch has what any of them has.
    """

    entity: EntityInfo
    rows: list[NewRow] | None = None
    conflict: tuple[str, ...] = ()
    ignore: bool = False
    key: tuple[Any, ...] | None = None
    where: WhereShape | None = None
    values: tuple[Any, ...] = ()
    patch: dict[str, Any] | None = None
    operators: Mapping[str, str] = field(default_factory=dict)
    version: tuple[str, int | None] | None = None
    each: list[Write] | None = None


def writable(entity: EntityInfo) -> dict[str, ColumnInfo]:
    """The columns a client may write, by GraphQL name: those shown, and foreign keys.

    Computed columns and always-generated identities are left out, and so is a column that only a
    field with a permission shows: who may not read it may not write it either.
    """
    closed = guarded(entity.cls)
    visible = {info.column.name for info in entity.columns.values()}
    shown: dict[str, ColumnInfo] = {}
    for info in entity.columns.values():
        if info.name not in closed:
            shown.setdefault(info.column.name, info)
    for relation in entity.relations.values():
        if not relation.many and relation.through is None and relation.name not in closed:
            for name, _ in relation.pairs:
                column = entity.table.c[name]
                if name not in visible:
                    kind = key_kind(column, f"{entity.name}.{relation.name}")
                    public = to_camel_case(name)
                    shown[name] = ColumnInfo(public, column, kind, bool(column.nullable))
    return {info.name: info for info in shown.values() if not _generated(info.column)}


def _generated(column: sa.Column[Any]) -> bool:
    identity = column.identity
    return column.computed is not None or (identity is not None and bool(identity.always))


def required(info: ColumnInfo) -> bool:
    """Whether an insert must give this column a value."""
    return _demanded(info.column)


def _demanded(column: sa.Column[Any]) -> bool:
    table: Any = column.table
    has_default = (
        column.server_default is not None
        or column.identity is not None
        or column is table.autoincrement_column
    )
    return not column.nullable and not has_default


def children(entity: EntityInfo) -> dict[str, Relation]:
    """The relations whose rows can be inserted together with a row of this entity.

    Not those under a permission, nor those by a table between that asks for more than both keys.
    """
    closed = guarded(entity.cls)
    return {
        name: relation
        for name, relation in entity.relations.items()
        if relation.many and name not in closed and _linkable(relation.through)
    }


def _linkable(through: Through | None) -> bool:
    if through is None:
        return True
    keys = {own for own, _ in (*through.near, *through.far)}
    return not any(_demanded(column) for column in through.table.c if column.name not in keys)


class Rows:
    """Reads rows to insert from coerced input; raises InputError naming what is wrong."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.count = 0
        self._open: dict[str, tuple[dict[str, ColumnInfo], dict[str, Relation]]] = {}

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
        columns, relations = self._of(entity)
        row = NewRow(_values(columns, given, where))
        for name, info in columns.items():
            column = info.column.name
            if column in implied and column in row.values:
                raise InputError(
                    f"`{where}.{name}` comes from the row it is nested in; leave it out.",
                    extensions={"argument": name},
                )
            if column not in row.values and column not in implied and required(info):
                raise InputError(f"`{where}.{name}` is required.", extensions={"argument": name})
        for name, relation in relations.items():
            if given.get(name):
                target = self.catalog.entities[relation.target]
                filled = frozenset(remote for _, remote in relation.pairs)
                nested = [
                    self.read(target, part, f"{where}.{name}", filled, depth + 1)
                    for part in given[name]
                ]
                row.children.append((relation, nested))
        return row

    def _of(self, entity: EntityInfo) -> tuple[dict[str, ColumnInfo], dict[str, Relation]]:
        """What may be written of an entity, found once for all of its rows."""
        if entity.name not in self._open:
            self._open[entity.name] = (writable(entity), children(entity))
        return self._open[entity.name]


def read_changes(
    entity: EntityInfo, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What the arguments of an update give columns, by name, and the operators of those not set.

    A value is null where a client said null, absent where it said nothing. Raises InputError.
    """
    columns = writable(entity)
    patch = _values(columns, given.get("set") or {}, "set")
    operators: dict[str, str] = {}
    for operator in OPERATORS:
        for name, value in (given.get(operator) or {}).items():
            column, where = columns[name].column.name, f"{operator}.{name}"
            if column in patch:
                other = operators.get(column, "set")
                raise InputError.about(where, f"must be left out, as `{other}` has `{name}` too")
            if value is None:
                raise InputError.about(where, "must not be null; leave it out instead")
            patch[column] = bind_operand(operator, columns[name], value, where)
            operators[column] = operator
    if not patch:
        raise InputError("`set` is empty; give at least one column a value.")
    return patch, operators


def read_counted(
    entity: EntityInfo, given: Iterable[Any], conflict: Sequence[str]
) -> dict[str, str]:
    """The columns an upsert is to count up, by name. Raises InputError for one it goes by."""
    columns = writable(entity)
    found = [columns[str(getattr(one, "value", one))] for one in given]
    for info in found:
        if info.column.name in conflict:
            raise InputError.about("inc", f"must not name `{info.name}`, by which rows are found")
    return {info.column.name: "inc" for info in found}


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


def check_columns(entity: EntityInfo, binding: WriteBinding, where: str) -> None:
    """Raise ConfigurationError for a row found by what is not unique, or no column to lock by."""
    if isinstance(binding, Insert) and binding.conflict:
        if set(binding.conflict) not in list(unique_sets(entity.table)):
            raise ConfigurationError(
                f"{where}: {', '.join(binding.conflict)} is not a unique key of table "
                f"{entity.table.name}; give all columns of a primary or unique key."
            )
    elif isinstance(binding, Update) and binding.version is not None:
        found = entity.table.columns.get(binding.version)
        if found is None or not isinstance(found.type, sa.Integer):
            raise ConfigurationError(
                f"{where}: version={binding.version!r} is not an integer column of table "
                f"{entity.table.name}."
            )
