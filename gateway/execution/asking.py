"""What the narrowed and fused searches of one operation ask of their sources, asked once.

They run side by side, each in requests of its own. Equal ones under way are shared, and those that
a source answers together travel together when they come in the same turn of the event loop: two
fields with the same arguments make the engine calls and the statements of one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gateway.errors import PlaitError
from gateway.execution.groups.identity import identity
from gateway.execution.together import MAX_KEYS, Wanted, sent_together

if TYPE_CHECKING:
    from collections.abc import Coroutine, Hashable, Mapping, Sequence

    from gateway.execution.groups import Groups
    from gateway.execution.narrowing_tactics import Tactics, Trace
    from gateway.sources.contract import Key, Prepared, Value


class Request:
    """What the searches of one execution have in common.

    `groups` are the queues of the sources, `values` what the plan's readers gave, `deadline` is in
    the event loop's clock; `tactics` choose a way and `trace` notes which.
    """

    __slots__ = (
        "_departing",
        "_under_way",
        "deadline",
        "groups",
        "scope",
        "tactics",
        "trace",
        "values",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - one for each thing they have in common
        self,
        groups: Mapping[str, Groups],
        values: tuple[tuple[Any, ...], ...],
        scope: Hashable,
        deadline: float,
        tactics: Tactics,
        trace: Trace,
    ) -> None:
        self.groups = groups
        self.values = values
        self.scope = scope
        self.deadline = deadline
        self.tactics = tactics
        self.trace = trace
        self._under_way: dict[Hashable, _Shared] = {}
        self._departing: dict[Hashable, tuple[list[Wanted], _Shared]] = {}

    async def single(self, prepared: Any, arguments: tuple[Any, ...]) -> Any:
        """The one value of a request without keys; raises the error it is."""
        common = prepared.together(arguments)
        if common is not None:
            (value,) = await self._travelled(common, Wanted(None, prepared, (), arguments))
        else:
            value = await self._once(prepared, arguments)
        if isinstance(value, PlaitError):
            raise value
        return value

    async def by_key(self, prepared: Prepared, keys: Sequence[Key], wish: Any) -> list[Value]:
        """One value per key."""
        one = Wanted(None, prepared, keys, (wish,))
        common = prepared.together(one.arguments)
        if common is None or len(keys) > MAX_KEYS:
            return await self._alone(one)
        return await self._travelled(common, one)

    async def _once(self, prepared: Prepared, arguments: tuple[Any, ...]) -> Value:
        same = (prepared, identity(arguments))
        shared = self._under_way.get(same)
        if shared is None:
            groups = self.groups[prepared.source]
            shared = _Shared(groups.single(prepared, arguments, self.scope, self.deadline))
            self._under_way[same] = shared
            shared.task.add_done_callback(lambda _: self._under_way.pop(same))
        value: Value = await shared.result()
        return value

    async def _travelled(self, common: Hashable, one: Wanted) -> list[Value]:
        """The values of one request among those that leave with it."""
        place = (one.prepared.source, common)
        if place not in self._departing:
            parts: list[Wanted] = []
            self._departing[place] = parts, _Shared(self._depart(place, parts))
        parts, shared = self._departing[place]
        parts.append(one)
        own = len(parts) - 1
        values: list[list[Value]] = await shared.result()
        return values[own]

    async def _depart(self, place: Hashable, parts: list[Wanted]) -> list[list[Value]]:
        """Send what came within the turn of the event loop in which the first one did."""
        del self._departing[place]
        if len(parts) == 1:
            return [await self._alone(parts[0])]
        groups = self.groups[parts[0].prepared.source]
        return await sent_together(groups, parts, self.scope, self.deadline)

    async def _alone(self, one: Wanted) -> list[Value]:
        groups, rest = self.groups[one.prepared.source], (self.scope, self.deadline)
        if one.prepared.by_key:
            return await groups.by_key(one.prepared, one.keys, one.arguments, *rest)
        return [await groups.single(one.prepared, one.arguments, *rest)]


class _Shared:
    """Work that several wait for; the last one who leaves ends it."""

    __slots__ = ("_waiting", "task")

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.task = asyncio.ensure_future(work)
        self._waiting = 0

    async def result(self) -> Any:
        """What the work gives."""
        self._waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.task.cancel()
