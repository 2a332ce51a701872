"""Which tables belong in one file: those that are parts of one another.

A table joins the file of

1. the table its name begins with (`film_actor` is about `film`);
2. else the table that its key is made of (an order's lines);
3. else the one table that refers to it, not by its key, where it refers to none itself: a lookup
   such as `genre`.

Tables that share nothing but their first word (`auth_user`, `auth_group`) make a file of that word.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from gateway.scaffold.naming import singular, singular_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.sources.postgres.introspection.catalogue import Name, Table

MOST = 8
"""Tables that a shared word alone brings together."""


def families(tables: Sequence[Table], keys: Mapping[Name, tuple[str, ...]]) -> dict[Name, str]:
    """For each table the words its file is named by, joined by `_`, singular.

    `keys` are the columns by which rows of a table are told apart, where there are any.
    """
    by_schema: dict[str, list[Table]] = defaultdict(list)
    for table in tables:
        by_schema[table.name.schema].append(table)
    found: dict[Name, str] = {}
    for some in by_schema.values():
        found |= _Families(some, keys).found()
    return found


class _Families:
    def __init__(self, tables: Sequence[Table], keys: Mapping[Name, tuple[str, ...]]) -> None:
        self._keys = keys
        self._tables = {table.name: table for table in tables}
        self._words = {name: tuple(singular_words(name.own)) for name in self._tables}
        self._stems = {
            name: tuple(singular(word) for word in words) for name, words in self._words.items()
        }
        self._heads: dict[Name, Name] = {}

    def found(self) -> dict[Name, str]:
        for name in self._tables:
            head = self._by_name(name) or self._by_key(name)
            if head is not None:
                self._heads[name] = head
        for name in self._tables:
            head = self._by_reference(name)
            if head is not None:
                self._heads[name] = head
        heads = {name: self._head(name) for name in self._tables}
        titles = self._titles(sorted(set(heads.values())))
        return {name: titles[head] for name, head in heads.items()}

    def _head(self, name: Name) -> Name:
        """The table that a table's file is about; of a circle the first by name."""
        seen = [name]
        while seen[-1] in self._heads:
            following = self._heads[seen[-1]]
            if following in seen:
                first = min(seen[seen.index(following) :])
                del self._heads[first]
                return first
            seen.append(following)
        return seen[-1]

    def _by_name(self, name: Name) -> Name | None:
        own = self._stems[name]
        begins = [
            other
            for other, stems in self._stems.items()
            if 0 < len(stems) < len(own) and own[: len(stems)] == stems
        ]
        return max(begins, key=lambda other: len(self._stems[other]), default=None)

    def _by_key(self, name: Name) -> Name | None:
        key = set(self._keys.get(name, ()))
        owners = [
            (min(self._keys[name].index(column) for column in foreign.columns), foreign.table)
            for foreign in self._tables[name].foreign_keys
            if foreign.table in self._tables
            and foreign.table != name
            and key.issuperset(foreign.columns)
        ]
        return min(owners)[1] if owners else None

    def _by_reference(self, name: Name) -> Name | None:
        table = self._tables[name]
        if name in self._heads or name in self._heads.values() or table.foreign_keys:
            return None
        referring = [
            (other.name, foreign.columns)
            for other in self._tables.values()
            for foreign in other.foreign_keys
            if foreign.table == name
        ]
        if len({other for other, _ in referring}) != 1:
            return None
        only, columns = referring[0]
        joins = set(columns) <= set(self._keys.get(only, ()))
        return None if joins else only

    def _titles(self, heads: Sequence[Name]) -> dict[Name, str]:
        """What the file of each head is called: its own name, or the first word of several."""
        alone = {head for head in heads if head not in self._heads.values()}
        first = Counter(self._words[head][:1] for head in alone)
        return {
            head: "_".join(
                self._words[head][:1]
                if head in alone and 1 < first[self._words[head][:1]] <= MOST
                else self._words[head]
            )
            for head in heads
        }
