"""The records of group commit: who waits, for which execution, of which group.

    Group     reads that may share: one plan, one set of arguments
    Pending   one execution of a group that is to be sent, or under way for several members
    Member    one call that waits for it

Plain slotted classes: they are made for every read, and most live for a millisecond.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from gateway.errors import SourceError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Hashable, Iterator, Mapping, Sequence
    from contextvars import Context

    from gateway.sources.contract import Key


class Group:
    """Reads that may share, known by `key`.

    `flying`: executions under way; `ready`: executions that wait for a slot only; `queue`: those
    that wait for one of the group's own to finish; `open`: the one that newcomers join.
    """

    __slots__ = ("arguments", "flying", "key", "open", "prepared", "queue", "ready")

    def __init__(self, key: Hashable, prepared: Any, arguments: tuple[Any, ...]) -> None:
        self.key = key
        self.prepared = prepared
        self.arguments = arguments
        self.flying = 0
        self.ready = 0
        self.open: Pending | None = None
        self.queue: deque[Pending] = deque()


class Pending:
    """One execution: its members and, for plans by key, the keys they want, each once.

    `age` orders executions over all groups. `index` gives each key's place, by its identity.
    """

    __slots__ = ("age", "context", "group", "index", "keys", "members", "ready", "sent", "task")

    def __init__(self, group: Group, age: int) -> None:
        self.group = group
        self.age = age
        self.keys: list[Key] = []
        self.index: dict[Hashable, int] = {}
        self.members: dict[Member, None] = {}
        self.ready = False
        self.sent = False
        self.task: asyncio.Task[None] | None = None
        self.context: Context | None = None
        """Where it runs, for those who trace; else wherever its turn comes."""

    def has_room(self, wanted: Mapping[Hashable, Key] | None, limit: int) -> bool:
        """Whether the keys in `wanted`, by their identities, fit beside those already here."""
        room = limit - len(self.keys)
        return not wanted or len(wanted) <= room or len(wanted.keys() - self.index.keys()) <= room

    def add(self, wanted: Mapping[Hashable, Key]) -> list[int]:
        """Add the keys in `wanted`, by their identities; gives their places in the answer."""
        index, keys = self.index, self.keys
        places = []
        for identity, key in wanted.items():
            place = index.setdefault(identity, len(keys))
            if place == len(keys):
                keys.append(key)
            places.append(place)
        return places

    def singly(self) -> Iterator[Pending]:
        """An execution of its own for each member, the last one first; none is left in this."""
        for member in reversed(list(self.members)):
            own = Pending(self.group, self.age)
            own.keys = [self.keys[place] for place in member.places]
            own.members[member] = None
            member.pending = own
            member.places = range(len(own.keys))
            yield own
        self.members.clear()


class Member:
    """One waiting call: its future, its own deadline, and its places in the execution's keys."""

    __slots__ = ("bucket", "deadline", "future", "pending", "places")

    bucket: set[Member]

    def __init__(self, future: asyncio.Future[Any], deadline: float, pending: Pending) -> None:
        self.future = future
        self.deadline = deadline
        self.pending = pending
        self.places: Sequence[int] = ()


class Failed:
    """An execution's failure on its way to the waiters; not an exception, so none goes unheard."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def as_own(self) -> Exception:
        """The error for one waiter."""
        error = self.error
        return error.as_own() if isinstance(error, SourceError) else error
