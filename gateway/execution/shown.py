"""Waves that note what their answers show, by the tags that the cache would keep these with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.caching.filling import Loaded
from gateway.execution.marks import unmarked
from gateway.execution.waves import Waves
from gateway.planning.steps import Verb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from gateway.caching.dependencies import Dependencies, Read
    from gateway.execution.groups import Groups
    from gateway.execution.waves import Values
    from gateway.planning.steps import Fetch
    from gateway.schema.catalog import Catalog
    from gateway.sources.contract import Key, Value


class ShownWaves(Waves):
    """The waves of a plan of marked requests (`Outline.marked`), past every cache.

    `tags`, once it has run: what bumps none of them changes nothing of the answer, if no part of
    it failed and rows and lists are all it is made of.
    """

    __slots__ = ("_catalog", "_dependencies", "tags")

    def __init__(
        self,
        groups: Mapping[str, Groups],
        values: Values,
        deadline: float,
        catalog: Catalog,
        dependencies: Dependencies,
    ) -> None:
        super().__init__(groups, values, deadline)
        self._catalog = catalog
        self._dependencies = dependencies
        self.tags: set[str] = set()

    async def _single(self, fetch: Fetch) -> Value:
        return self._shown(fetch, (), [await super()._single(fetch)])[0]

    async def _by_key(self, fetch: Fetch, keys: Sequence[Key]) -> list[Value]:
        return self._shown(fetch, keys, await super()._by_key(fetch, keys))

    def _shown(self, fetch: Fetch, keys: Sequence[Key], values: list[Value]) -> list[Value]:
        """The values without their marks."""
        if fetch.verb not in {Verb.ROWS, Verb.PAGE, Verb.RELATED}:
            return values
        read = self._read(fetch)
        self.tags.update(read.tags)
        for key in keys:
            self.tags.update(read.of_key(key))
        if not read.types:
            return values
        found = [unmarked(value, read.types) for value in values]
        for one in found:
            if isinstance(one, Loaded):
                self.tags.update(one.tags)
        return [one.value if isinstance(one, Loaded) else one for one in found]

    def _read(self, fetch: Fetch) -> Read:
        asked: Any = fetch.prepared
        entities = self._catalog.entities
        row = entities.get(fetch.entity or "") if fetch.verb is Verb.ROWS else None
        return self._dependencies.of_read(asked.tables, row, asked.marks, asked.exact)
