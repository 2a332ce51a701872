"""What a cursor holds: the order keys' values, under a head that names entity and ordering."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from gateway.schema.fulltext import RANK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo
    from gateway.schema.kinds import Kind
    from gateway.schema.shapes import OrderKey


def order_column(catalog: Catalog, entity: EntityInfo, key: OrderKey) -> ColumnInfo:
    """The column an order key ends at, or that of what a list amounts to."""
    for name in key.path:
        relation = entity.relations[name]
        entity = catalog.entities[relation.target]
        if relation.many:
            return catalog.aggregates[entity.name].measures[key.column].result
    return RANK if key.column == RANK.name else entity.columns[key.column]


def cursor_kinds(
    catalog: Catalog, entity: EntityInfo, order: Sequence[OrderKey]
) -> tuple[Kind, ...]:
    """The kinds of a cursor's values, in order."""
    return tuple(order_column(catalog, entity, key).kind for key in order)


def cursor_head(entity: EntityInfo, order: Sequence[OrderKey]) -> str:
    """A short signature: equal for equal entity and ordering, so that cursors do not mix."""
    text = repr((entity.name, *((k.path, k.column, k.descending, k.nulls_first) for k in order)))
    return blake2b(text.encode(), digest_size=6).hexdigest()
