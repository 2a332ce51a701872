"""Concurrent misses of one key: one call of the source, whoever began it and whoever leaves.

A flight is joined only by a read that may have its answer: one that found the tags' versions as the
flight began with, or that comes while nothing of it has been asked, or that is covered by a lease.
Its outcome is a plain result, never an exception, so that none goes unheard; failures are
forgotten with the flight.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.caching.entry import Entry
    from gateway.caching.memory import Cell, Memory
    from gateway.caching.outcome import Answer


class Flight:
    """One answer on its way.

    `place`: which of its caller's wants it is. `since`, `cells`: the moment it began and its tags'
    in memory. `versions`: those it began with in the shared store, once they are known; `begun`
    says that they have been asked for. `newer_than`: when the answer that it replaces was made.
    `stamp`: how what was stored began when it was looked for; None: it does not matter.
    `spare`: what to give, of what age, should the source fail.
    """

    __slots__ = (
        "begun",
        "cells",
        "future",
        "key",
        "newer_than",
        "place",
        "since",
        "spare",
        "stamp",
        "tags",
        "versions",
    )

    def __init__(
        self, key: bytes, tags: tuple[str, ...], place: int, since: int, cells: tuple[Cell, ...]
    ) -> None:
        self.key = key
        self.tags = tags
        self.place = place
        self.since = since
        self.cells = cells
        self.newer_than = float("-inf")
        self.stamp: bytes | None = None
        self.begun = False
        self.versions: Mapping[str, bytes] | None = None
        self.spare: tuple[Entry, float] | None = None
        self.future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def began_with(self, versions: Mapping[str, bytes | None]) -> bool:
        """Whether a read that found these versions may have its answer."""
        own = self.versions
        return own is not None and all(own.get(tag) == versions[tag] for tag in self.tags)

    def land(self, answer: Answer) -> None:
        """Give the answer to all who wait."""
        if not self.future.done():
            self.future.set_result(answer)


class Flights:
    """The flights of this process, by key; the latest of a key is the one that is joined."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._flights: dict[bytes, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def take_off(self, key: bytes, tags: tuple[str, ...], place: int) -> Flight:
        """A new flight, from this moment on the one that is joined."""
        memory = self._memory
        flight = Flight(key, tags, place, memory.moment, memory.cells(tags))
        self._flights[key] = flight
        return flight

    def under_lease(self, key: bytes) -> Flight | None:
        """The flight that a read covered by a lease may join: nothing of it was invalidated."""
        flight = self._flights.get(key)
        if flight is not None and self._memory.current(flight.since, flight.cells):
            return flight
        return None

    def unbegun(self, key: bytes) -> Flight | None:
        """The flight that anybody may join: all it asks is asked after this moment."""
        flight = self._flights.get(key)
        return flight if flight is not None and not flight.begun else None

    def with_versions(self, key: bytes, versions: Mapping[str, bytes | None]) -> Flight | None:
        """The flight that began with these versions."""
        flight = self._flights.get(key)
        return flight if flight is not None and flight.began_with(versions) else None

    def landed(self, flight: Flight) -> None:
        """Forget it."""
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]
