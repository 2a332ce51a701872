"""What a cursor holds: the order keys' values, under a head that names entity and ordering."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from gateway.schema.lists.fulltext import RANK
from gateway.schema.lists.shapes import OrderKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo
    from gateway.schema.columns.kinds import Kind


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


def led_by(columns: Sequence[str], order: Sequence[OrderKey]) -> tuple[OrderKey, ...]:
    """The order with these columns in front, by which rows of equal values in them are neighbours.

    Among such the order is the same.
    """
    given = {key.column: key for key in order if not key.path}
    leading = [
        given.get(name) or OrderKey((), name, descending=False, nulls_first=False)
        for name in columns
    ]
    return (*leading, *(key for key in order if key not in leading))
