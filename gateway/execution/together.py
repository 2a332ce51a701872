"""Requests of one wave that a source answers with one native request.

A prepared request says what it has in common with others (`Prepared.together`); those of a wave
that have the same in common are sent as one `Together`, which other operations may share like any
request. What is alone, or has more keys than one execution takes, goes its own way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from gateway.execution.failures import ours
from gateway.sources.contract import Together

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from typing import Any

    from gateway.execution.groups import Groups
    from gateway.sources.contract import Key, Prepared, Value

MAX_KEYS = 128
"""Keys that a part of a bundle may have; more are split over several executions instead."""


class Wanted(NamedTuple):
    """A request that may travel with others; `owner` is who gets the values."""

    owner: Hashable
    prepared: Prepared
    keys: Sequence[Key]
    arguments: tuple[Any, ...]


class Bundle:
    """Requests that travel together, sent when the first of them is waited for."""

    def __init__(
        self, groups: Groups, parts: list[Wanted], scope: Hashable, deadline: float
    ) -> None:
        self._groups = groups
        self._parts = parts
        self._scope = scope
        self._deadline = deadline
        self._sent: asyncio.Task[list[list[Value]]] | None = None

    async def values(self, owner: Hashable) -> list[Value]:
        """The values of one's own request; where all failed, the error is in every place."""
        if self._sent is None:
            self._sent = asyncio.ensure_future(self._send())
        answers = await asyncio.shield(self._sent)
        place = next(place for place, part in enumerate(self._parts) if part.owner is owner)
        return answers[place]

    def close(self) -> None:
        """Nobody waits any more."""
        if self._sent is not None:
            self._sent.cancel()

    async def _send(self) -> list[list[Value]]:
        return await sent_together(self._groups, self._parts, self._scope, self._deadline)


async def sent_together(
    groups: Groups, parts: Sequence[Wanted], scope: Hashable, deadline: float
) -> list[list[Value]]:
    """The values of every part; where all failed, the error is in every place."""
    first = parts[0].prepared
    together = Together(first.source, False, tuple(part.prepared for part in parts))  # noqa: FBT003 - by_key
    arguments = tuple((tuple(part.keys), part.arguments) for part in parts)
    try:
        answers: Any = await groups.single(together, arguments, scope, deadline)
    except Exception as error:  # noqa: BLE001 - the fields of these parts fail, no others
        return [[ours(error)] * (len(part.keys) or 1) for part in parts]
    values: list[list[Value]] = answers
    return values


def bundles(
    groups: Mapping[str, Groups], wanted: Iterable[Wanted], scope: Hashable, deadline: float
) -> dict[Hashable, Bundle]:
    """By owner, the bundle its request is part of; a request that is alone is in none."""
    found: dict[Hashable, list[Wanted]] = {}
    for one in wanted:
        common = one.prepared.together(one.arguments)
        if common is not None and len(one.keys) <= MAX_KEYS:
            found.setdefault((one.prepared.source, common), []).append(one)
    made: dict[Hashable, Bundle] = {}
    for parts in found.values():
        if len(parts) > 1:
            bundle = Bundle(groups[parts[0].prepared.source], parts, scope, deadline)
            made.update((part.owner, bundle) for part in parts)
    return made
