"""Concurrent misses of one key: one call of the source, whoever began it and whoever leaves.

A flight is joined only by a read that may have its answer: one that found the tags' versions as the
flight began with, or that comes while nothing of it has been asked, or that is covered by a lease.
Its outcome is a plain result, never an exception, so that none goes unheard; failures are
forgotten with the flight.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.caching.answers import joined
from gateway.sources.cache import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.caching.answers import Answer, Want
    from gateway.caching.entry import Entry
    from gateway.caching.memory import Memory


class Flight:
    """One answer on its way.

    `place`: which of its caller's wants it is. `tags`: those that it is kept under; the `guards` of
    its want only tell whether it may be. `since`, `cells`: the moment it began and those of all of
    these in memory. `versions`: those it began with in the shared store, once they are known;
    `begun` says that they have been asked for, `token` that the lock there is ours. `newer_than`:
    when the answer that it replaces was made, in milliseconds of the wall clock. `before`: the
    flight whose place it took; `follows`: it will land as that one does. `spare`: what to give, of
    what age, should the source fail.
    """

    __slots__ = (
        "before",
        "begun",
        "cells",
        "follows",
        "future",
        "newer_than",
        "place",
        "since",
        "spare",
        "tags",
        "token",
        "versions",
        "want",
    )

    def __init__(self, want: Want, place: int, memory: Memory) -> None:
        self.want = want
        self.place = place
        self.tags = (EVERYTHING, *want.tags)
        self.since = memory.moment
        self.cells = memory.cells(self.all_tags)
        self.newer_than = 0
        self.begun = False
        self.before: Flight | None = None
        self.follows = False
        self.token: bytes | None = None
        self.versions: Mapping[str, bytes | None] | None = None
        self.spare: tuple[Entry, float] | None = None
        self.future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    @property
    def all_tags(self) -> tuple[str, ...]:
        """Its tags, and behind them its guards."""
        return (*self.tags, *self.want.guards)

    def land(self, answer: Answer) -> None:
        """Give the answer to all who wait."""
        self.before = None
        if not self.future.done():
            self.future.set_result(answer)


class Flights:
    """The flights of this process, by key; the latest of a key is the one that is joined."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._flights: dict[bytes, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def take_off(self, want: Want, place: int) -> Flight:
        """A new flight, from this moment on the one that is joined."""
        flight = Flight(want, place, self._memory)
        flight.before = self._flights.get(want.key)
        self._flights[want.key] = flight
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

    def joins(self, flight: Flight, versions: Mapping[str, bytes | None]) -> bool:
        """Leave a flight to the one before, where that began with the versions that it found.

        Whether that is so; then the answer of the one before is its answer, too.
        """
        before = flight.before
        own = None if before is None else before.versions
        if before is None or own is None or flight.newer_than:
            return False
        if any(versions[tag] is None or own.get(tag) != versions[tag] for tag in flight.all_tags):
            return False

        def land(future: asyncio.Future[Answer]) -> None:
            self.landed(flight)
            flight.land(joined(future.result()))

        flight.versions, flight.follows = versions, True
        before.future.add_done_callback(land)
        return True

    def landed(self, flight: Flight) -> None:
        """Forget it."""
        if self._flights.get(flight.want.key) is flight:
            del self._flights[flight.want.key]
