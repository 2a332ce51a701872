"""What one operation asks of its sources at a time: what can travel together does, in one request.

A prepared request says what it has in common with others (`Prepared.together`); those that have
the same in common and come in the same turn of the event loop are sent as one `Together`, which
other operations may share like any request. The steps of narrowed and fused searches are beyond
that asked once: equal ones under way are shared, so that two fields with the same arguments make
the engine calls and the statements of one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.errors import PlaitError
from gateway.execution.failures import ours
from gateway.execution.groups.identity import identity
from gateway.sources.contract import Together

if TYPE_CHECKING:
    from collections.abc import Coroutine, Hashable, Mapping, Sequence

    from gateway.execution.groups import Groups
    from gateway.execution.vector_search.tactics import Tactics, Trace
    from gateway.sources.contract import Key, Prepared, Value

MAX_KEYS = 128
"""Keys that a request may have to travel; more are split over several executions instead."""


class _Part(NamedTuple):
    """A request that may travel with others."""

    prepared: Prepared
    keys: Sequence[Key]
    arguments: tuple[Any, ...]


class OperationReads:
    """The reads of one operation; called as `Groups` is.

    `groups` are the queues of the sources, `values` what the plan's readers gave, `deadline` is in
    the event loop's clock; `tactics` choose a way for searches, and `trace` notes which.
    """

    __slots__ = ("_departing", "_under_way", "deadline", "groups", "tactics", "trace", "values")

    def __init__(
        self,
        groups: Mapping[str, Groups],
        values: tuple[tuple[Any, ...], ...],
        deadline: float,
        tactics: Tactics,
        trace: Trace,
    ) -> None:
        self.groups = groups
        self.values = values
        self.deadline = deadline
        self.tactics = tactics
        self.trace = trace
        self._under_way: dict[Hashable, _Shared] = {}
        self._departing: dict[Hashable, tuple[list[_Part], _Shared]] = {}

    async def single(self, prepared: Any, arguments: tuple[Any, ...], deadline: float) -> Value:
        """The one value of a request without keys."""
        common = prepared.together(arguments)
        if common is None:
            return await self.groups[prepared.source].single(prepared, arguments, deadline)
        (value,) = await self._travelled(common, _Part(prepared, (), arguments))
        return value

    async def by_key(
        self, prepared: Prepared, keys: Sequence[Key], arguments: tuple[Any, ...], deadline: float
    ) -> list[Value]:
        """One value per key."""
        common = prepared.together(arguments)
        if common is None or len(keys) > MAX_KEYS:
            groups = self.groups[prepared.source]
            return await groups.by_key(prepared, keys, arguments, deadline)
        return await self._travelled(common, _Part(prepared, keys, arguments))

    async def ask(self, prepared: Any, arguments: tuple[Any, ...]) -> Any:
        """The one value of a search's step, asked once; raises the error it is."""
        if prepared.together(arguments) is not None:
            value = await self.single(prepared, arguments, self.deadline)
        else:
            value = await self._once(prepared, arguments)
        if isinstance(value, PlaitError):
            raise value
        return value

    async def _once(self, prepared: Prepared, arguments: tuple[Any, ...]) -> Value:
        same = (prepared, identity(arguments))
        shared = self._under_way.get(same)
        if shared is None:
            groups = self.groups[prepared.source]
            shared = _Shared(groups.single(prepared, arguments, self.deadline))
            self._under_way[same] = shared
            shared.task.add_done_callback(lambda _: self._under_way.pop(same))
        value: Value = await shared.result()
        return value

    async def _travelled(self, common: Hashable, part: _Part) -> list[Value]:
        """The values of one request among those that leave with it."""
        place = (part.prepared.source, common)
        if place not in self._departing:
            parts: list[_Part] = []
            self._departing[place] = parts, _Shared(self._depart(place, parts))
        parts, shared = self._departing[place]
        parts.append(part)
        own = len(parts) - 1
        values: list[list[Value]] = await shared.result()
        return values[own]

    async def _depart(self, place: Hashable, parts: list[_Part]) -> list[list[Value]]:
        """Send what came in the turn of the event loop in which the first one did."""
        del self._departing[place]
        (one, *others), until = parts, self.deadline
        groups = self.groups[one.prepared.source]
        if not others and one.prepared.by_key:
            return [await groups.by_key(one.prepared, one.keys, one.arguments, until)]
        if not others:
            return [[await groups.single(one.prepared, one.arguments, until)]]
        together = Together(one.prepared.source, False, tuple(each.prepared for each in parts))  # noqa: FBT003 - by_key
        arguments = tuple((tuple(each.keys), each.arguments) for each in parts)
        try:
            answers: Any = await groups.single(together, arguments, until)
        except Exception as error:  # noqa: BLE001 - the fields of these parts fail, no others
            return [[ours(error)] * (len(each.keys) or 1) for each in parts]
        values: list[list[Value]] = answers
        return values


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
