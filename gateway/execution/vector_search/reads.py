"""Vector searches that rows take part in, asked as the queue of a source is: for the cache.

Such a search is several requests to two sources; what is kept is its answer. That hangs on the
search's arguments, on the values of its `where` and of the row rules, and on how it is fused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.execution.vector_search.fusion import ranked_hits
from gateway.execution.vector_search.narrowing import found_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway.execution.operation_reads import OperationReads
    from gateway.planning.narrowing import Ranked
    from gateway.planning.steps import Fetch
    from gateway.sources.contract import Key, Prepared, Value


class RankedReads:
    """The reads of one search; called as `Groups` is. `reads`: its operation's, by deadline."""

    __slots__ = ("_fetch", "_ranked", "_reads")

    def __init__(
        self, fetch: Fetch, ranked: Ranked, reads: Callable[[float], OperationReads]
    ) -> None:
        self._fetch = fetch
        self._ranked = ranked
        self._reads = reads

    async def single(
        self, prepared: Prepared, _arguments: tuple[Any, ...], deadline: float
    ) -> Value:
        """The hits of one search, or the list that one narrows. Raises `PlaitError`."""
        reads, path = self._reads(deadline), self._fetch.field.key
        given = self._fetch.arguments(reads.values)
        if self._ranked.narrows:
            found = await found_keys(reads, self._ranked, given, path)
            groups = reads.groups[prepared.source]
            return await groups.single(prepared, found, deadline)
        return (await ranked_hits(reads, self._ranked, given[0], None, path))[0]

    async def by_key(
        self,
        _prepared: Prepared,
        keys: Sequence[Key],
        _arguments: tuple[Any, ...],
        deadline: float,
    ) -> list[Value]:
        """The neighbours of each key's point."""
        reads = self._reads(deadline)
        (wish,) = self._fetch.arguments(reads.values)
        return await ranked_hits(reads, self._ranked, wish, keys, self._fetch.field.key)


def arguments_of(fetch: Fetch, values: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    """The arguments of a fetch; of a search that rows take part in all values it hangs on."""
    ranked = fetch.ranked
    if ranked is None:
        return fetch.arguments(values)
    found: list[Any] = [fetch.arguments(values)]
    if ranked.rows is not None:
        found.append(ranked.rows.arguments(ranked.rows.rows.keys, values))
    if ranked.words is not None:
        found.append((ranked.words.asked(values), ranked.words.arguments(values)))
    return tuple(found)


def tables_of(ranked: Ranked) -> Iterator[str]:
    """The tables whose rows decide what is found."""
    if ranked.rows is not None:
        yield from ranked.rows.rows.keys.tables
    if ranked.words is not None:
        yield from ranked.words.ranking.tables
