"""A gateway's change feed: opened where tables are watched, tried again until it listens.

What it is good for is never worth a failed start: caches and subscriptions do without, and know.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Literal

from gateway.errors import ConfigurationError, SourceError
from gateway.sources.contract import Budget, Health
from gateway.sources.postgres.feed.listener import ChangeFeed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from gateway.sources.postgres.feed.subscription import Subscription

_LOG = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
"""Seconds between failed attempts to open: doubled each time, up to the second."""
ATTEMPT = 2.0
"""Seconds that the question which tables are watched may take."""

_UNWATCHED = "no table is watched"


class TendedFeed:
    """The changes of one database, for as long as the gateway runs.

    `address`: of the primary server itself. `tables`: those the entities stand for. `watched` asks
    which are announced on the channel. `mode`: `on` opens the feed whether or not any table is,
    `auto` only where one is.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one thing each
        self,
        name: str,
        address: str,
        tables: Iterable[str],
        watched: Callable[[Budget], Awaitable[frozenset[str]]],
        mode: Literal["auto", "on"],
        feed: ChangeFeed | None = None,
    ) -> None:
        self._name = name
        self._tables = frozenset(tables)
        self._watched = watched
        self._mode = mode
        self._feed = feed or ChangeFeed(address)
        self._needed = mode == "on"
        self._fault: str | None = "not opened yet"
        self._tries: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        """Whether changes are heard at this moment."""
        return self._feed.live

    def subscribe(self, tables: Iterable[str] | None = None) -> Subscription:
        """The events of `tables`, None for all; see `ChangeFeed.subscribe`."""
        return self._feed.subscribe(tables)

    async def open(self) -> None:
        """Open the feed, or begin to try. Raises ConfigurationError where `on` cannot work."""
        if self._tries is None and not await self._opened():
            self._tries = asyncio.create_task(self._try())

    async def close(self) -> None:
        """End all subscriptions; idempotent, bounded in time."""
        tries, self._tries = self._tries, None
        if tries is not None:
            tries.cancel()
            await asyncio.wait({tries})
        await self._feed.close()

    async def check(self, budget: Budget) -> Health | None:
        """Whether changes are heard; None where nothing is to be heard. Never raises."""
        if not self._needed:
            return None
        if self._fault is not None:
            return Health(ready=False, detail=self._fault, figures=self.figures(), required=False)
        found = await self._feed.check(budget)
        return Health(found.ready, found.detail, found.figures, required=False)

    def figures(self) -> Mapping[str, float]:
        """As of `ChangeFeed.figures`."""
        return self._feed.figures()

    async def _try(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while not await self._opened():
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        except ConfigurationError as error:
            self._fault = error.message
            _LOG.warning("the change feed of %s cannot be opened: %s", self._name, error.message)
        else:
            self._tries = None

    async def _opened(self) -> bool:
        """One attempt: whether the feed listens, or need not.

        Raises ConfigurationError, with `auto` only after it was logged and no more than once.
        """
        try:
            watched = await self._watched(Budget(asyncio.get_running_loop().time() + ATTEMPT))
            if self._mode == "auto" and not watched:
                self._fault = _UNWATCHED
                return True
            self._needed = True
            await self._feed.open()
            self._fault = None
        except ConfigurationError as error:
            if self._mode == "on":
                raise
            self._fault = error.message
            _LOG.warning("the change feed of %s cannot be opened: %s", self._name, error.message)
            return True
        except SourceError as error:
            self._fault = error.message
            return False
        self._tell(watched)
        return True

    def _tell(self, watched: frozenset[str]) -> None:
        unheard = ", ".join(sorted(self._tables - watched)) or "none"
        _LOG.info(
            "the change feed of %s listens to %d of %d tables; unwatched: %s",
            self._name,
            len(self._tables & watched),
            len(self._tables),
            unheard,
        )
