"""A gateway's change feed: opened where tables are watched, tried again until it listens.

What it is good for is never worth a failed start: caches and subscriptions do without, and know.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from gateway.errors import ConfigurationError, SourceError
from gateway.sources.contract import Budget
from gateway.sources.postgres.feed.listener import ChangeFeed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from gateway.sources.contract import Health

_LOG = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
"""Seconds between failed attempts to open: doubled each time, up to the second."""
ATTEMPT = 2.0
"""Seconds that the question which tables are watched may take."""


class TendedFeed(ChangeFeed):
    """The changes of one database, for as long as the gateway runs.

    `address`: of the primary server itself. `tables`: those the entities stand for. `watched` asks
    which are announced, on a connection that is there already. `mode`: `on` opens the feed whether
    or not any table is, `auto` only where one is.
    """

    def __init__(
        self,
        name: str,
        address: str,
        tables: Iterable[str],
        watched: Callable[[Budget], Awaitable[frozenset[str]]],
        mode: Literal["auto", "on"],
    ) -> None:
        super().__init__(address)
        self._name = name
        self._tables = frozenset(tables)
        self._ask = watched
        self._mode = mode
        self._needed = mode == "on"
        self._tries: asyncio.Task[None] | None = None

    async def watched(self, budget: Budget) -> frozenset[str]:
        """The tables whose changes are announced. Raises what asking raises."""
        return await self._ask(budget)

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
        await super().close()

    async def check(self, budget: Budget) -> Health | None:  # type: ignore[override] # it may not be needed
        """Whether changes are heard; None where nothing is to be heard. Never raises."""
        return replace(await super().check(budget), required=False) if self._needed else None

    async def _try(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while not await self._opened():
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        except ConfigurationError as error:
            self._cannot(error)
        else:
            self._tries = None

    async def _opened(self) -> bool:
        """One attempt: whether the feed listens, or need not.

        Raises ConfigurationError, with `auto` only after it was logged and no more than once.
        """
        try:
            watched = await self.watched(Budget(asyncio.get_running_loop().time() + ATTEMPT))
            if self._mode == "auto" and not watched:
                says = "no table of %s is watched (docs/change-feed.md): no changed rows are told"
                _LOG.info(says, self._name)
                return True
            self._needed = True
            await super().open()
        except ConfigurationError as error:
            if self._mode == "on":
                raise
            self._cannot(error)
            return True
        except SourceError as error:
            self._fault = error.message
            return False
        unheard = ", ".join(sorted(self._tables - watched)) or "none"
        heard, all_of_them = len(self._tables & watched), len(self._tables)
        says = "the change feed of %s listens to %d of %d tables; unwatched: %s"
        _LOG.info(says, self._name, heard, all_of_them, unheard)
        return True

    def _cannot(self, error: ConfigurationError) -> None:
        self._fault = error.message
        _LOG.warning("the change feed of %s cannot be opened: %s", self._name, error.message)
