"""Vector searches that rows take part in, asked as the queue of a source is: for the cache.

Such a search is several requests to two sources; what is kept is its answer. That hangs on the
search's arguments, on the values of its `where` and of the row rules, and on how it is fused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.execution.asking import Request
from gateway.execution.hybrid import ranked_hits
from gateway.execution.narrowing import found_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gateway.execution.groups import Groups
    from gateway.execution.narrowing_tactics import Tactics, Trace
    from gateway.planning.narrowing import Ranked
    from gateway.planning.steps import Fetch
    from gateway.sources.contract import Key, Prepared, Value

    Requests = Callable[[float], Request]
    """What the searches until a deadline have in common."""


class RankedReads:
    """The reads of one search; called as `Groups` is."""

    __slots__ = ("_fetch", "_ranked", "_requests")

    def __init__(self, fetch: Fetch, ranked: Ranked, requests: Requests) -> None:
        self._fetch = fetch
        self._ranked = ranked
        self._requests = requests

    async def single(
        self, prepared: Prepared, _arguments: tuple[Any, ...], deadline: float
    ) -> Value:
        """The hits of one search, or the list that one narrows. Raises `PlaitError`."""
        request, path = self._requests(deadline), self._fetch.field.key
        given = self._fetch.arguments(request.values)
        if self._ranked.narrows:
            found = await found_keys(request, self._ranked, given, path)
            groups = request.groups[prepared.source]
            return await groups.single(prepared, found, deadline)
        return (await ranked_hits(request, self._ranked, given[0], None, path))[0]

    async def by_key(
        self,
        _prepared: Prepared,
        keys: Sequence[Key],
        _arguments: tuple[Any, ...],
        deadline: float,
    ) -> list[Value]:
        """The neighbours of each key's point."""
        request = self._requests(deadline)
        (wish,) = self._fetch.arguments(request.values)
        return await ranked_hits(request, self._ranked, wish, keys, self._fetch.field.key)


def requests_of(
    groups: Mapping[str, Groups],
    values: tuple[tuple[Any, ...], ...],
    tactics: Tactics,
    trace: Trace,
) -> Requests:
    """Requests of their own, at these queues."""
    return lambda deadline: Request(groups, values, deadline, tactics, trace)


def arguments_of(fetch: Fetch, values: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    """The arguments of a fetch; of a search that rows take part in all values it hangs on."""
    ranked = fetch.ranked
    if ranked is None:
        return fetch.arguments(values)
    found: list[Any] = [fetch.arguments(values)]
    if ranked.rows is not None:
        found.append(ranked.rows.arguments(ranked.rows.rows.keys, values))
    if ranked.words is not None and ranked.fusion is not None:
        (fusion,) = values[ranked.fusion]
        words = ranked.words.arguments(fusion.words, fusion.candidates, values)
        found.append((fusion, words))
    return tuple(found)


def tables_of(ranked: Ranked) -> Iterator[str]:
    """The tables whose rows decide what is found."""
    if ranked.rows is not None:
        yield from ranked.rows.rows.keys.tables
    if ranked.words is not None:
        yield from ranked.words.ranking.tables
