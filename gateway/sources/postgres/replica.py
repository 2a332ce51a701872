"""Reads on a standby while it answers, else on the primary.

    near ⇄ away        lost, or late and silent when asked again → away; answers again → near

A read that could not be sent, or that the standby's recovery got in the way of, is sent to the
primary within the same deadline: reads may be repeated, and the primary is another server.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from gateway.errors import SourceError, SourceTimeout, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.sources.postgres.slots import Slots

_LOG = logging.getLogger(__name__)

_SIGN_OF_LIFE = 1.0
"""Seconds the standby gets to answer a trivial statement."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two looks at a standby that is away: doubled each time, up to the second."""


class Reads:
    """The slots of a standby, with those of the primary to fall back to."""

    def __init__(self, name: str, standby: Slots, primary: Slots) -> None:
        self._name = name
        self._standby = standby
        self._primary = primary
        self._away = False
        self._look: asyncio.Task[None] | None = None
        self._closed = False
        self._fallen_back = 0

    async def open(self) -> None:
        """Open the standby's first connection; one that cannot be had is looked for later.

        Raises ConfigurationError where the standby refuses our login.
        """
        try:
            await self._standby.open()
        except SourceError:
            self._leave()

    async def close(self) -> None:
        """Close the standby's connections; idempotent, bounded in time."""
        self._closed = True
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait({self._look})
        await self._standby.close()

    async def run(self, text: str, arguments: Sequence[Any], deadline: float) -> list[Any]:
        """As `Slots.run`."""
        found: list[Any] = await self._either("run", text, arguments, deadline)
        return found

    async def run_value(self, text: str, arguments: Sequence[Any], deadline: float) -> Any:
        """As `Slots.run_value`."""
        return await self._either("run_value", text, arguments, deadline)

    async def check(self, deadline: float) -> str | None:
        """What is wrong with the standby, None if nothing is."""
        try:
            await self._standby.run_value("select 1", (), deadline)
        except SourceError as error:
            self._suspect()
            return error.message
        return None

    def figures(self) -> Mapping[str, float]:
        """Those of the standby's slots; `away`, and how many reads the primary did instead."""
        return {
            **self._standby.figures(),
            "away": float(self._away),
            "fallen_back": self._fallen_back,
        }

    async def _either(self, verb: str, text: str, arguments: Sequence[Any], deadline: float) -> Any:
        if not self._away:
            try:
                return await getattr(self._standby, verb)(text, arguments, deadline)
            except SourceTimeout:
                self._suspect()
                raise
            except SourceUnavailable as error:
                if not _in_the_way(error):
                    self._leave()
        self._fallen_back += 1
        return await getattr(self._primary, verb)(text, arguments, deadline)

    def _leave(self) -> None:
        if not self._away:
            self._away = True
            _LOG.warning("the replica of %s is away; the primary answers", self._name)
        self._suspect()

    def _suspect(self) -> None:
        """Look whether the standby is there, unless somebody looks already."""
        if (self._look is None or self._look.done()) and not self._closed:
            self._look = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        """Look until the standby answers."""
        pause = _FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._standby.run_value("select 1", (), loop.time() + _SIGN_OF_LIFE)
            except SourceError:
                self._leave()
            else:
                break
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        if self._away:
            self._away = False
            _LOG.info("the replica of %s answers again", self._name)


def _in_the_way(error: SourceUnavailable) -> bool:
    """Whether the standby is well, and only gave way to what it replays."""
    return str((error.details or {}).get("sqlstate", "")).startswith("40")
