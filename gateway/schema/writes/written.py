"""What a request writes, read from its arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from strawberry.utils.str_converters import to_camel_case

from gateway.errors import InputError
from gateway.schema.catalog import ColumnInfo, EntityInfo, Relation
from gateway.schema.writes.insertable import Insertable, insertable, required, writable
from gateway.schema.writes.operators import OPERATORS, bind_operand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gateway.schema.catalog import Catalog
    from gateway.schema.lists.shapes import WhereShape

T = TypeVar("T")

MAX_ROWS = 10_000
"""Rows that one write may insert, children included, or touch."""
MAX_DEPTH = 5
"""Levels of nested children."""


@dataclass(slots=True)
class NewRow:
    """A row to insert: values by column name, and rows of related entities to insert with it.

    `parents` come before it, as it refers to them; `children` after it, as they refer to it.
    """

    values: dict[str, Any]
    children: list[tuple[Relation, list[NewRow]]] = field(default_factory=list)
    parents: list[tuple[Relation, NewRow]] = field(default_factory=list)


@dataclass(slots=True)
class Write:
    """One write with everything a request gave for it.

    `rows`: to insert, None where the write is none of an insert; those that are there by the
    columns of `conflict` are updated where `where` picks them, or left as they are where `ignore`
    says so. `key` or `where` with its `values`: which rows to update or delete; one of the two is
    given. `patch`: new values
    by column name, None where the write is no update. `operators`: by column name, how a new value
    is joined to the one that is there instead of replacing it. `version`: the column that counts
    the changes of a row, and the value it must still have, None where any will do. `each`: updates
    by key that this one stands for; its own patch and version have what any of them has.
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

    @property
    def skips(self) -> bool:
        """Whether it may leave rows to insert out, as others are there already."""
        return self.ignore or (self.rows is not None and self.where is not None)


class Rows:
    """Reads rows to insert from coerced input; raises InputError naming what is wrong.

    `skips`: outermost rows may be left out, as others are there already.
    """

    def __init__(self, catalog: Catalog, *, skips: bool = False) -> None:
        self.catalog = catalog
        self.skips = skips
        self.count = 0
        self._open: dict[str, Insertable] = {}

    def read(
        self,
        entity: EntityInfo,
        given: Mapping[str, Any],
        where: str,
        implied: frozenset[str] = frozenset(),
        depth: int = 1,
    ) -> NewRow:
        """One row with those nested in it; `implied` are columns that the one around it fills."""
        self.count += 1
        if self.count > MAX_ROWS:
            raise InputError(f"`{where}` inserts more than {MAX_ROWS} rows.")
        if depth > MAX_DEPTH:
            raise InputError(f"`{where}` is nested deeper than {MAX_DEPTH} levels.")
        allowed = self._of(entity)
        row = NewRow(_values(allowed.columns, given, where))
        filled = implied | self._read_parents(
            row, allowed, given, where, implied=implied, depth=depth
        )
        for name, info in allowed.columns.items():
            column = info.column.name
            if column in implied and column in row.values:
                says = "comes from the row it is nested in; leave it out"
                raise InputError.about(f"{where}.{name}", says)
            if column not in row.values and column not in filled and required(info.column):
                raise InputError.about(f"{where}.{name}", "is required")
        for name, relation in allowed.children.items():
            if given.get(name):
                target = self.catalog.entities[relation.target]
                theirs = frozenset(remote for _, remote in relation.pairs)
                at = f"{where}.{name}"
                parts = numbered(at, given[name]) if relation.many else [(at, given[name])]
                nested = [self.read(target, part, at, theirs, depth + 1) for at, part in parts]
                row.children.append((relation, nested))
        return row

    def _read_parents(  # noqa: PLR0913 - what `read` knows
        self,
        row: NewRow,
        allowed: Insertable,
        given: Mapping[str, Any],
        where: str,
        *,
        implied: frozenset[str],
        depth: int,
    ) -> frozenset[str]:
        """Read the rows that this one is to refer to; the columns that they will fill."""
        filled: frozenset[str] = frozenset()
        for name, relation in allowed.parents.items():
            if given.get(name) is None:
                continue
            at = f"{where}.{name}"
            own = {local for local, _ in relation.pairs}
            named = " and ".join(f"`{to_camel_case(column)}`" for column in sorted(own))
            if self.skips and depth == 1:
                says = f"may be for a row that is there already; insert it first, and give {named}"
                raise InputError.about(at, says)
            if not own.isdisjoint(implied):
                raise InputError.about(at, "comes from the row it is nested in; leave it out")
            if not own.isdisjoint(filled.union(row.values)):
                raise InputError.about(at, f"and {named} both say which row it is; give one")
            filled |= own
            target = self.catalog.entities[relation.target]
            parent = self.read(target, given[name], at, depth=depth + 1)
            row.parents.append((relation, parent))
        return filled

    def _of(self, entity: EntityInfo) -> Insertable:
        """What may be written of an entity, found once for all of its rows."""
        if entity.name not in self._open:
            entities, inserts = self.catalog.entities, self.catalog.inserts
            self._open[entity.name] = insertable(entity, entities, inserts)
        return self._open[entity.name]


def numbered(where: str, given: Iterable[T]) -> Iterator[tuple[str, T]]:
    """The members of a list that an argument gives, each with what errors call it."""
    for place, one in enumerate(given):
        yield f"{where}[{place}]", one


def read_changes(
    entity: EntityInfo, given: Mapping[str, Any], place: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """What the arguments of an update give columns, by name, and the operators of those not set.

    A value is null where a client said null, absent where it said nothing. `place` is what errors
    begin with, where the arguments are members of another one. Raises InputError.
    """
    columns = writable(entity)
    patch = _values(columns, given.get("set") or {}, f"{place}set")
    operators: dict[str, str] = {}
    for operator in OPERATORS:
        for name, value in (given.get(operator) or {}).items():
            column, where = columns[name].column.name, f"{place}{operator}.{name}"
            if column in patch:
                other = operators.get(column, "set")
                raise InputError.about(where, f"must be left out, as `{other}` has `{name}` too")
            if value is None:
                raise InputError.about(where, "must not be null; leave it out instead")
            patch[column] = bind_operand(operator, columns[name], value, where)
            operators[column] = operator
    if not patch:
        raise InputError.about(f"{place}set", "is empty; give at least one column a value")
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
