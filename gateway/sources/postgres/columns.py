"""Which columns of a table a connection reads: those alone enter the page's subselect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gateway.schema import asks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.schema.shapes import PageShape


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
                elif isinstance(member, asks.Cursor):
                    names.update(_of_order(ask, shape))
                elif isinstance(member, asks.Found):
                    names.update(column.name for column in entity.table.c)
        elif isinstance(part, asks.PageFacts):
            names.update(_of_order(ask, shape))
    return names or {entity.key[0].column.name}


def wide(type_: Any) -> Any:
    """The SQL type keys of a column are compared as: a point's id may be none of a narrow one's."""
    if isinstance(type_, sa.Integer):
        return sa.BigInteger()
    return sa.Text() if isinstance(type_, sa.String) else type_


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
