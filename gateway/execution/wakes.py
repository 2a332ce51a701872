"""Which live queries a change concerns: each hangs on the tags of what its answer shows.

    a change of rows → what it bumps → the bells that hang on any of that

While an answer is read nobody knows what it will show. What changes meanwhile is noted, and looked
at when that is known. Of each database one follows the changes, however many queries are live.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.sources.changes import Change
from gateway.turns import fair

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from gateway.caching.dependencies import Dependencies
    from gateway.execution.subscribing_events import EventSources
    from gateway.sources.changes import Event, Events

_LOG = logging.getLogger(__name__)

_MOST_NOTED = 4_096
"""Tags that are noted while an answer is read; after more it is read again in any case."""


class Bell(asyncio.Event):
    """Rung when a live query must look again. `ended`: it will never be told to any more.

    `sources`: whose changes count. `whole`: the tags of any change of what the query reads.
    """

    def __init__(self, sources: Iterable[str], whole: Iterable[str]) -> None:
        super().__init__()
        self.sources = frozenset(sources)
        self.whole = frozenset(whole)
        self.ended = False
        self.tags: frozenset[str] = frozenset()
        self.noted: set[str] | None = None

    def ring(self, bumped: Collection[str]) -> None:
        """Tell of a change that bumps these tags, among them one that it hangs on."""
        if self.noted is None or len(self.noted) > _MOST_NOTED:
            self.set()
        else:
            self.noted.update(bumped)


class Wakes:
    """The bells of a process's live queries. `events` are the feeds of changed rows by source."""

    def __init__(self, events: EventSources, dependencies: Dependencies) -> None:
        self._events = events
        self._dependencies = dependencies
        self._bells: set[Bell] = set()
        self._hanging: dict[str, set[Bell]] = {}
        self._followers: dict[str, asyncio.Task[None]] = {}

    @contextmanager
    def bell(self, sources: Iterable[str], whole: Iterable[str]) -> Iterator[Bell]:
        """A bell that hears of every change from now on. Raises SourceUnavailable."""
        bell = Bell(sources, whole)
        self._bells.add(bell)
        try:
            for source in bell.sources:
                self._follow(source)
            yield bell
        finally:
            self._bells.discard(bell)
            self._hang(bell, ())
            for source in bell.sources & self._followers.keys():
                if next(self._of(source), None) is None:
                    self._followers.pop(source).cancel()

    def reading(self, bell: Bell) -> None:
        """From now on an answer is read, so that any change may be one of it."""
        bell.clear()
        bell.noted = set()
        self._hang(bell, bell.whole)

    def shown(self, bell: Bell, tags: Collection[str]) -> None:
        """The answer was read: what bumps one of these tags rings, or has done so meanwhile."""
        if bell.noted is not None and not bell.noted.isdisjoint(tags):
            bell.set()
        bell.noted = None
        self._hang(bell, tags)

    def _hang(self, bell: Bell, tags: Collection[str]) -> None:
        for tag in bell.tags:
            self._hanging[tag].discard(bell)
            if not self._hanging[tag]:
                del self._hanging[tag]
        bell.tags = frozenset(tags)
        for tag in bell.tags:
            self._hanging.setdefault(tag, set()).add(bell)

    # The feeds

    def _follow(self, source: str) -> None:
        task, feed = self._followers.get(source), self._events.feed(source)
        if feed is not None and (task is None or task.done()):
            self._followers[source] = asyncio.ensure_future(self._heard(source, feed.subscribe()))

    async def _heard(self, source: str, events: Events) -> None:
        with events:
            async for event in events:
                await fair()
                bumped = self._bumped(event)
                if bumped is None:
                    for bell in self._of(source):
                        bell.set()
                    continue
                for tag in bumped:
                    for bell in self._hanging.get(tag, ()):
                        bell.ring(bumped)
        for bell in self._of(source):
            bell.ended = True
            bell.set()

    def _of(self, source: str) -> Iterator[Bell]:
        return (bell for bell in self._bells if source in bell.sources)

    def _bumped(self, event: Event) -> Collection[str] | None:
        """The tags that a change bumps; None where that cannot be told."""
        if not isinstance(event, Change):
            return None
        try:
            return self._dependencies.of_told(event)
        except Exception:  # noqa: BLE001 - anybody may announce nonsense; it ends nobody's hearing
            _LOG.warning("a change could not be followed", exc_info=True)
            return None
