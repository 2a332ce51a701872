"""Relations between entities, from the foreign keys of their tables, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.scaffold import naming
from gateway.scaffold.design import Entity, RelationField
from gateway.scaffold.entities import field_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.sources.postgres.introspection.catalogue import ForeignKey, Name, Table

_ENDS = frozenset(
    {"id", "ids", "uuid", "guid", "key", "code", "no", "nr", "num", "number", "fk", "ref"}
)
"""Last words of a foreign key's column that say nothing about what it refers to."""


def join_of(table: Table) -> tuple[ForeignKey, ForeignKey] | None:
    """The two foreign keys of a table between two others, which together tell its rows apart."""
    nullable = {column.name for column in table.columns if column.nullable}
    for key in (table.primary, *table.uniques):
        inside = [one for one in table.foreign_keys if set(one.columns) < set(key)]
        if len(inside) == 2 and not nullable.intersection(key):  # noqa: PLR2004 - a pair
            near, far = inside
            covered = {*near.columns, *far.columns} == set(key)
            if covered and _are_found(table, near, far):
                return near, far
    return None


def _are_found(table: Table, near: ForeignKey, far: ForeignKey) -> bool:
    """Whether the engine finds these two by their tables alone."""
    targets = [key.table for key in table.foreign_keys]
    if near.table == far.table:
        return targets.count(near.table) == 2  # noqa: PLR2004 - a pair
    return targets.count(near.table) == targets.count(far.table) == 1


def is_bare_join(table: Table) -> bool:
    """Whether a join table holds nothing but the join, of two different tables."""
    join = join_of(table)
    if join is None or join[0].table == join[1].table:
        return False
    return {column.name for column in table.columns} == {*join[0].columns, *join[1].columns}


class Relations:
    """Gives `entities` their relations; `tables` also holds the join tables that are no entities.

    First call `renamed` for each entity, then `add_attributes`, then `add`.
    """

    def __init__(self, entities: Mapping[Name, Entity], tables: Mapping[Name, Table]) -> None:
        self._entities = entities
        self._tables = tables

    def renamed(self, entity: Entity) -> dict[str, str]:
        """The columns whose names relations want, and what they are called instead.

        `reports_to` becomes `reports_to_id`, so that the relation can be called `reports_to`.
        """
        found = {}
        for key in self._keys(entity):
            name = self._name(entity, key)
            for column, reference in _pairs(key):
                if naming.snake(naming.words(column), "column") == name:
                    last = (naming.words(reference) or ["key"])[-1]
                    end = "key" if name.endswith(last) else last
                    found[column] = f"{name}_{end}"
        return found

    def add(self) -> None:
        """Add all relations, the most telling names first: to-one, to-many, many-to-many."""
        for entity in self._entities.values():
            for key in self._keys(entity):
                self._belongs_to(entity, key)
        for entity in self._entities.values():
            for key in self._keys(entity):
                self._has(entity, key)
        for table in self._tables.values():
            join = join_of(table)
            if join is not None and all(key.table in self._entities for key in join):
                self._through(table, *join)

    def _keys(self, entity: Entity) -> list[ForeignKey]:
        """The foreign keys to entities."""
        return [key for key in entity.table.foreign_keys if key.table in self._entities]

    def _siblings(self, entity: Entity, key: ForeignKey) -> list[ForeignKey]:
        return [one for one in self._keys(entity) if one.table == key.table]

    def _name(self, entity: Entity, key: ForeignKey) -> str:
        """What a foreign key calls the row it refers to."""
        target = self._entities[key.table]
        alone = len(self._siblings(entity, key)) == 1
        if alone and (len(key.columns) > 1 or key.columns == key.references):
            return target.short
        others = {
            column for one in entity.table.foreign_keys if one is not key for column in one.columns
        }
        own = [column for column in key.columns if column not in others] or list(key.columns)
        if "".join(naming.words(own[-1])) == f"{''.join(naming.words(target.short))}id":
            return target.short
        return _stem(own[-1], target.short)

    def _belongs_to(self, entity: Entity, key: ForeignKey) -> None:
        target = self._entities[key.table]
        name = self._name(entity, key)
        columns, references = _in_key_order(key, target)
        own, public = field_name(entity, name, f"{name}_{target.short}", f"{name}_record")
        entity.relations.append(
            RelationField(
                name=own,
                public=public,
                binding="belongs_to",
                target=target,
                columns=columns,
                references=references,
                description=key.comment or _comment(entity, key),
            )
        )

    def _has(self, child: Entity, key: ForeignKey) -> None:
        parent = self._entities[key.table]
        columns, references = _in_key_order(key, parent)
        one = any(
            set(unique) <= set(key.columns)
            for unique in (child.table.primary, *child.table.uniques)
            if unique
        )
        own, public = field_name(parent, *self._reverse(child, key, one=one))
        parent.relations.append(
            RelationField(
                name=own,
                public=public,
                binding="has_one" if one else "has_many",
                target=child,
                columns=columns,
                references=references,
            )
        )

    def _reverse(self, child: Entity, key: ForeignKey, *, one: bool) -> tuple[str, ...]:
        """What the rows that refer to a row are called there: candidates, best first."""
        parent = self._entities[key.table]
        stem = self._name(child, key)
        base = child.short if one else naming.plural_of(child.short)
        by = f"{base}_by_{stem}"
        if child is parent and not one and stem.split("_")[0] == "parent":
            rest = stem.removeprefix("parent").removeprefix("_")
            children = (
                "children" if rest in {"", child.short} else f"child_{naming.plural_of(rest)}"
            )
            return children, by
        if child is parent:
            return (by,)
        if len(self._siblings(child, key)) == 1 or stem == parent.short:
            return base, by
        return (by,)

    def _through(self, table: Table, first: ForeignKey, second: ForeignKey) -> None:
        if first.table == second.table:
            # The engine goes from the foreign key that sorts first to the other, not back.
            near, far = sorted((first, second), key=_pairs)
            name = _stem(far.columns[-1], self._entities[far.table].short)
            self._many_through(table, near, far, name)
        else:
            for near, far in ((first, second), (second, first)):
                self._many_through(table, near, far, self._entities[far.table].short)

    def _many_through(self, table: Table, near: ForeignKey, far: ForeignKey, name: str) -> None:
        entity = self._entities[near.table]
        several = naming.plural_of(name)
        between = naming.snake(naming.words(table.name.own), "table")
        own, public = field_name(entity, several, f"{several}_through_{between}")
        entity.relations.append(
            RelationField(
                name=own,
                public=public,
                binding="many_through",
                target=self._entities[far.table],
                through=table.name,
            )
        )


def _stem(column: str, otherwise: str) -> str:
    """What a foreign key's column calls the row it refers to."""
    parts = naming.words(column)
    return naming.snake(parts[:-1] if parts and parts[-1] in _ENDS else parts, otherwise)


def _pairs(key: ForeignKey) -> list[tuple[str, str]]:
    return list(zip(key.columns, key.references, strict=True))


def _in_key_order(key: ForeignKey, target: Entity) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns as bindings take them: in the order of the target's key, else with references."""
    own = dict(zip(key.references, key.columns, strict=True))
    if set(own) == set(target.key):
        return tuple(own[column] for column in target.key), ()
    return key.columns, key.references


def _comment(entity: Entity, key: ForeignKey) -> str | None:
    """The comment of a foreign key's only column."""
    column = entity.table.column(key.columns[0]) if len(key.columns) == 1 else None
    return column.comment if column else None
