"""Reads on a standby while it answers, else on the primary.

A read that could not be sent, or that the standby's recovery got in the way of, is sent to the
primary within the same deadline: reads may be repeated, and the primary is another server. The
standby's slots find out where it is lost or silent, refuse at once then, and look for it again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from gateway.errors import SourceError, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.sources.postgres.connections.slots import Slots

_LOG = logging.getLogger(__name__)


class Reads:
    """The slots of a standby, with those of the primary to fall back to."""

    def __init__(self, name: str, standby: Slots, primary: Slots) -> None:
        self._name = name
        self._standby = standby
        self._primary = primary
        self._away = False
        self._fallen_back = 0

    async def open(self) -> None:
        """Open the standby's first connection; one that cannot be had is looked for later.

        Raises ConfigurationError where the standby refuses our login.
        """
        try:
            await self._standby.open()
        except SourceError:
            self._note(away=True)

    async def close(self) -> None:
        """Close the standby's connections; idempotent, bounded in time."""
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
            await self._asked("run_value", "select 1", (), deadline)
        except SourceError as error:
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
        try:
            return await self._asked(verb, text, arguments, deadline)
        except SourceUnavailable:
            self._fallen_back += 1
        return await getattr(self._primary, verb)(text, arguments, deadline)

    async def _asked(self, verb: str, text: str, arguments: Sequence[Any], deadline: float) -> Any:
        """What the standby answers."""
        try:
            found = await getattr(self._standby, verb)(text, arguments, deadline)
        except SourceUnavailable as error:
            if not _in_the_way(error):
                self._note(away=True)
            raise
        self._note(away=False)
        return found

    def _note(self, *, away: bool) -> None:
        if away:
            self._standby.breaker.suspect()
        if away and not self._away:
            _LOG.warning("the replica of %s is away; the primary answers", self._name)
        elif self._away and not away:
            _LOG.info("the replica of %s answers again", self._name)
        self._away = away


def _in_the_way(error: SourceUnavailable) -> bool:
    """Whether the standby is well, and only gave way to what it replays."""
    return str((error.details or {}).get("sqlstate", "")).startswith("40")
