"""Vector searches that only rows of a kind may be hits of: exact, by one of two ways.

*Rows first*: SQL gives the keys of the rows that may be hits, and the vector engine ranks those
alone. *Vectors first*: the engine's ranking is fetched from its beginning, further at each attempt,
and SQL says which of what was found may be a hit. Few rows make the first way cheap, many the
second. Neither gives fewer hits than there are: rows that are too many come in portions, of which
the best hits so far take part in the next, and a ranking that leads too far is given up for that.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import PlaitError
from gateway.execution.vector_search.tactics import MOST_NAMED, Way
from gateway.planning.arguments import Sought

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence

    from gateway.execution.operation_reads import OperationReads
    from gateway.execution.vector_search.tactics import Choice
    from gateway.planning.narrowing import Ranked, Rankings, RowSide
    from gateway.sources.contract import Bound, Key, Prepared, Value

Row = list[Any]
"""A hit as `[id, score, key, shown]`, where `shown` lists what it shows of payload and vectors."""

Found = list[list[Row] | PlaitError | None]
"""The hits of each target, None where its point is not stored."""


class Targets:
    """What the hits are near to: the points of `keys`, or the target of one search (None).

    Asks the vector engine about all of them in as few calls as may be.
    """

    def __init__(self, reads: OperationReads, keys: Sequence[Key] | None) -> None:
        self._reads = reads
        self.keys = keys
        self.count = 1 if keys is None else len(keys)

    def some(self, places: Sequence[int]) -> Targets:
        """The targets at these places alone."""
        if self.keys is None or len(places) == self.count:
            return self
        return Targets(self._reads, [self.keys[place] for place in places])

    async def answers(self, prepared: Prepared, wish: Any, size: int = 1) -> list[Value]:
        """The value of each; `size` is how many points one question about a target names."""
        if self.keys is None:
            return [await self._reads.ask(prepared, (wish,))]
        most = max(1, MOST_NAMED // max(1, size))
        parts = [self.keys[start : start + most] for start in range(0, self.count, most)]
        values: list[Value] = []
        for part in parts:
            values += await self._reads.by_key(prepared, part, (wish,), self._reads.deadline)
        return values

    async def rows(self, prepared: Prepared, wish: Any, size: int = 1) -> Found:
        """The hits of each as rows."""
        return _rows(await self.answers(prepared, wish, size))


class Narrowed:
    """One narrowed search, or search for neighbours, of a request.

    `wish` is the source's one value of the field's arguments. `path` names the field in traces.
    """

    def __init__(
        self,
        reads: OperationReads,
        ranked: Ranked,
        wish: Any,
        keys: Sequence[Key] | None,
        path: str,
    ) -> None:
        if ranked.rows is None:
            raise TypeError("no rows narrow this search")
        self._reads = reads
        self._ranked = ranked
        self._native = ranked.native
        self._rankings = ranked.rankings
        self._rows: RowSide = ranked.rows
        self._wish = wish
        self._targets = Targets(reads, keys)
        self._path = path

    async def answers(self) -> list[Value]:
        """The finished hits of each target, in the field's window of them."""
        offset, limit = self._rankings.window(self._wish)
        return await self._run(offset + limit, _Final(self._rankings.hits, None))

    async def window(self, prepared: Prepared) -> Found:
        """The same as rows, as `prepared` shows them."""
        offset, limit = self._rankings.window(self._wish)
        return _rows(await self._run(offset + limit, _Final(prepared, None)))

    async def found(self, count: int) -> Found:
        """The first `count` hits of each target as rows, without payload and vector."""
        return _rows(await self._run(count, _Final(self._rankings.ranking, count)))

    async def _run(self, depth: int, final: _Final) -> list[Value]:
        if not depth:
            return await self._among([], [], final)
        portion = self._rows.rows.portion
        await self._check_named()
        choice = await self._choose(depth)
        seen: list[Any] | None = None
        if choice.way is Way.ROWS_FIRST:
            seen = await self._keys(None)
            if len(seen) < portion:
                self._reads.trace.record(self._path, choice, Way.ROWS_FIRST, rows=len(seen))
                return await self._among(seen, [], final)
        self._wish = await located(self._reads, self._rankings, self._wish)
        sides = self._rankings.sides(self._wish)
        if sides:
            return await self._fused(sides, final)
        if seen is None or choice.estimated:
            hits = await self._vectors_first(depth, choice)
            if hits is not None:
                return await self._among([], hits, final)
        return await self._in_portions(seen, depth, choice, final)

    # The choice

    async def _choose(self, depth: int) -> Choice:
        rows, reads = self._rows, self._reads
        if reads.tactics.forced is not None:
            return reads.tactics.settled()
        estimated, whole = await both(self._estimate(rows.rows.estimate), self._whole())
        return reads.tactics.choose(estimated, whole, depth, rows.rows.portion)

    async def _whole(self) -> float:
        whole = self._rows.rows.whole
        return await self._reads.tactics.remembered(whole, (), lambda: self._estimate(whole))

    async def _estimate(self, statement: Bound) -> float:
        arguments = self._rows.arguments(statement, self._reads.values)

        async def ask() -> float:
            return float(orjson.loads(await self._reads.ask(statement, arguments)))

        return await self._reads.tactics.remembered(statement, arguments, ask)

    # The two sources

    async def _keys(self, after: Any) -> list[Any]:
        """The keys of the next portion of rows that may be hits."""
        rows = self._rows.rows
        statement = rows.keys if after is None else rows.further
        arguments = self._rows.arguments(statement, self._reads.values)
        given = () if after is None else (self._native(after),)
        keys: list[Any] = orjson.loads(await self._reads.ask(statement, (*arguments, *given)))
        return keys

    async def _check_named(self) -> None:
        """Take a point whose row is hidden for one that is not stored: its neighbours tell of it.

        Raises `PlaitError`.
        """
        named, visible = self._rankings.named(self._wish), self._rows.visible
        if named is None or visible is None:
            return
        found = orjson.loads(await self._reads.ask(self._rankings.stored, (named,)))
        keys = {row[2] for row in found}
        if len(found) < len(named.ids) or await self._matching(keys, visible) < keys:
            raise self._rankings.absent(self._wish)

    async def _matching(self, keys: Iterable[Any], statement: Bound | None = None) -> set[Any]:
        """Those of the keys whose rows may be hits, or that another statement lets through."""
        natives = {self._native(key): key for key in keys}
        natives.pop(None, None)
        if not natives:
            return set()
        statement = statement or self._rows.rows.which
        arguments = self._rows.arguments(statement, self._reads.values)
        answer = await self._reads.ask(statement, (*arguments, tuple(natives)))
        return {natives.get(self._native(key)) for key in orjson.loads(answer)}

    async def _among(self, keys: Sequence[Any], ids: Sequence[Any], final: _Final) -> list[Value]:
        """The hits among these rows and points."""
        wish = self._rankings.among(self._wish, keys, ids, final.count)
        return await self._targets.answers(final.prepared, wish, len(keys) + len(ids))

    # The two ways

    async def _fused(self, sides: Sequence[tuple[Any, int]], final: _Final) -> list[Value]:
        """Among the first points of each ranking, all ranks are those among all of the rows."""
        reads, ranked, keys = self._reads, self._ranked, self._targets.keys
        found = await both(
            *[Narrowed(reads, ranked, wish, keys, self._path).found(depth) for wish, depth in sides]
        )
        return await self._among([], _ids([hits for side in found for hits in side]), final)

    async def _in_portions(
        self, seen: list[Any] | None, depth: int, choice: Choice, final: _Final
    ) -> list[Value]:
        """Rows first, however many there are."""
        portion = self._rows.rows.portion
        best: list[Any] = []
        keys = await self._keys(None) if seen is None else seen
        count = len(keys)
        while len(keys) >= portion:
            wish = self._rankings.among(self._wish, keys, best, depth)
            found = await self._targets.rows(self._rankings.ranking, wish, len(keys) + len(best))
            best = _ids(found)
            keys = await self._keys(keys[-1])
            count += len(keys)
        self._reads.trace.record(self._path, choice, Way.ROWS_FIRST, rows=count)
        return await self._among(keys, best, final)

    async def _vectors_first(self, depth: int, choice: Choice) -> list[Any] | None:
        """The ids of the hits of all targets; None where the ranking leads too far."""
        tactics = self._reads.tactics
        may: dict[Any, bool] = {}
        ids: dict[Any, None] = {}
        waiting = list(range(self._targets.count))
        for attempt in tactics.attempts(choice, depth):
            wish = self._rankings.first(self._wish, attempt.count, exact=attempt.exact)
            targets = self._targets.some(waiting)
            found = await targets.rows(self._rankings.ranking, wish)
            fresh = {row[2] for rows in found if isinstance(rows, list) for row in rows}
            fresh -= may.keys()
            matching = await self._matching(fresh)
            may.update((key, key in matching) for key in fresh)
            short: list[int] = []
            for place, rows in zip(waiting, found, strict=True):
                if not isinstance(rows, list):
                    continue  # no such point, which the last request finds out again
                hits = [row[0] for row in rows if may[row[2]]][:depth]
                ids.update(dict.fromkeys(hits))
                exhausted = attempt.exact and len(rows) < attempt.count
                if len(hits) < depth and not exhausted:
                    short.append(place)
            waiting = short
            if not waiting:
                trace = self._reads.trace
                trace.record(self._path, choice, Way.VECTORS_FIRST, vectors=len(may))
                return list(ids)
        return None


@dataclass(frozen=True, slots=True)
class _Final:
    """The last request: what is asked, and how many hits (None: the field's window)."""

    prepared: Prepared
    count: int | None


async def found_keys(
    reads: OperationReads, ranked: Ranked, arguments: tuple[Any, ...], path: str
) -> tuple[Any, ...]:
    """The arguments of a list, with the keys that its vector search finds in their place."""
    return tuple(
        [
            await _keys_near(reads, ranked, given.wish, path) if type(given) is Sought else given
            for given in arguments
        ]
    )


async def _keys_near(
    reads: OperationReads, ranked: Ranked, wish: Any, path: str
) -> tuple[Any, ...]:
    ranking = ranked.rankings.ranking
    if ranked.rows is None:
        found = await Targets(reads, None).rows(ranking, wish)
    else:
        found = await Narrowed(reads, ranked, wish, None, path).window(ranking)
    keys = (ranked.native(row[2]) for row in hits_of(found))
    return tuple(dict.fromkeys(key for key in keys if key is not None))


async def located(reads: OperationReads, rankings: Rankings, wish: Any) -> Any:
    """A search with its text embedded, once, where several requests are to come."""
    if rankings.by_text(wish) is None:
        return wish
    return rankings.at(wish, await reads.ask(rankings.target, (wish,)))


def hits_of(found: Found) -> list[Row]:
    """The hits of the only target; raises the error that they are."""
    (rows,) = found
    if isinstance(rows, PlaitError):
        raise rows
    return rows or []


def _rows(answers: Iterable[Value]) -> Found:
    return [
        orjson.loads(one)
        if isinstance(one, bytes)
        else one
        if isinstance(one, PlaitError)
        else None
        for one in answers
    ]


def _ids(found: Found) -> list[Any]:
    """The ids of all hits, each once."""
    rows = (row for hits in found if isinstance(hits, list) for row in hits)
    return list(dict.fromkeys(row[0] for row in rows))


async def both(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """All results; where one fails the others are ended, and that failure raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
