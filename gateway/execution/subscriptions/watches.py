"""Which live queries a change concerns: each watches the tags of what its answer shows.

    a change of rows       → what it bumps → the queries that watch any of that
    tags that are named    →                 those, and who shows what declares them

While an answer is read nobody knows what it will show. What changes meanwhile is noted, and looked
at when that is known. Of each database one follows the changes, however many queries are live.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.caching.tags import is_pattern, matching
from gateway.sources.cache import BY_NAME, EVERYTHING
from gateway.sources.changes import Change
from gateway.turns import fair

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from gateway.caching.dependencies import Dependencies
    from gateway.execution.subscriptions.events import EventSources
    from gateway.sources.changes import Event, Events

_LOG = logging.getLogger(__name__)

_MOST_NOTED = 4_096
"""Tags that are noted while an answer is read; after more it is read again in any case."""


class Watch(asyncio.Event):
    """Set when a live query must look again. `ended`: it will never be told to any more.

    `sources`: whose changes count. `whole`: the tags of any change of what the query reads.
    """

    def __init__(self, sources: Iterable[str], whole: Iterable[str]) -> None:
        super().__init__()
        self.sources = frozenset(sources)
        self.whole = frozenset(whole)
        self.ended = False
        self.tags: frozenset[str] = frozenset()
        self.noted: set[str] | None = None

    def tell(self, bumped: Collection[str]) -> None:
        """Tell of a change that bumps these tags, among them one that it watches."""
        if self.noted is None or len(self.noted) > _MOST_NOTED:
            self.set()
        else:
            self.noted.update(bumped)


class Watches:
    """What a process's live queries watch. `events` are the feeds of changed rows by source."""

    def __init__(self, events: EventSources, dependencies: Dependencies) -> None:
        self._events = events
        self._dependencies = dependencies
        self._watches: set[Watch] = set()
        self._by_tag: dict[str, set[Watch]] = {}
        self._followers: dict[str, asyncio.Task[None]] = {}

    @contextmanager
    def watch(self, sources: Iterable[str], whole: Iterable[str]) -> Iterator[Watch]:
        """A watch that hears of every change from now on. Raises SourceUnavailable."""
        watch = Watch(sources, whole)
        self._watches.add(watch)
        try:
            for source in watch.sources:
                self._follow(source)
            yield watch
        finally:
            self._watches.discard(watch)
            self._put(watch, ())
            for source in watch.sources & self._followers.keys():
                if next(self._of(source), None) is None:
                    self._followers.pop(source).cancel()

    def reading(self, watch: Watch) -> None:
        """From now on an answer is read, so that any change may be one of it."""
        watch.clear()
        watch.noted = set()
        self._put(watch, watch.whole)

    def shown(self, watch: Watch, tags: Collection[str], declared: Iterable[str] = ()) -> None:
        """The answer was read: what bumps one of these tags sets it, or has done so meanwhile.

        `declared`: further tags of it, which count where they are named.
        """
        if watch.noted is not None and not watch.noted.isdisjoint(tags):
            watch.set()
        watch.noted = None
        self._put(watch, {*tags, *(BY_NAME + tag for tag in declared)})

    def named(self, tags: Collection[str]) -> None:
        """Tell of an invalidation by name; who is reading an answer reads it again after that."""
        everyone = EVERYTHING in tags
        concerned = {watch for watch in self._watches if everyone or watch.noted is not None}
        for tag in tags:
            for own in (tag, BY_NAME + tag):
                concerned.update(self._by_tag.get(own, ()))
        like = [matching(tag) for tag in tags if is_pattern(tag)]
        for tag, watches in self._by_tag.items() if like else ():
            if any(matches(tag.removeprefix(BY_NAME)) for matches in like):
                concerned.update(watches)
        for watch in concerned:
            watch.set()

    def _put(self, watch: Watch, tags: Collection[str]) -> None:
        for tag in watch.tags:
            self._by_tag[tag].discard(watch)
            if not self._by_tag[tag]:
                del self._by_tag[tag]
        watch.tags = frozenset(tags)
        for tag in watch.tags:
            self._by_tag.setdefault(tag, set()).add(watch)

    # The feeds

    def _follow(self, source: str) -> None:
        task, feed = self._followers.get(source), self._events.feed(source)
        if feed is not None and (task is None or task.done()):
            self._followers[source] = asyncio.ensure_future(self._heard(source, feed.subscribe()))

    async def _heard(self, source: str, events: Events) -> None:
        with events:
            async for event in events:
                await fair()
                self._events.heard(event)
                bumped = self._bumped(event)
                if bumped is None:
                    for watch in self._of(source):
                        watch.set()
                    continue
                for tag in bumped:
                    for watch in self._by_tag.get(tag, ()):
                        watch.tell(bumped)
        for watch in self._of(source):
            watch.ended = True
            watch.set()

    def _of(self, source: str) -> Iterator[Watch]:
        return (watch for watch in self._watches if source in watch.sources)

    def _bumped(self, event: Event) -> Collection[str] | None:
        """The tags that a change bumps; None where that cannot be told."""
        if not isinstance(event, Change):
            return None
        try:
            return self._dependencies.of_told(event)
        except Exception:  # noqa: BLE001 - anybody may announce nonsense; it ends nobody's hearing
            _LOG.warning("a change could not be followed", exc_info=True)
            return None
