"""Changes that feeds tell of, invalidated once each, whoever hears of them first.

Subscribers of a feed hear of a change at the same moment, the cache among them. Who answers it with
something that may be cached waits until it has been invalidated: `heard`, then `settled`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.sources.cache import EVERYTHING
from gateway.sources.changes import Change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.caching.cache import Cache
    from gateway.caching.dependencies import Dependencies
    from gateway.sources.changes import Event

_LOG = logging.getLogger(__name__)

_MOST_KNOWN = 1_024
"""Events of which it is remembered that they were heard."""
_MOST_TAGS = 10_000


class OutsideChanges:
    """What was changed past the gateway, for its cache. What comes together goes in one go."""

    def __init__(self, cache: Cache, dependencies: Dependencies) -> None:
        self._cache = cache
        self._dependencies = dependencies
        self._known: dict[int, Event] = {}
        self._tags: set[str] = set()
        self._last: asyncio.Task[None] | None = None
        self._gathering = False

    def heard(self, event: Event) -> None:
        """Begin to invalidate what an event of a feed concerns, unless that was begun before."""
        if not self._cache.used or id(event) in self._known:
            return
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[id(event)] = event  # held, so that no other has its id
        self._tags.update(self._bumped(event))
        if len(self._tags) > _MOST_TAGS:
            self._tags = {EVERYTHING}
        if self._tags and not self._gathering:
            self._gathering = True
            self._last = asyncio.ensure_future(self._invalidate(self._last))

    async def settled(self) -> None:
        """Return when what was heard up to now is invalidated, as `Cache.invalidate` does."""
        if self._last is not None:
            await asyncio.wait([self._last])

    async def _invalidate(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        self._gathering = False
        tags, self._tags = self._tags, set()
        await self._cache.invalidate(tags)

    def _bumped(self, event: Event) -> Iterable[str]:
        """What an event invalidates; that a feed lost some, all that they may have been."""
        try:
            if isinstance(event, Change):
                return self._dependencies.of_told(event)
        except Exception:  # noqa: BLE001 - anybody may announce nonsense; nothing is missed for it
            _LOG.warning("cache: a change could not be followed", exc_info=True)
            return (EVERYTHING,)
        if event.tables is None:
            return (EVERYTHING,)
        return [tag for table in event.tables for tag in self._dependencies.of_change(table)]
