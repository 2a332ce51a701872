"""Live queries: a query that is answered again whenever what it reads has changed.

    listen → read → change → throttle → who asks, now? → read anew → differs? → the next answer

A change of a table only says when to look; whether there is anything new, the answer's bytes tell.
Live queries of one throttle look at the same moments, and equal reads of the same moment are one.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import get_directive_values

from gateway.errors import Code, InputError, SourceUnavailable
from gateway.execution.engine import PLANNED
from gateway.execution.waves import Waves
from gateway.schema.subscriptions import LIVE
from gateway.sources.contract import Bound
from gateway.turns import fair

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping

    from gateway.documents.store import Operation
    from gateway.execution.engine import Engine
    from gateway.execution.exchange import Answer
    from gateway.execution.standing import Live, Ready, Standing
    from gateway.execution.subscribing_events import EventSources
    from gateway.planning.steps import Fetch
    from gateway.sources.changes import Events

_THROTTLES, _LEAST_POLL = range(10, 3_600_001), 1_000
"""Milliseconds."""


_AGAIN = 2.0
"""Seconds until it looks again where a source failed: nobody tells that it is back."""
_PASSING = frozenset({Code.SOURCE_UNAVAILABLE, Code.SOURCE_TIMEOUT, Code.SOURCE_OVERLOADED})


class Liveness(NamedTuple):
    """Seconds: answers come at multiples of `throttle`; at most `poll` lies between two looks."""

    throttle: float
    poll: float | None


class _Bell(asyncio.Event):
    """Set by each change. `ended`: none will come any more."""

    ended = False


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
    if throttle not in _THROTTLES:
        first, last = _THROTTLES[0], _THROTTLES[-1]
        raise InputError(
            f"`@live(throttle:)` is {throttle}; it takes {first} to {last} milliseconds."
        )
    if poll is not None and poll < _LEAST_POLL:
        raise InputError(f"`@live(poll:)` is {poll}; it takes {_LEAST_POLL} milliseconds or more.")
    return Liveness(throttle / 1_000, None if poll is None else poll / 1_000)


class LiveQueries:
    """Answers live queries, as they stand, when sources of events tell of a change."""

    def __init__(self, standing: Standing, events: EventSources) -> None:
        self._standing = standing
        self._events = events

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
            with self._listening(tables) as bell:
                while ready is planned:
                    bell.clear()
                    answer = await self._standing.answered(ready, self._waves(ready))
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

    def _waves(self, ready: Ready) -> Waves:
        """Reading where what was committed before is seen, and never a cache."""
        engine = self._standing.engine
        waves = Waves(engine.fresh, ready.values, (), self._standing.deadline())
        waves.tactics = engine.tactics
        return waves

    async def _tables(self, ready: Ready, *, polls: bool) -> Mapping[str, set[str]]:
        """The watched tables that a plan reads, by source."""
        heard: dict[str, set[str]] = {}
        deaf = {} if ready.outline.whole else {"what resolvers of its own give": None}
        for fetch in _fetches(fetch for root in ready.plan.roots for fetch in root.fetches):
            source, read = fetch.prepared.source, _read(fetch)
            missing = await self._events.unwatched(source, read, self._standing.deadline())
            if missing or not read:
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

    @contextmanager
    def _listening(self, tables: Mapping[str, set[str]]) -> Iterator[_Bell]:
        bell = _Bell()
        with ExitStack() as stack:
            for source, names in tables.items():
                if feed := self._events.feed(source):
                    events = stack.enter_context(feed.subscribe(names))
                    stack.callback(asyncio.ensure_future(_ring(events, bell)).cancel)
            yield bell


async def _ring(events: Events, bell: _Bell) -> None:
    async for _ in events:
        bell.set()
    bell.ended = True
    bell.set()


def _fetches(given: Iterable[Fetch]) -> Iterator[Fetch]:
    for fetch in given:
        yield fetch
        yield from _fetches(fetch.holes)


def _read(fetch: Fetch) -> set[str]:
    """The tables it reads, by the feed's names; none where that is not known."""
    tables = fetch.prepared.tables if isinstance(fetch.prepared, Bound) else ()
    return {table.removeprefix("public.") for table in tables}
