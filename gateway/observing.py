"""What is counted and traced, put together from the settings; without them, nothing at all is.

The engine, its store of documents and its queues of reads are made here, plain or observed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.documents.store import DocumentStore
from gateway.execution.engine import Engine
from gateway.execution.groups import Groups
from gateway.telemetry.counters import Counters, Family

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from starlette.types import Scope

    from gateway.caching.cache import Cache
    from gateway.identity.identify import Identity
    from gateway.settings import Settings
    from gateway.sources.contract import Source
    from gateway.telemetry.tracing import Tracing
    from gateway.viewer import Viewer

    Identify = Callable[[Sequence[tuple[bytes, bytes]], Scope], Viewer | Awaitable[Viewer]]


class Observation:
    """Makes the parts that are observed where metrics or traces are wanted.

    `sources` are those that are asked. `counters` is None where neither is wanted, `tracing` where
    traces are not.
    """

    def __init__(self, settings: Settings, sources: Sequence[Source] = ()) -> None:
        telemetry = settings.telemetry
        self.counters: Counters | None = None
        self.tracing: Tracing | None = None
        self.engine: Callable[..., Engine] = Engine
        self.store: Callable[..., DocumentStore] = DocumentStore
        self._groups: Callable[..., Groups] = Groups
        if telemetry.metrics or telemetry.traces:
            from gateway.execution.metered import MeteredEngine  # noqa: PLC0415 - only where wanted

            self.counters = Counters()
            self.engine = partial(MeteredEngine, counters=self.counters)
        if telemetry.traces:
            from gateway.execution import traced  # noqa: PLC0415 - OpenTelemetry is an extra
            from gateway.telemetry.tracing import Tracing  # noqa: PLC0415

            self.tracing = Tracing(
                telemetry.traces,
                service=telemetry.service,
                ratio=telemetry.traces_ratio,
                places={source.name: source.place for source in sources},
            )
            wanted = {"tracing": self.tracing}
            self.engine = partial(traced.TracedEngine, counters=self.counters, **wanted)
            self.store = partial(traced.TracedStore, **wanted)
            self._groups = partial(traced.TracedGroups, **wanted)

    def groups(self, source: Any, **options: Any) -> Groups:
        """The queue of a source's reads."""
        if self.counters is None:
            return self._groups(source, **options)
        from gateway.execution.metered import MeteredSource  # noqa: PLC0415 - only where wanted

        return self._groups(MeteredSource(source, self.counters.source(source.name)), **options)

    def identify(self, identity: Identify) -> Identify:
        """What tells who sends a request, and learns of which trace it is a part."""
        tracing = self.tracing
        if tracing is None:
            return identity

        def identify(
            headers: Sequence[tuple[bytes, bytes]], scope: Scope
        ) -> Viewer | Awaitable[Viewer]:
            tracing.receive(headers)
            return identity(headers, scope)

        return identify

    def writer(self, source: Any) -> Any:
        """A source as mutations see it."""
        if self.counters is None:
            return source
        from gateway.execution.metered import WatchedWriter, counted_write  # noqa: PLC0415 - likewise

        counters, tracing = self.counters.source(source.name), self.tracing
        if tracing is not None:
            call = partial(tracing.call, source.name, kind="write")
            source = WatchedWriter(source, lambda verb: call({"plait.write": verb}))
        return WatchedWriter(source, lambda _: counted_write(counters))


def families(
    engine: Engine,
    sources: Mapping[str, Any],
    identity: Identity,
    cache: Cache | None,
) -> Iterator[Family]:
    """All figures of a gateway that is observed, but for those of its process."""
    counters: Counters = engine.counters  # type: ignore[attr-defined]  # an observed one
    yield from counters.families()
    yield from _documents(engine)
    yield from _groups(engine.groups)
    yield from _sources(sources)
    yield Family(
        "plait_credentials_refused",
        "counter",
        "Requests whose credentials were no good, by reason.",
        [({"reason": reason}, count) for reason, count in identity.figures().items()],
    )
    if cache is not None:
        yield from _cache(cache.figures())


_NAMED = ("hits", "misses", "registered", "refused")
_LIMITED = {
    "limited": "Requests refused for their rate.",
    "uncounted": "Requests whose client could not be counted.",
}


def request_families(
    named: Mapping[str, float], limited: Mapping[str, float] | None
) -> Iterator[Family]:
    """The figures of documents asked for by name, and of the rate limit where there is one."""
    outcomes = [({"outcome": outcome}, named[outcome]) for outcome in _NAMED]
    yield Family("plait_named_documents", "counter", "Documents asked for by name.", outcomes)
    if limited is not None:
        for figure, meaning in _LIMITED.items():
            yield Family(f"plait_rate_{figure}", "counter", meaning, [({}, limited[figure])])


def subscription_families(figures: Mapping[str, float]) -> Iterator[Family]:
    """The figures of `gateway.execution.subscriptions`, and of answers in parts."""
    yield Family(
        "plait_subscriptions", "gauge", "Subscriptions now.", [({}, figures["subscriptions"])]
    )
    yield Family(
        "plait_events",
        "counter",
        "Events of subscriptions that were answered.",
        [({}, figures["events"])],
    )
    yield Family(
        "plait_answers_open",
        "gauge",
        "Answers whose parts are on their way.",
        [({}, figures["open"])],
    )
    yield Family(
        "plait_answers_in_parts",
        "counter",
        "Answers that were given in parts.",
        [({}, figures["answers"])],
    )


def _documents(engine: Engine) -> Iterator[Family]:
    store = engine.store
    yield Family(
        "plait_documents", "gauge", "Documents kept, validated and planned.", [({}, len(store))]
    )
    yield Family(
        "plait_document_bytes", "gauge", "Memory they take, estimated.", [({}, store.weight)]
    )
    yield Family(
        "plait_documents_checked",
        "counter",
        "Documents that were not kept already.",
        [({}, store.checked)],
    )
    yield Family(
        "plait_plans_compiling",
        "gauge",
        "Plans, and checks of long documents, under way or in line.",
        [({}, len(engine.beside))],
    )


_GROUPS = (
    ("waiting", "gauge", "Calls that wait for a source."),
    ("flying", "gauge", "Executions under way."),
    ("sent", "counter", "Executions, by source."),
    ("joined", "counter", "Calls answered by the execution of another call."),
)


def _groups(groups: Mapping[str, Groups]) -> Iterator[Family]:
    found = {name: own.figures() for name, own in groups.items()}
    for figure, kind, meaning in _GROUPS:
        samples = [({"source": name}, own[figure]) for name, own in found.items()]
        yield Family(f"plait_group_{figure}", kind, meaning, samples)  # type: ignore[arg-type]


def _sources(sources: Mapping[str, Any]) -> Iterator[Family]:
    """What sources tell of themselves: pools, breakers, feeds."""
    by_figure: dict[str, list[tuple[dict[str, str], float]]] = {}
    for name, source in sources.items():
        tell = getattr(source, "figures", None)
        for figure, value in (tell() if tell else {}).items():
            by_figure.setdefault(figure, []).append(({"source": name}, value))
    for figure, samples in by_figure.items():
        meaning = f"`{figure}` of each source that has it."
        yield Family(f"plait_source_{figure}", "unknown", meaning, samples)


_CACHE_GAUGES = ("entries", "bytes", "flights")


def _cache(figures: Mapping[str, float]) -> Iterator[Family]:
    answers = [
        ({"state": state}, count) for state, count in figures.items() if state not in _CACHE_GAUGES
    ]
    yield Family("plait_cache_answers", "counter", "Answers, by where they came from.", answers)
    for name in _CACHE_GAUGES:
        meaning = f"`{name}` of the cache in this process."
        yield Family(f"plait_cache_{name}", "gauge", meaning, [({}, figures[name])])
