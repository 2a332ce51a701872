"""Runs a plan in waves: a wave's fetches at once, the keys of a prepared request in one call.

The first wave is the root fetches. Their answers may have holes (`gateway.sources.contract`); the
keys in them are the next wave's, and so on until nothing is open. Then the values go back into the
holes, innermost first. No step looks at a row: bytes are split at the holes and joined again.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.errors import PlaitError
from gateway.execution.failures import Failures, ours
from gateway.execution.groups.identity import identity
from gateway.execution.holes import Call, believing, joined, split
from gateway.execution.operation_reads import OperationReads
from gateway.execution.vector_search.reads import RankedReads, arguments_of
from gateway.execution.vector_search.tactics import NO_TRACE, Tactics
from gateway.schema.access.rules import VIEWER_SPEC
from gateway.sources.contract import Pieces
from gateway.turns import fair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.execution.cache.reads import CacheRequest, FetchReads
    from gateway.execution.groups import Groups
    from gateway.execution.mutations import Mutations
    from gateway.planning.narrowing import Ranked
    from gateway.planning.representations import Representation
    from gateway.planning.steps import Fetch, Plan, Root
    from gateway.sources.contract import Key, Prepared, Value

Values = tuple[tuple[Any, ...], ...]
"""What each argument reader of a plan gave, by its index; the viewer's values come last."""

_FIRST_PART: Sequence[Key] = ((0,),)

PATIENCE = 0.25
"""The part of the time left for which quick root fields wait for slow ones, to share a wave."""


class Waves:
    """One plan's execution for one request.

    `failures` collects what went wrong below the roots; it puts a marker where the value would be.
    `mutations` runs the root fields that write, where the operation is a mutation. `tactics` choose
    how vector searches are narrowed, `trace` notes how they were. `cache` is where fetches are read
    that may be kept, None where nothing may.
    """

    __slots__ = (
        "cache",
        "deadline",
        "failures",
        "groups",
        "mutations",
        "reads",
        "shared",
        "tactics",
        "trace",
        "values",
    )

    def __init__(
        self,
        groups: Mapping[str, Groups],
        values: Values,
        deadline: float,
        failures: Failures | None = None,
    ) -> None:
        self.groups = groups
        self.values = values
        self.deadline = deadline
        self.failures = Failures() if failures is None else failures
        self.mutations: Mutations | None = None
        self.tactics: Tactics | None = None
        self.trace = NO_TRACE
        self.cache: CacheRequest | None = None
        self.reads: OperationReads | None = None
        self.shared: dict[Prepared, asyncio.Future[list[Value]]] = {}

    def with_values(self, values: Values) -> Waves:
        """The same execution for another outline's values; failures are collected together."""
        twin = Waves(self.groups, values, self.deadline, self.failures)
        twin.tactics, twin.trace, twin.cache = self.tactics, self.trace, self.cache
        return twin

    async def run(self, plan: Plan) -> list[Value]:
        """The value of every root, in order, its holes filled; a root that failed is its error."""
        fetched = [root for root in plan.roots if root.asks]
        if not fetched:
            return [root.constant for root in plan.roots]
        holes = any(root.fetch is not None and root.fetch.holes for root in fetched)
        if len(fetched) == 1:
            answers = [await self._root(fetched[0])]
            if holes:
                answers = await self._completed(fetched, answers)
        else:
            self._together()
            answers = await (self._patiently(fetched) if holes else self._all(fetched))
        given = iter(answers)
        return [next(given) if root.asks else root.constant for root in plan.roots]

    async def _all(self, roots: list[Root]) -> list[Value]:
        return await asyncio.gather(*map(self._root, roots))

    async def _patiently(self, roots: list[Root]) -> list[Value]:
        """All roots at once; the holes of those that came in time do not wait for the others."""
        tasks = [asyncio.ensure_future(self._root(root)) for root in roots]
        try:
            left = self.deadline - asyncio.get_running_loop().time()
            await asyncio.wait(tasks, timeout=max(0.0, left * PATIENCE))
            early = [place for place, task in enumerate(tasks) if task.done()]
            late = [place for place, task in enumerate(tasks) if not task.done()]
            values: dict[int, Value] = {}

            async def complete(places: list[int]) -> None:
                answers = [await tasks[place] for place in places]
                filled = await self._completed([roots[place] for place in places], answers)
                values.update(zip(places, filled, strict=True))

            await asyncio.gather(*(complete(places) for places in (early, late) if places))
        finally:
            for task in tasks:
                task.cancel()
        return [values[place] for place in range(len(roots))]

    async def _completed(self, roots: list[Root], answers: list[Value]) -> list[Value]:
        """The answers of roots with their holes filled, as one wave after the other."""
        level = [
            (root.fetch, [answer])
            for root, answer in zip(roots, answers, strict=True)
            if root.fetch is not None
        ]
        given = iter([filled for (filled,) in await self._fill(level)])
        return [
            answer if root.fetch is None else next(given)
            for root, answer in zip(roots, answers, strict=True)
        ]

    async def rows(self, fetch: Fetch, keys: Sequence[Key]) -> list[Value]:
        """Rows by key, their holes filled: for references that plain resolvers returned."""
        answers = await self._by_key(fetch, keys)
        (filled,) = await self._fill([(fetch, answers)])
        return filled

    async def filled(self, fetch: Fetch, rows: list[Value]) -> list[Value]:
        """Rows that were read elsewhere, their holes filled."""
        (answers,) = await self._fill([(fetch, rows)])
        return answers

    async def _root(self, root: Root) -> Value:  # noqa: PLR0911 - one return per way to read one
        if root.entities is not None and root.key_spec is not None:
            return await self._entities(root, root.entities, self.values[root.key_spec])
        fetch = root.fetch
        if fetch is None:
            return root.constant
        try:
            if fetch.guard is not None:
                fetch.guard(self.values[VIEWER_SPEC])
            if fetch.ranked is not None:
                given = arguments_of(fetch, self.values)
                return await self._reads(fetch).single(fetch.prepared, given, self.deadline)
            if root.part is not None:
                return self.whole((await self._parts(fetch, root.parts))[root.part], fetch)
            if root.key_spec is None:
                return await self._single(fetch)
            (answer,) = await self._by_key(fetch, (self.values[root.key_spec],))
            return self.whole(answer, fetch)
        except Exception as error:  # noqa: BLE001 - one root's failure is that root's alone
            return ours(error)

    async def _single(self, fetch: Fetch) -> Value:
        """The one value of a fetch without keys."""
        arguments = fetch.arguments(self.values)
        if fetch.caching is not None and self.cache is not None:
            slot = self.cache.at_hand(fetch, arguments)
            if slot is not None:
                return slot.value
        value = await self._reads(fetch).single(fetch.prepared, arguments, self.deadline)
        return self.whole(value, fetch)

    async def _entities(
        self, root: Root, fetches: Mapping[str, Fetch], given: Sequence[Representation]
    ) -> bytes:
        """A list of rows of several types, in the order of their representations."""
        places: dict[str, list[int]] = {label: [] for label in fetches}
        for place, one in enumerate(given):
            if one.label is not None:
                places[one.label].append(place)
        answers = await asyncio.gather(
            *(
                self._rows_or_error(fetch, [given[place].key for place in places[name]])
                for name, fetch in fetches.items()
            )
        )
        filled = await self._fill(list(zip(fetches.values(), answers, strict=True)))
        written = [b"null"] * len(given)
        for (name, fetch), rows in zip(fetches.items(), filled, strict=True):
            for place, row in zip(places[name], rows, strict=True):
                written[place] = self._written(row, fetch)
                if root.believes and given[place].believed and isinstance(row, bytes):
                    written[place] = believing(row, given[place].believed)
        for place, one in enumerate(given):
            if one.wrong is not None:
                written[place] = self.failures.mark(one.wrong, root.field)
        return b"[" + b",".join(written) + b"]"

    async def _rows_or_error(self, fetch: Fetch, keys: Sequence[Key]) -> list[Value]:
        try:
            return await self._by_key(fetch, keys)
        except Exception as error:  # noqa: BLE001 - the rows of this type fail, no others
            return [ours(error)] * len(keys)

    async def _parts(self, fetch: Fetch, count: int) -> list[Value]:
        """The values of all root fields that share a fetch, which is made once."""
        if count == 1:
            return await self._by_key(fetch, _FIRST_PART)
        together = self.shared.get(fetch.prepared)
        if together is None:
            keys = [(part,) for part in range(count)]
            together = asyncio.ensure_future(self._by_key(fetch, keys))
            self.shared[fetch.prepared] = together
        return await together

    async def _by_key(self, fetch: Fetch, keys: Sequence[Key]) -> list[Value]:
        given = arguments_of(fetch, self.values)
        values = await self._reads(fetch).by_key(fetch.prepared, keys, given, self.deadline)
        if fetch.holes and any(type(value) is Pieces for value in values):
            return [self.whole(value, fetch) for value in values]
        return values

    def _reads(self, fetch: Fetch) -> Groups | OperationReads | FetchReads | RankedReads:
        """Where a fetch is read: the cache, where it may be kept and there is one.

        Else its source, to which it may travel with others once a wave has had several.
        """
        if fetch.ranked is not None:
            return self._ranked(fetch, fetch.ranked)
        if fetch.caching is None or self.cache is None:
            return self.reads or self.groups[fetch.prepared.source]
        return self.cache.reads(fetch)

    def _ranked(self, fetch: Fetch, ranked: Ranked) -> FetchReads | RankedReads:
        """Where a vector search is read that rows take part in; one that is traced is run."""
        if fetch.caching is None or self.cache is None or self.trace.wanted:
            return RankedReads(fetch, ranked, lambda _: self._together())
        reads = partial(self._operation_reads, self.cache.owner.groups)
        return self.cache.reads(fetch, RankedReads(fetch, ranked, reads))

    def _together(self) -> OperationReads:
        """The reads of this operation, so that those of one moment travel together."""
        if self.reads is None:
            self.reads = self._operation_reads(self.groups, self.deadline)
        return self.reads

    def _operation_reads(self, groups: Mapping[str, Groups], deadline: float) -> OperationReads:
        tactics = self.tactics or Tactics()
        return OperationReads(groups, self.values, deadline, tactics, self.trace)

    async def _fill(self, level: Sequence[tuple[Fetch, list[Value]]]) -> list[list[Value]]:
        """The same answers with their holes filled."""
        calls: dict[tuple[Any, ...], Call] = {}
        cuts: list[list[tuple[list[bytes], list[Call]] | None]] = []
        for fetch, answers in level:
            by_slot = [self._call(hole, calls) for hole in fetch.holes]
            cuts.append([split(answer, by_slot) for answer in answers])
        if not calls:
            return [answers for _, answers in level]
        asked = [call for call in calls.values() if call.payloads]
        if len(asked) == 1:
            results = [await self._ask(asked[0])]
        else:
            self._together()
            results = await asyncio.gather(*map(self._ask, asked))
        await fair()
        deeper = await self._fill(
            [(call.fetch, result) for call, result in zip(asked, results, strict=True)]
        )
        for call, result in zip(asked, deeper, strict=True):
            fetch = call.fetch
            written = [
                value if type(value) is bytes else self._written(value, fetch) for value in result
            ]
            call.filled = dict(zip(call.payloads, written, strict=True))
        return [
            [
                answer if opened is None else joined(*opened)
                for answer, opened in zip(answers, openings, strict=True)
            ]
            for (_, answers), openings in zip(level, cuts, strict=True)
        ]

    def _call(self, hole: Fetch, calls: dict[tuple[Any, ...], Call]) -> Call:
        arguments = hole.arguments(self.values)
        same = (hole.prepared, identity(arguments))
        call = calls.get(same)
        if call is None:
            call = calls[same] = Call(hole, arguments)
        return call

    async def _ask(self, call: Call) -> list[Value]:
        try:
            keys = call.keys()
            found = await self._by_key(call.fetch, [key for key in keys if key is not None])
            if None not in keys:
                return found
            given = iter(found)
            return [None if key is None else next(given) for key in keys]
        except Exception as error:  # noqa: BLE001 - the fields of this call fail, no others
            return [ours(error)] * len(call.payloads)

    def whole(self, value: Value, fetch: Fetch) -> Value:
        """The value with a marker wherever a place in it failed."""
        if not isinstance(value, Pieces):
            return value
        return b"".join(
            [
                one if isinstance(one, bytes) else self.failures.mark(one, fetch.field)
                for one in value
            ]
        )

    def _written(self, value: Value, fetch: Fetch) -> bytes:
        value = self.whole(value, fetch)
        if isinstance(value, PlaitError):
            return self.failures.mark(value, fetch.field)
        return value if isinstance(value, bytes) else b"null"
