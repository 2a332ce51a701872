"""Invalidates what a database's own feed says has changed, by whomever."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.caching.tags import EVERYTHING
from gateway.sources.changes import Change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.caching.cache import Cache
    from gateway.caching.dependencies import Dependencies
    from gateway.sources.changes import Changes, Event

_LOG = logging.getLogger(__name__)

_PAUSE = 1.0


class FeedInvalidation:
    """Follows the feeds of changed rows for as long as it lives."""

    def __init__(self, cache: Cache, dependencies: Dependencies, feeds: Iterable[Changes]) -> None:
        self._cache = cache
        self._dependencies = dependencies
        self._feeds = list(feeds)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to follow."""
        self._tasks = [asyncio.ensure_future(self._follow(feed)) for feed in self._feeds]

    async def close(self) -> None:
        """End; idempotent."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []

    async def _follow(self, feed: Changes) -> None:
        while True:
            try:
                with feed.subscribe() as events:
                    async for event in events:
                        if tags := self._tags(event):
                            await self._cache.invalidate(tags)
            except Exception:  # noqa: BLE001 - what was missed is made up for, and it goes on
                _LOG.warning("cache: a change could not be followed", exc_info=True)
                await self._cache.invalidate((EVERYTHING,))
            else:
                return  # the feed was closed
            await asyncio.sleep(_PAUSE)

    def _tags(self, event: Event) -> list[str]:
        known = self._dependencies
        if isinstance(event, Change):
            return known.of_told(event)
        if event.tables is None:
            return [EVERYTHING]
        return [tag for table in event.tables for tag in known.of_change(table)]
