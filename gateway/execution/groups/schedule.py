"""Which execution goes next: every group within its bound, all within the source's slots."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.execution.groups.waiting import Group, Pending

_FEW_DEAD = 64
"""Withdrawn executions that may stay among the ready ones before these are swept."""


class Schedule:
    """Executions that wait for their group or for a slot; the oldest ready one is started first.

    `slots`: executions under way at once; `limit`: those of one group. `start` is called with an
    execution that has just been given a slot. While a slot is free, nothing is ready.
    """

    __slots__ = ("_dead", "_ready", "_serial", "_start", "free", "limit", "slots")

    def __init__(self, slots: int, limit: int, start: Callable[[Pending], None]) -> None:
        self.slots = slots
        self.free = slots
        self.limit = limit
        self._start = start
        self._ready: list[tuple[int, int, Pending]] = []
        self._dead = 0
        self._serial = 0

    @property
    def flying(self) -> int:
        """Executions under way."""
        return self.slots - self.free

    def take(self, group: Group) -> None:
        """Take a free slot for an execution of `group`."""
        self.free -= 1
        group.flying += 1

    def give_back(self, group: Group) -> None:
        """Give back the slot of an execution of `group`; the next one starts."""
        self.free += 1
        group.flying -= 1
        self._promote(group)
        self._fill()

    def line_up(self, pending: Pending) -> None:
        """Put a new execution, which has members, at work or behind those that came before it."""
        pending.group.queue.append(pending)
        self._promote(pending.group)
        self._fill()

    def withdraw(self, pending: Pending) -> None:
        """Take out an execution that nobody waits for any more."""
        group = pending.group
        if not pending.ready:
            group.queue.remove(pending)
            return
        group.ready -= 1
        self._dead += 1
        if self._dead > _FEW_DEAD and self._dead * 2 > len(self._ready):
            self._ready = [entry for entry in self._ready if entry[2].members]
            heapify(self._ready)
            self._dead = 0
        self._promote(group)

    def clear(self, groups: list[Group]) -> list[Pending]:
        """Take out all executions of `groups` (all there are) that have no slot yet."""
        unsent = [entry[2] for entry in self._ready]
        self._ready.clear()
        self._dead = 0
        for group in groups:
            unsent += group.queue
            group.queue.clear()
            group.ready = 0
        return unsent

    def _promote(self, group: Group) -> None:
        """Make ready as many of the group's executions as may be under way."""
        while group.queue and group.flying + group.ready < self.limit:
            pending = group.queue.popleft()
            pending.ready = True
            group.ready += 1
            self._serial += 1
            heappush(self._ready, (pending.age, self._serial, pending))

    def _fill(self) -> None:
        """Start the oldest ready executions while there are slots."""
        while self._ready and self.free:
            pending = heappop(self._ready)[2]
            if pending.members:
                pending.ready = False
                pending.group.ready -= 1
                self.take(pending.group)
                self._start(pending)
            else:
                self._dead -= 1
