"""The zoo's rows in memory, as simple SELECTs give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toy.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

    from gateway.schema.catalog import Catalog, EntityInfo, Relation

Row = dict[str, Any]


class Store:
    """All rows by table, and what relates them."""

    def __init__(self, catalog: Catalog, tables: Mapping[str, list[Row]]) -> None:
        self.catalog = catalog
        self.tables = tables

    @classmethod
    async def load(cls, connection: asyncpg.Connection[Any], catalog: Catalog) -> Store:
        """Read every table."""
        tables = {
            name: [dict(row) for row in await connection.fetch(f'SELECT * FROM "{name}"')]  # noqa: S608 - our own names
            for name in metadata.tables
        }
        return cls(catalog, tables)

    def rows(self, entity: EntityInfo) -> list[Row]:
        """All rows of an entity."""
        return self.tables[entity.table.name]

    def find(self, entity: EntityInfo, key: tuple[Any, ...]) -> Row | None:
        """The row with this key."""
        names = [info.column.name for info in entity.key]
        return next(
            (row for row in self.rows(entity) if tuple(row[name] for name in names) == key), None
        )

    def related(
        self, entity: EntityInfo, row: Row, relation: Relation
    ) -> tuple[EntityInfo, list[Row]]:
        """The entity at a relation's other end, and its rows that belong to `row`."""
        target = self.catalog.entities[relation.target]
        rows = self.rows(target)
        if relation.through is None:
            return target, [other for other in rows if _equal(row, other, relation.pairs)]
        between = [
            link
            for link in self.tables[relation.through.table.name]
            if _equal(link, row, relation.through.near)
        ]
        found = [
            other
            for other in rows
            if any(_equal(link, other, relation.through.far) for link in between)
        ]
        assert entity.relations[relation.name] is relation
        return target, found


def _equal(one: Row, other: Row, pairs: tuple[tuple[str, str], ...]) -> bool:
    return all(one[left] is not None and one[left] == other[right] for left, right in pairs)
