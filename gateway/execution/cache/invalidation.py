"""What the writes of one operation change, and its invalidation before the answer leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.caching.tags import of_collections, with_lists
from gateway.planning.cacheability import invalidated_by
from gateway.planning.steps import Verb
from gateway.sources.cache import BY_NAME, EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.caching.cache import Cache
    from gateway.caching.dependencies import Dependencies
    from gateway.planning.steps import Fetch
    from gateway.schema.catalog import Catalog
    from gateway.schema.writes.written import NewRow, Write
    from gateway.sources.contract import Key


class Written:
    """The changes of one operation, noted within its transactions, told after each of them."""

    def __init__(self, cache: Cache, catalog: Catalog, dependencies: Dependencies) -> None:
        self._cache = cache
        self._catalog = catalog
        self._dependencies = dependencies
        self._tags: dict[str, None] = {}

    def field(self, fetch: Fetch) -> None:
        """Note that a field writes: what it declares is invalidated, by name.

        A named statement that declares nothing may have changed anything.
        """
        declared = invalidated_by(fetch.field)
        self._note((*with_lists(declared), BY_NAME) if declared else ())
        if fetch.verb is Verb.NAMED and not declared:
            self._note((EVERYTHING,))
        if fetch.verb is Verb.ITEM_WRITE:
            self._items(fetch.prepared)

    def _items(self, prepared: Any) -> None:
        """Note what a write of items may reach, whichever types show it."""
        places = {(one.source, one.collection) for one in prepared.reached}
        shown = self._catalog.collections.values()
        self._note(one.name for one in shown if (one.source, one.collection) in places)

    def rows(self, write: Write, keys: Sequence[Key], changed: frozenset[str] | None) -> None:
        """Note the rows of a write, and those that were written along with them.

        `changed`: the columns that have other values than before; None where rows came or went.
        """
        entity = write.entity
        columns = [info.column.name for info in entity.key]
        moved = write.patch is not None and not set(columns).isdisjoint(write.patch)
        deleted = write.rows is None and write.patch is None
        known = None if moved else keys
        self._note(
            self._dependencies.of_change(
                entity.table.fullname, columns, known, changed=changed, deleted=deleted or moved
            )
        )
        self._children(write.rows or ())

    def points(self, collection: str) -> None:
        """Note a change of a collection of points, also for whoever let an argument name it."""
        self._note(of_collections((collection, "")))

    async def settle(self, *, unclear: bool) -> None:
        """Invalidate what was noted since the last time; returns when every replica knows.

        `unclear`: it may still be done, so that this goes on for a while.
        """
        if self._tags:
            tags, self._tags = self._tags, {}
            if unclear:
                self._cache.repeat(tags)
            await self._cache.invalidate(tags)

    def _children(self, rows: Iterable[NewRow]) -> None:
        for row in rows:
            nested = [(relation, [parent]) for relation, parent in row.parents]
            for relation, children in (*nested, *row.children):
                target = self._catalog.entities[relation.target].table.fullname
                self._note(self._dependencies.of_change(target))
                if relation.through is not None:
                    between = relation.through.table.fullname
                    self._note(self._dependencies.of_change(between))
                self._children(children)

    def _note(self, tags: Iterable[str]) -> None:
        self._tags.update(dict.fromkeys(tags))
