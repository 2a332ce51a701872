"""From tables to tags: what a read depends on, and what a change of rows reaches. Pure.

A table may be shown by several entities, and by none. What reads a table at all carries the tags of
any change of it; an answer that is one row of it, and nothing else of it, carries that row's.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from gateway.caching.tags import of_change, of_columns, of_list, of_lists, of_row, of_rows
from gateway.schema.columns.plain_keys import has_plain_key
from gateway.sources.changes import told_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.schema.catalog import EntityInfo
    from gateway.sources.changes import Change

_CHANGED = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


class Read(NamedTuple):
    """What a read depends on, as far as its statement says.

    `tags`: in any case. `row`: the type whose row's own tag comes to them, by the key that is read.
    `types`: those whose rows' tags come to them by the answer's marks, None for a mark whose type
    counts as a whole. `guards`: what any change of a row of these types changes.
    """

    tags: tuple[str, ...]
    row: str | None = None
    types: tuple[str | None, ...] = ()
    guards: tuple[str, ...] = ()

    def of_key(self, key: Sequence[Any]) -> tuple[str, ...]:
        """The tags in any case, and that of the row with this key, if rows are read by key."""
        if self.row is None:
            return self.tags
        return (*self.tags, of_row(self.row, key) or of_list(self.row))


class Dependencies:
    """What is known of the tables behind the entities of a catalog."""

    def __init__(self, entities: Mapping[str, EntityInfo]) -> None:
        self._entities = entities
        self._shown: dict[str, list[EntityInfo]] = {}
        metadatas = {}
        for entity in entities.values():
            self._shown.setdefault(_name(entity), []).append(entity)
            metadatas[id(entity.table.metadata)] = entity.table.metadata
        self._followers: dict[str, dict[str, bool]] = {}
        for metadata in metadatas.values():
            for table in metadata.tables.values():
                for key in table.foreign_keys:
                    self._follow(table, key)

    def of_read(
        self,
        tables: Iterable[str],
        row: EntityInfo | None = None,
        marks: Sequence[str] = (),
        exact: Sequence[tuple[str, Iterable[str] | None]] = (),
    ) -> Read:
        """What a read of these tables depends on.

        A table that is read in several places is given as often. `row`: the entity whose rows are
        read by key. `marks`: the entities of rows that the answer names. `exact`: the places in
        which a table is read for nothing but such rows, with the columns by which a list finds
        and orders them; None for a row that is referred to.
        """
        left = Counter(map(told_as, tables))
        marked = [self._entities[name] for name in marks]
        left.subtract(told_as(table) for table, _ in exact)
        own = row if row is not None and has_plain_key(row) else None
        if own is not None:
            left[_name(own)] -= 1
            if left[_name(own)]:
                own = None
        found: dict[str, None] = {}
        for table, count in left.items():
            for name in self._tag_names(table) if count else ():
                found[name] = None
                found[of_list(name)] = None
        for table, columns in exact:
            for name in () if left[told_as(table)] else self._tag_names(told_as(table)):
                found[name] = None
                if columns is not None:
                    found.update(dict.fromkeys((of_rows(name), *of_columns(name, columns))))
        types = [None if left[_name(one)] else one.name for one in marked]
        named = dict.fromkeys(name for name in types if name is not None)
        found.update(named)
        if own is not None:
            found[own.name] = None
        return Read(
            tuple(found),
            own.name if own is not None else None,
            tuple(types),
            tuple(map(of_list, named)),
        )

    def of_told(self, told: Change) -> list[str]:
        """What a change that a feed told of invalidates; nothing where no value is another."""
        if told.changed == ():
            return []
        return self.of_change(told.table, told.columns, told.keys, changed=told.changed)

    def of_change(
        self,
        table: str,
        columns: Sequence[str] = (),
        keys: Iterable[Sequence[Any]] | None = None,
        *,
        changed: Iterable[str] | None = None,
        deleted: bool = False,
    ) -> list[str]:
        """What a change of rows of a table invalidates.

        `keys` are values of `columns`, None for any rows. `changed`: the columns that have other
        values than before; None where rows may have come or gone. `deleted`: rows may be gone, and
        with them what the database deletes or empties along with them.
        """
        table = told_as(table)
        given = None if keys is None else list(keys)
        found: dict[str, None] = {}
        entities = self._shown.get(table, [])
        for entity in entities:
            found.update(dict.fromkeys(self._of_entity(entity, columns, given, changed)))
        if not entities:
            found[table] = None
        if deleted:
            for follower in self._reached(table):
                found.update(dict.fromkeys(self._tag_names(follower)))
        return list(found)

    def _of_entity(
        self,
        entity: EntityInfo,
        columns: Sequence[str],
        keys: list[Sequence[Any]] | None,
        changed: Iterable[str] | None,
    ) -> list[str]:
        wanted = [info.column.name for info in entity.key]
        if keys is None or not set(wanted) <= set(columns):
            return of_change(entity.name, None)
        if not has_plain_key(entity):
            return of_lists(entity.name, changed) if keys else []
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
            changed,
        )

    def _tag_names(self, table: str) -> list[str]:
        """What stands for any row of the table in tags."""
        return [entity.name for entity in self._shown.get(table, [])] or [table]

    def _follow(self, table: Any, key: Any) -> None:
        target = told_as(key.target_fullname.rpartition(".")[0])
        name = told_as(table.fullname)
        actions = {(key.ondelete or "").upper(), (key.onupdate or "").upper()}
        if actions & _CHANGED:
            cascades = "CASCADE" in actions
            followers = self._followers.setdefault(target, {})
            followers[name] = followers.get(name, False) or cascades

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


def _name(entity: EntityInfo) -> str:
    return told_as(entity.table.fullname)


def _canonical(value: Any, kind: str) -> Any:
    """A key as reads bind it; a feed writes UUIDs as text."""
    if kind in {"Uuid", "UUID"} and isinstance(value, str):
        return UUID(value)
    return value
