"""The level in the process: answers by key, least recently used first out, bounded by bytes.

Nothing is looked for when a tag is invalidated. Each tag in use has a *cell* with the moment of its
last invalidation, and a slot has the moment at which its answer was begun: it is good while no cell
of its own is younger. So an answer that was begun before an invalidation and put in after it is
dead on arrival, and invalidating costs the same for ten entries and ten thousand.

A *response* is the finished answer of an operation. It has the cells of all slots that it was made
of, and each slot has one of its own among them, which moves when another slot takes its place.
"""

from __future__ import annotations

import math
import random
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeAlias, overload
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from gateway.caching.entry import Entry
    from gateway.caching.policy import Policy

ResponseName: TypeAlias = "tuple[Hashable, bytes, Hashable]"
"""Of which operation, under which variables, for whom."""

_OVERHEAD = 400
"""Bytes that a slot takes beside its value, estimated."""
_LARGEST = 8
"""One value may take this part of the whole."""


class Cell:
    """The moment at which a tag was last invalidated."""

    __slots__ = ("__weakref__", "last")

    def __init__(self, last: int) -> None:
        self.last = last


class Slot:
    """One answer in the process. Times are of the monotonic clock, seconds.

    `early_at`: from then on it is read anew before it is stale. `refreshing`: that is under way.
    """

    __slots__ = (
        "cells",
        "early_at",
        "entry",
        "error_until",
        "fresh_until",
        "made_at",
        "refreshing",
        "since",
        "size",
        "stale_until",
        "value",
    )

    parts = 1
    """Of a response there may be many."""

    def __init__(self, entry: Entry, age: float, now: float, since: int) -> None:
        self.entry = entry
        self.value = entry.value
        self.since = since
        self.cells: tuple[Cell, ...] = ()
        self.made_at = now - age
        self.fresh_until = self.made_at + entry.fresh_for
        self.stale_until = self.fresh_until + entry.stale_for
        self.error_until = self.fresh_until + entry.error_for
        self.early_at = self.fresh_until
        self.refreshing = False
        tags = len(entry.versions) + len(entry.found)
        self.size = len(entry.value or b"") + _OVERHEAD + 64 * tags


class Response:
    """A finished answer: its bytes, and what all its parts together allow.

    `policy`: that of the answer. `parts`: how many there are; `made_at`: the moment of the oldest.
    """

    __slots__ = ("cells", "early_at", "made_at", "parts", "policy", "since", "size", "value")

    def __init__(self, value: bytes, policy: Policy, parts: Sequence[Slot]) -> None:
        self.value = value
        self.policy = policy
        self.parts = len(parts)
        self.cells = tuple(dict.fromkeys([cell for part in parts for cell in part.cells]))
        self.since = min([part.since for part in parts])
        self.made_at = min([part.made_at for part in parts])
        self.early_at = min([part.early_at for part in parts])
        self.size = len(value) + _OVERHEAD + 16 * len(self.cells)


class Memory:
    """At most `max_bytes` of answers; 0 keeps none, but the moments of tags are kept all the same.

    `clock` is monotonic, seconds; `early` is the strength of early refreshes, 0 for none.
    """

    def __init__(
        self,
        max_bytes: int,
        clock: Callable[[], float],
        *,
        early: float = 1.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._early = early
        self._chance = chance
        self._slots: OrderedDict[Hashable, Slot | Response] = OrderedDict()
        self._cells: WeakValueDictionary[str, Cell] = WeakValueDictionary()
        self._bytes = 0
        self._floor = 0
        self.moment = 0
        """Counts invalidations: what is begun now is younger than all that were heard."""

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def size(self) -> int:
        """Bytes that the slots take, estimated."""
        return self._bytes

    def cells(self, tags: Iterable[str]) -> tuple[Cell, ...]:
        """The cells of these tags; hold them for as long as their moments matter."""
        found = []
        for tag in tags:
            cell = self._cells.get(tag)
            if cell is None:
                cell = self._cells[tag] = Cell(0)
            found.append(cell)
        return tuple(found)

    def current(self, since: int, cells: Sequence[Cell]) -> bool:
        """Whether nothing of this was invalidated since that moment."""
        if since < self._floor:
            return False
        return all(cell.last <= since for cell in cells)

    @overload
    def find(self, key: bytes) -> Slot | None: ...

    @overload
    def find(self, key: ResponseName) -> Response | None: ...

    def find(self, key: Hashable) -> Any:
        """The answer under that key unless it was invalidated; it may be stale."""
        slot = self._slots.get(key)
        if slot is None:
            return None
        since = slot.since
        if since == self.moment:  # nothing at all was invalidated since
            self._slots.move_to_end(key)
            return slot
        if since >= self._floor:
            for cell in slot.cells:
                if cell.last > since:
                    break
            else:
                slot.since = self.moment  # nothing of it up to here, so it is not asked again
                self._slots.move_to_end(key)
                return slot
        self._drop(key)
        return None

    def put(  # noqa: PLR0913 - what is known of an answer
        self,
        key: bytes,
        entry: Entry,
        *,
        age: float,
        since: int,
        cells: tuple[Cell, ...],
        guards: int = 0,
    ) -> Slot:
        """Keep an answer that was begun at the moment `since`; the slot, kept or not.

        It is not kept where it was invalidated since, is useless by its age, or is too large. The
        last `guards` of the cells it has no more to do with once it is kept.
        """
        slot = Slot(entry, age, self._clock(), since)
        slot.cells = (Cell(0), *cells)
        if self._early and entry.cost:
            # XFetch (Vattani et al. 2015), drawn once for each process and entry.
            chance = max(self._chance(), 1e-9)
            slot.early_at += self._early * entry.cost * math.log(chance)
        useless = slot.size * _LARGEST > self._max_bytes or age >= entry.lifetime
        if useless or not self.current(since, cells):
            return slot
        if guards:
            slot.cells = slot.cells[: len(slot.cells) - guards] + self.cells(entry.found)
        before = self._slots.get(key)
        if before is not None:
            self.moment += 1
            before.cells[0].last = self.moment
        self._add(key, slot)
        return slot

    def join(self, name: ResponseName, value: bytes, policy: Policy, parts: Sequence[Slot]) -> None:
        """Keep a finished answer for as long as each of the slots that it is made of is good."""
        response = Response(value, policy, parts)
        response.size += len(name[1])
        small = response.size * _LARGEST <= self._max_bytes
        if small and self.current(response.since, response.cells):
            self._add(name, response)

    def _add(self, key: Hashable, slot: Slot | Response) -> None:
        if key in self._slots:
            self._drop(key)
        self._slots[key] = slot
        self._bytes += slot.size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._slots)))

    def invalidate(self, tags: Iterable[str]) -> None:
        """From this moment on nothing that was begun before is good under one of these tags."""
        self.moment += 1
        for tag in tags:
            cell = self._cells.get(tag)
            if cell is not None:
                cell.last = self.moment

    def forget_all(self) -> None:
        """From this moment on nothing that was begun before is good."""
        self.moment += 1
        self._floor = self.moment
        self._slots.clear()
        self._bytes = 0

    def tags(self) -> list[str]:
        """The tags in use."""
        return list(self._cells)

    def _drop(self, key: Hashable) -> None:
        self._bytes -= self._slots.pop(key).size
