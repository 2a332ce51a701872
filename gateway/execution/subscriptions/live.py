"""Live queries: a query that is answered again whenever what it reads has changed.

    listen → read → change → throttle → who asks, now? → read anew → differs? → the next answer

A change only says when to look, to those whose answer it may concern (`watches.py`); whether there
is anything new, the answer's bytes tell. Live queries of one throttle look at the same moments, and
equal reads of the same moment are one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import get_directive_values

from gateway.caching.answers import Loaded
from gateway.caching.dependencies import Dependencies
from gateway.caching.function import CALLED
from gateway.errors import Code, InputError, SourceUnavailable
from gateway.execution.cache.marks import unmarked
from gateway.execution.coercing import coerced
from gateway.execution.planned import PLANNED
from gateway.execution.subscriptions.watches import Watches
from gateway.execution.waves import Waves
from gateway.planning.steps import Verb
from gateway.schema.subscriptions import LIVE
from gateway.sources.changes import told_as
from gateway.sources.contract import Bound
from gateway.turns import fair

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence

    from gateway.caching.dependencies import Read
    from gateway.documents.store import Operation
    from gateway.execution.engine import Engine
    from gateway.execution.exchange import Answer
    from gateway.execution.groups import Groups
    from gateway.execution.planned import PlannedRequest
    from gateway.execution.subscriptions.events import EventSources
    from gateway.execution.subscriptions.open_operation import OpenOperation
    from gateway.execution.subscriptions.watches import Watch
    from gateway.execution.waves import Values
    from gateway.planning.steps import Fetch
    from gateway.schema.catalog import Catalog
    from gateway.sources.contract import Key, Value

_THROTTLES, _POLLS = range(10, 3_600_001), range(1_000, 3_600_001)
"""Milliseconds."""
_AGAIN = 2.0
"""Seconds until it looks again where a source failed: nobody tells that it is back."""
_PASSING = frozenset({Code.SOURCE_UNAVAILABLE, Code.SOURCE_TIMEOUT, Code.SOURCE_OVERLOADED})


class Liveness(NamedTuple):
    """Seconds: answers come at multiples of `throttle`; at most `poll` lies between two looks."""

    throttle: float
    poll: float | None


def is_live(operation: Operation) -> bool:
    """Whether a query has `@live`, if maybe not for all variables."""
    return operation.kind == "query" and any(
        directive.name.value == LIVE for directive in operation.node.directives or ()
    )


async def liveness_of(
    engine: Engine, operation: Operation, given: Mapping[str, Any], deadline: float
) -> Liveness | None:
    """What `@live` says, None where it is off. Raises InputError, and as `Beside.made`."""
    planned = operation.plans.get(PLANNED) or engine.prepare(operation)
    variables = (await coerced(planned.coercer, given, engine.beside, deadline)).whole()
    directive = engine.api.catalog.schema.get_directive(LIVE)
    said = directive and get_directive_values(directive, operation.node, variables)
    if not said or not said["if"]:
        return None
    throttle, poll = said["throttle"], said.get("poll")
    for name, time, taken in (("throttle", throttle, _THROTTLES), ("poll", poll, _POLLS)):
        if time is not None and time not in taken:
            bounds = f"{taken[0]} to {taken[-1]} milliseconds"
            raise InputError(f"`@live({name}:)` is {time}; it takes {bounds}.")
    return Liveness(throttle / 1_000, None if poll is None else poll / 1_000)


class LiveQueries:
    """Answers live queries, as they stand, when sources of events tell of a change."""

    def __init__(self, engine: Engine, events: EventSources) -> None:
        self._catalog = engine.api.catalog
        self._cached = engine.cached
        self._events = events
        self._dependencies = Dependencies(self._catalog.entities)
        self._watches = Watches(events, self._dependencies)
        if self._cached is not None:
            self._cached.cache.follow(self._watches.named)

    async def answers(
        self, opened: OpenOperation, liveness: Liveness
    ) -> AsyncGenerator[Answer, None]:
        """The answers to a query, the first at once; those that say nothing new are left out.

        Raises InputError where changes of something it reads are not told and it does not poll,
        SourceUnavailable where the changes end.
        """
        clock = asyncio.get_running_loop().time
        told: bytes | None = None
        while True:
            planned = opened.planned
            sources = await self._sources(opened, polls=liveness.poll is not None)
            tables = chain.from_iterable(map(_read, _fetches_of(planned)))
            with self._watches.watch(sources, self._dependencies.of_read(tables).tags) as watch:
                while opened.planned is planned:
                    answer = await self._look(opened, watch)
                    if answer.body != told:
                        told = answer.body
                        yield answer
                    failed = not _PASSING.isdisjoint(answer.codes)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_AGAIN if failed else liveness.poll):
                            await watch.wait()
                    if watch.ended:
                        raise SourceUnavailable("The change feed was closed.")
                    # By the clock, so that equal queries wake together.
                    await asyncio.sleep(liveness.throttle - clock() % liveness.throttle)
                    await fair()
                    await opened.renew()

    async def _look(self, opened: OpenOperation, watch: Watch) -> Answer:
        """The answer where what was committed before is seen; the watch is on what it shows."""
        engine, planned = opened.engine, opened.planned
        waves = ShownWaves(
            engine.fresh, planned.values, opened.deadline(), self._catalog, self._dependencies
        )
        waves.tactics = engine.tactics
        self._watches.reading(watch)
        called: set[str] = set()
        gathering = CALLED.set(called)
        try:
            answer = await opened.answered(waves)
        finally:
            CALLED.reset(gathering)
        judged = _is_judged(planned) and not answer.codes
        declared = called.union(self._declared(planned))
        self._watches.shown(watch, waves.tags if judged else watch.whole, declared)
        return answer

    def _declared(self, planned: PlannedRequest) -> Iterator[str]:
        """The tags that the declarations of fields name, and collections of points."""
        for policy in planned.outline.plain:
            yield from policy.tags
        for fetch in _fetches_of(planned):
            if fetch.caching is not None and self._cached is not None:
                yield from self._cached.known(fetch).read.tags

    async def _sources(self, opened: OpenOperation, *, polls: bool) -> set[str]:
        """The sources that tell of changes in what a plan reads."""
        planned = opened.planned
        telling: set[str] = set()
        deaf = {} if planned.outline.whole else {"what resolvers of its own give": None}
        for fetch in _fetches_of(planned):
            source, read = fetch.prepared.source, _read(fetch)
            missing = await self._events.unwatched(source, read, opened.deadline())
            if missing or not read or fetch.ranked is not None:
                tables = f" ({', '.join(sorted(missing))})" if missing else ""
                deaf[f"`{fetch.field.name}`{tables}"] = None
            if read - missing:
                telling.add(source)
        if deaf and not polls:
            raise InputError(
                f"`@live` does not hear of changes in {', '.join(deaf)}: only watched tables tell "
                "of theirs. Leave that out, or look by the clock as well: `@live(poll: 5000)`."
            )
        return telling


class ShownWaves(Waves):
    """The waves of a plan of marked requests (`Outline.marked`), past every cache.

    `tags`, once it has run: what bumps none of them changes nothing of the answer, if no part of
    it failed and rows and lists are all it is made of.
    """

    __slots__ = ("_catalog", "_dependencies", "tags")

    def __init__(
        self,
        groups: Mapping[str, Groups],
        values: Values,
        deadline: float,
        catalog: Catalog,
        dependencies: Dependencies,
    ) -> None:
        super().__init__(groups, values, deadline)
        self._catalog = catalog
        self._dependencies = dependencies
        self.tags: set[str] = set()

    async def _single(self, fetch: Fetch) -> Value:
        return self._shown(fetch, (), [await super()._single(fetch)])[0]

    async def _by_key(self, fetch: Fetch, keys: Sequence[Key]) -> list[Value]:
        return self._shown(fetch, keys, await super()._by_key(fetch, keys))

    def _shown(self, fetch: Fetch, keys: Sequence[Key], values: list[Value]) -> list[Value]:
        """The values without their marks."""
        if fetch.verb not in {Verb.ROWS, Verb.PAGE, Verb.RELATED}:
            return values
        read = self._read(fetch)
        self.tags.update(read.tags)
        for key in keys:
            self.tags.update(read.of_key(key))
        if not read.types:
            return values
        found = [unmarked(value, read.types) for value in values]
        for one in found:
            if isinstance(one, Loaded):
                self.tags.update(one.tags)
        return [one.value if isinstance(one, Loaded) else one for one in found]

    def _read(self, fetch: Fetch) -> Read:
        asked: Any = fetch.prepared
        entities = self._catalog.entities
        row = entities.get(fetch.entity or "") if fetch.verb is Verb.ROWS else None
        return self._dependencies.of_read(asked.tables, row, asked.marks, asked.exact)


def _is_judged(planned: PlannedRequest) -> bool:
    """Whether the waves know of all that an answer shows."""
    roots = planned.plan.roots
    return planned.outline.whole and not any(
        root.entities or any(fetch.ranked for fetch in _fetches(root.fetches)) for root in roots
    )


def _fetches_of(planned: PlannedRequest) -> Iterator[Fetch]:
    return _fetches(fetch for root in planned.plan.roots for fetch in root.fetches)


def _fetches(given: Iterable[Fetch]) -> Iterator[Fetch]:
    for fetch in given:
        yield fetch
        yield from _fetches(fetch.holes)


def _read(fetch: Fetch) -> set[str]:
    """The tables it reads, by the feed's names; none where that is not known."""
    tables = fetch.prepared.tables if isinstance(fetch.prepared, Bound) else ()
    return {told_as(table) for table in tables}
