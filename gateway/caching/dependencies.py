"""From tables to tags: what a read depends on, and what a change of rows reaches. Pure.

A table may be shown by several entities, and by none. What reads a table at all carries the tags of
any change of it; an answer that is one row of it, and nothing else of it, carries that row's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from gateway.caching.tags import of_change, of_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.schema.catalog import EntityInfo

_PLAIN_TYPES = frozenset(
    {
        *("Integer", "INTEGER", "BigInteger", "BIGINT", "SmallInteger", "SMALLINT"),
        *("Uuid", "UUID", "Boolean", "BOOLEAN", "Date", "DATE"),
        *("Text", "TEXT", "String", "VARCHAR", "Unicode", "UnicodeText"),
    }
)
"""Column types of which equal values are written equally: not CHAR, CITEXT, NUMERIC or floats."""
_CHANGED = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


class Dependencies:
    """What is known of the tables behind the entities of a catalog."""

    def __init__(self, entities: Mapping[str, EntityInfo]) -> None:
        self._shown: dict[str, list[EntityInfo]] = {}
        metadatas = {}
        for entity in entities.values():
            for name in _names(entity.table):
                self._shown.setdefault(name, []).append(entity)
            metadatas[id(entity.table.metadata)] = entity.table.metadata
        self._followers: dict[str, dict[str, bool]] = {}
        for metadata in metadatas.values():
            for table in metadata.tables.values():
                for key in table.foreign_keys:
                    self._follow(table, key)

    def precise(self, entity: EntityInfo) -> bool:
        """Whether a row of the entity has a tag of its own: its key is written in one way only."""
        return all(
            type(info.column.type).__name__ in _PLAIN_TYPES
            and getattr(info.column.type, "collation", None) is None
            for info in entity.key
        )

    def of_read(
        self, tables: Iterable[str], row: EntityInfo | None = None
    ) -> tuple[tuple[str, ...], str | None]:
        """The tags of a read of these tables, and the type whose row's tag comes to them.

        A table that is read in several places is given as often. `row`: the entity whose rows are
        read by key.
        """
        found: dict[str, None] = {}
        counts: dict[str, int] = {}
        for table in tables:
            counts[table] = counts.get(table, 0) + 1
        own = None
        for table, count in counts.items():
            if row is not None and row.table.fullname == table and count == 1 and self.precise(row):
                own = row.name
                found[own] = None
                continue
            for name in self._tag_names(table):
                found[name] = None
                found[of_list(name)] = None
        return tuple(found), own

    def of_change(
        self,
        table: str,
        columns: Sequence[str] = (),
        keys: Iterable[Sequence[Any]] | None = None,
        *,
        deleted: bool = False,
    ) -> list[str]:
        """What a change of rows of a table invalidates.

        `keys` are values of `columns`, None for any rows. `deleted`: rows may be gone, and with
        them what the database deletes or empties along with them.
        """
        given = None if keys is None else list(keys)
        found: dict[str, None] = {}
        entities = self._shown.get(table, [])
        for entity in entities:
            found.update(dict.fromkeys(self._of_entity(entity, columns, given)))
        if not entities:
            found[table] = None
        if deleted:
            for follower in self._reached(table):
                found.update(dict.fromkeys(self._tag_names(follower)))
        return list(found)

    def tables(self) -> list[str]:
        """The tables that some entity shows, or that stand between two, or follow them."""
        return list({*self._shown, *self._followers})

    def _of_entity(
        self, entity: EntityInfo, columns: Sequence[str], keys: list[Sequence[Any]] | None
    ) -> list[str]:
        wanted = [info.column.name for info in entity.key]
        if keys is None or not set(wanted) <= set(columns):
            return of_change(entity.name, None)
        if not self.precise(entity):
            return [of_list(entity.name)] if keys else []
        places = [list(columns).index(name) for name in wanted]
        kinds = [type(info.column.type).__name__ for info in entity.key]
        return of_change(
            entity.name,
            [
                tuple(
                    _canonical(key[place], kind) for place, kind in zip(places, kinds, strict=True)
                )
                for key in keys
            ],
        )

    def _tag_names(self, table: str) -> list[str]:
        """What stands for any row of the table in tags."""
        return [entity.name for entity in self._shown.get(table, [])] or [table]

    def _follow(self, table: Any, key: Any) -> None:
        target = key.target_fullname.rpartition(".")[0]
        actions = {(key.ondelete or "").upper(), (key.onupdate or "").upper()}
        if actions & _CHANGED:
            cascades = "CASCADE" in actions
            followers = self._followers.setdefault(target, {})
            followers[table.fullname] = followers.get(table.fullname, False) or cascades

    def _reached(self, table: str) -> set[str]:
        """The tables whose rows go or change when rows of this one go."""
        reached: set[str] = set()
        waiting = [table]
        while waiting:
            for name, cascades in self._followers.get(waiting.pop(), {}).items():
                if name not in reached:
                    reached.add(name)
                    if cascades:
                        waiting.append(name)
        return reached


def _names(table: Any) -> list[str]:
    """How a table may be called: with its schema, and without where that is the default one."""
    return list(dict.fromkeys((table.fullname, table.name)))


def _canonical(value: Any, kind: str) -> Any:
    """A key as reads bind it; a feed writes UUIDs as text."""
    if kind in {"Uuid", "UUID"} and isinstance(value, str):
        return UUID(value)
    return value
