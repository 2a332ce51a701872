"""The engine and its sources, counted: what stands in their place where metrics are wanted.

Where they are not, none of this is there.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from gateway.errors import PlaitError
from gateway.execution.engine import Engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from gateway.execution.exchange import Answer, GraphQLRequest
    from gateway.sources.contract import Batch, Budget, Value
    from gateway.telemetry.counters import Counters, SourceCounters
    from gateway.viewer import Viewer

_UNKNOWN = "unknown"


class MeteredEngine(Engine):
    """An engine whose answers are counted."""

    def __init__(self, *collaborators: Any, counters: Counters, **options: Any) -> None:
        super().__init__(*collaborators, **options)
        self.counters = counters

    async def answer(self, request: GraphQLRequest, viewer: Viewer, **options: Any) -> Answer:
        """As of `Engine`."""
        counters = self.counters
        counters.in_flight += 1
        started = perf_counter()
        answer = None
        try:
            answer = await Engine.answer(self, request, viewer, **options)
        finally:
            counters.in_flight -= 1
            if answer is None:
                counters.abandoned += 1
        ran, codes = answer.operation, answer.codes
        counters.answered(
            _UNKNOWN if ran is None else ran.kind,
            "ok" if not codes else "partial" if answer.executed else "refused",
            perf_counter() - started,
            codes,
        )
        return answer


class MeteredSource:
    """A source as its queue of reads sees it, counted."""

    def __init__(self, source: Any, counters: SourceCounters) -> None:
        self.name: str = source.name
        self.concurrency: int = source.concurrency
        self._source = source
        self._counters = counters

    async def execute(self, prepared: Any, batch: Batch, budget: Budget) -> Sequence[Value]:
        """As of the source."""
        counters = self._counters
        started = perf_counter()
        try:
            values: Sequence[Value] = await self._source.execute(prepared, batch, budget)
        except PlaitError as error:
            counters.failures[error.code] += 1
            raise
        finally:
            counters.seconds.observe(perf_counter() - started)
        if batch.keys:
            counters.keys.observe(len(batch.keys))
        return values


@contextmanager
def counted_write(counters: SourceCounters) -> Iterator[None]:
    """Counts a write: how long it took, how it failed."""
    started = perf_counter()
    try:
        yield
    except PlaitError as error:
        counters.failures[error.code] += 1
        raise
    finally:
        counters.writes.observe(perf_counter() - started)


class WatchedWriter:
    """A source as mutations see it: `watch` encloses whatever they await or enter of it.

    It is given the name of what they call.
    """

    def __init__(self, source: Any, watch: Callable[[str], AbstractContextManager[None]]) -> None:
        self._source = source
        self._watch = watch

    def __getattr__(self, verb: str) -> Any:
        found = getattr(self._source, verb)
        if not callable(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            work = found(*arguments, **options)
            if hasattr(work, "__aenter__"):
                return self._entered(work, verb)
            return self._awaited(work, verb) if hasattr(work, "__await__") else work

        return call

    async def _awaited(self, work: Any, verb: str) -> Any:
        with self._watch(verb):
            return await work

    @asynccontextmanager
    async def _entered(self, work: Any, verb: str) -> AsyncIterator[Any]:
        with self._watch(verb):
            async with work as session:
                yield session
