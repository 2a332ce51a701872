"""Which columns of a table a connection reads: those alone enter the page's subselect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from gateway.schema import asks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.schema.lists.shapes import PageShape


def columns_of(ask: asks.Connection, shape: PageShape, *, keyed: bool = False) -> set[str]:
    """The names of the entity's columns that the connection's parts refer to; `keyed`: its key."""
    entity = ask.entity
    names = {info.column.name for info in entity.key} if keyed else set()
    for part in ask.parts:
        if isinstance(part, asks.Nodes):
            names.update(_of_row(part.row))
        elif isinstance(part, asks.Edges):
            for member in part.parts:
                if isinstance(member, asks.EdgeNode):
                    names.update(_of_row(member.row))
                elif isinstance(member, asks.Fact):
                    found = member.name != "cursor"
                    every = (column.name for column in entity.table.c)
                    names.update(every if found else _of_order(ask, shape))
        elif isinstance(part, asks.PageFacts):
            names.update(_of_order(ask, shape))
    return names or {entity.key[0].column.name}


def wide(type_: Any) -> Any:
    """The SQL type a column's values are compared as: what no row can have is equal to none."""
    return sa.BigInteger() if isinstance(type_, sa.Integer) else uncut(type_)


def uncut(type_: Any) -> Any:
    """The SQL type without length, scale or precision: a cast to it leaves every value as it is."""
    match type_:
        case sa.ARRAY():
            return sa.ARRAY(uncut(type_.item_type))
        case sa.String(length=int()) if not isinstance(type_, sa.Enum):
            return sa.String()
        case sa.Numeric(precision=int()) if not isinstance(type_, sa.Float):
            return sa.Numeric()
        case pg.TIMESTAMP(precision=int()) | pg.TIME(precision=int()):
            return type(type_)(timezone=type_.timezone)
        case pg.INTERVAL() | sa.Interval():
            return pg.INTERVAL()
    return type_


def _of_row(row: asks.Row) -> Iterator[str]:
    for part in row.parts:
        match part:
            case asks.Value():
                yield part.column.column.name
            case asks.NodeId():
                yield from (info.column.name for info in row.entity.key)
            case asks.Hole():
                yield from (info.column.name for info in part.columns)
            case asks.One() | asks.Many():
                through = part.relation.through
                pairs = part.relation.pairs
                if through is None:
                    yield from (local for local, _ in pairs)
                else:
                    yield from (column for _, column in through.near)


def _of_order(ask: asks.Connection, shape: PageShape) -> Iterator[str]:
    for key in shape.order:
        if not key.path and key.column in ask.entity.columns:
            yield ask.entity.columns[key.column].column.name
