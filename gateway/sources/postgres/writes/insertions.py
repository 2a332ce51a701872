"""Inserts in SQL, and what becomes of rows that are there already."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.sql.visitors import replacement_traverse

from gateway.sources.postgres.reads.statements import DIALECT, Build
from gateway.sources.postgres.writes.operands import joined
from gateway.sources.postgres.writes.recordset import recordset
from gateway.sources.postgres.writes.updates import key_of

if TYPE_CHECKING:
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.writes.written import Write

Expression = sa.ColumnElement[Any]


def insertion(catalog: Catalog, write: Write, columns: tuple[str, ...]) -> Any:
    """Inserts the rows of one JSON parameter, all of these columns; returns keys."""
    entity, conflict, table = write.entity, write.conflict, write.entity.table
    given = recordset([table.c[name] for name in columns])
    insert = pg.insert(table).from_select(
        list(columns), sa.select(*(given.c[name] for name in columns)), include_defaults=False
    )
    unique = [table.c[name] for name in conflict]
    if write.ignore:
        insert = insert.on_conflict_do_nothing(index_elements=unique)
    elif conflict:
        predicates = Build(catalog, {}).predicates
        met = SimpleNamespace(c=_Spelled(table))
        changed = [name for name in columns if name not in conflict] or [conflict[0]]
        conditions = predicates.visible(entity, met)
        if write.where is not None:
            conditions.append(predicates.where(entity, met, write.where))
        insert = insert.on_conflict_do_update(
            index_elements=unique,
            set_={
                name: joined(write.operators.get(name), met.c[name], insert.excluded[name])
                for name in changed
            },
            where=_apart(sa.and_(*conditions), table) if conditions else None,
        )
    return insert.returning(*key_of(entity, table))


def bare(entity: EntityInfo, count: int) -> Any:
    """Inserts rows of nothing but defaults; returns keys."""
    table = entity.table
    default: dict[Any, Any] = {entity.key[0].column: sa.literal_column("DEFAULT")}
    return sa.insert(table).values([default] * count).returning(*key_of(entity, table))


def _apart(condition: Expression, table: sa.Table) -> Expression:
    """The condition with its own selects of the table under a name that hides no row met."""
    other = table.alias("plait_other")

    def replaced(element: Any, **_: Any) -> Any:
        if element is table:
            return other
        if getattr(element, "table", None) is table:
            return other.c[element.key]
        return element if isinstance(element, sa.Alias) else None

    found: Expression = replacement_traverse(condition, {}, replaced)
    return found


class _Spelled:
    """The columns of the row that an insert met, spelled out.

    SQLAlchemy ties no subselect to the table of an INSERT; a name says what it means.
    """

    def __init__(self, table: sa.Table) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Expression:
        column = self._table.c[name]
        quote = DIALECT.identifier_preparer.quote
        return sa.literal_column(f"{quote(self._table.name)}.{quote(column.name)}", column.type)

    __getitem__ = __getattr__
