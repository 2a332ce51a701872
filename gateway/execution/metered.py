"""The engine and its sources, counted: what stands in their place where metrics are wanted.

Where they are not, none of this is there.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from gateway.errors import PlaitError
from gateway.execution.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from gateway.documents.store import Operation
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

    async def answer(  # noqa: PLR0913 - as of `Engine`
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        *,
        allow_mutations: bool,
        deadline: float,
        refresh: bool = False,
        operation: Operation | None = None,
    ) -> Answer:
        """As of `Engine`."""
        counters = self.counters
        counters.in_flight += 1
        started = perf_counter()
        answer = None
        try:
            answer = await Engine.answer(
                self,
                request,
                viewer,
                allow_mutations=allow_mutations,
                deadline=deadline,
                refresh=refresh,
                operation=operation,
            )
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


class MeteredWriter:
    """A source as mutations see it: whatever they call is counted as a write."""

    def __init__(self, source: Any, counters: SourceCounters) -> None:
        self._source = source
        self._counters = counters

    def __getattr__(self, verb: str) -> Any:
        found = getattr(self._source, verb)
        return _timed(found, self._counters) if callable(found) else found


def _timed(verb: Any, counters: SourceCounters) -> Any:
    def call(*arguments: Any, **options: Any) -> Any:
        done = verb(*arguments, **options)
        known = hasattr(done, "__await__") or hasattr(done, "__aenter__")
        return _Timed(done, counters) if known else done

    return call


class _Timed:
    """A write under way: something to await, or to enter and leave."""

    def __init__(self, work: Any, counters: SourceCounters) -> None:
        self._work = work
        self._counters = counters
        self._started = perf_counter()

    def __await__(self) -> Any:
        try:
            value = yield from self._work.__await__()
        except BaseException as error:
            self._end(error)
            raise
        self._end(None)
        return value

    async def __aenter__(self) -> Any:
        return await self._work.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Any:
        try:
            swallowed = await self._work.__aexit__(kind, error, trace)
        except BaseException as raised:
            self._end(raised)
            raise
        self._end(error)
        return swallowed

    def _end(self, error: BaseException | None) -> None:
        self._counters.writes.observe(perf_counter() - self._started)
        if isinstance(error, PlaitError):
            self._counters.failures[error.code] += 1
