"""Live queries: a query that is answered again whenever what it reads has changed.

    listen → read → change → throttle → who asks, now? → read anew → differs? → the next answer

A change only says when to look, to those whose answer it may concern (`gateway.execution.wakes`);
whether there is anything new, the answer's bytes tell. Live queries of one throttle look at the
same moments, and equal reads of the same moment are one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import get_directive_values

from gateway.caching.dependencies import Dependencies
from gateway.errors import Code, InputError, SourceUnavailable
from gateway.execution.engine import PLANNED
from gateway.execution.shown import ShownWaves
from gateway.execution.wakes import Wakes
from gateway.schema.subscriptions import LIVE
from gateway.sources.changes import told_as
from gateway.sources.contract import Bound
from gateway.turns import fair

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping

    from gateway.documents.store import Operation
    from gateway.execution.engine import Engine
    from gateway.execution.exchange import Answer
    from gateway.execution.standing import Live, Ready, Standing
    from gateway.execution.subscribing_events import EventSources
    from gateway.execution.wakes import Bell
    from gateway.planning.steps import Fetch

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


def liveness_of(engine: Engine, operation: Operation, given: Mapping[str, Any]) -> Liveness | None:
    """What `@live` says, None where it is off. Raises InputError."""
    planned = operation.plans.get(PLANNED) or engine.prepare(operation)
    variables = planned.coercer.coerce(given).whole()
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

    def __init__(self, standing: Standing, events: EventSources) -> None:
        self._standing = standing
        self._events = events
        self._catalog = standing.engine.api.catalog
        self._dependencies = Dependencies(self._catalog.entities)
        self._wakes = Wakes(events, self._dependencies)

    async def answers(
        self, ready: Ready, liveness: Liveness, live: Live
    ) -> AsyncGenerator[Answer, None]:
        """The answers to a query, the first at once; those that say nothing new are left out.

        Raises InputError where changes of something it reads are not told and it does not poll,
        SourceUnavailable where the changes end.
        """
        clock = asyncio.get_running_loop().time
        told: bytes | None = None
        while True:
            planned = ready
            tables = await self._tables(planned, polls=liveness.poll is not None)
            whole = self._dependencies.of_read(chain.from_iterable(tables.values())).tags
            with self._wakes.bell(tables, whole) as bell:
                while ready is planned:
                    answer = await self._look(ready, bell)
                    if answer.body != told:
                        told = answer.body
                        yield answer
                    failed = not _PASSING.isdisjoint(answer.codes)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_AGAIN if failed else liveness.poll):
                            await bell.wait()
                    if bell.ended:
                        raise SourceUnavailable("The change feed was closed.")
                    # By the clock, so that equal queries wake together.
                    await asyncio.sleep(liveness.throttle - clock() % liveness.throttle)
                    await fair()
                    ready = await self._standing.renewed(ready, live)

    async def _look(self, ready: Ready, bell: Bell) -> Answer:
        """The answer where what was committed before is seen; the bell hangs on what it shows."""
        engine, deadline = self._standing.engine, self._standing.deadline()
        waves = ShownWaves(engine.fresh, ready.values, deadline, self._catalog, self._dependencies)
        waves.tactics = engine.tactics
        self._wakes.reading(bell)
        answer = await self._standing.answered(ready, waves)
        judged = _is_judged(ready) and not answer.codes
        self._wakes.shown(bell, waves.tags if judged else bell.whole)
        return answer

    async def _tables(self, ready: Ready, *, polls: bool) -> Mapping[str, set[str]]:
        """The watched tables that a plan reads, by source."""
        heard: dict[str, set[str]] = {}
        deaf = {} if ready.outline.whole else {"what resolvers of its own give": None}
        for fetch in _fetches(fetch for root in ready.plan.roots for fetch in root.fetches):
            source, read = fetch.prepared.source, _read(fetch)
            missing = await self._events.unwatched(source, read, self._standing.deadline())
            if missing or not read or fetch.ranked is not None:
                tables = f" ({', '.join(sorted(missing))})" if missing else ""
                deaf[f"`{fetch.field.name}`{tables}"] = None
            if told := read - missing:
                heard.setdefault(source, set()).update(told)
        if deaf and not polls:
            raise InputError(
                f"`@live` does not hear of changes in {', '.join(deaf)}: only watched tables tell "
                "of theirs. Leave that out, or look by the clock as well: `@live(poll: 5000)`."
            )
        return heard


def _is_judged(ready: Ready) -> bool:
    """Whether the waves know of all that an answer shows."""
    roots = ready.plan.roots
    return ready.outline.whole and not any(
        root.entities or any(fetch.ranked for fetch in _fetches(root.fetches)) for root in roots
    )


def _fetches(given: Iterable[Fetch]) -> Iterator[Fetch]:
    for fetch in given:
        yield fetch
        yield from _fetches(fetch.holes)


def _read(fetch: Fetch) -> set[str]:
    """The tables it reads, by the feed's names; none where that is not known."""
    tables = fetch.prepared.tables if isinstance(fetch.prepared, Bound) else ()
    return {told_as(table) for table in tables}
