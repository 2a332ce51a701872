"""Traces of requests by OpenTelemetry: request → document → plan → each fetch.

A span says what kind of thing was done, for how long and with which codes; it never holds a
document, a variable, a key or the text of an exception. Loaded only where traces are wanted: the
SDK is the extra `otel`.
"""

from __future__ import annotations

from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigurationError
from gateway.telemetry.propagation import carry

try:
    from opentelemetry import context as contexts
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError as missing:
    raise ConfigurationError(
        "telemetry.traces (PLAIT_TELEMETRY_TRACES) needs OpenTelemetry; install `plait[otel]`."
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span


_INCOMING = frozenset({b"traceparent", b"tracestate"})
_EXPORT_SECONDS = 5.0
_MOST_HEADER_BYTES = 1_024

MAX_SPANS = 4_096
"""Spans that wait for the collector; more are dropped."""


class Tracing:
    """Makes spans and sends them to a collector, from a thread of its own.

    `endpoint`: where it takes OTLP over HTTP. `service`: what we are called there. `ratio`: the
    part of the requests that is traced, of those whose caller did not decide that. `places`: where
    each source is, by its name. `exporter`: where spans go instead.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        service: str,
        ratio: float,
        places: Mapping[str, Mapping[str, str | int]] | None = None,
        exporter: SpanExporter | None = None,
    ) -> None:
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource.create(
                {"service.name": service, "service.version": version("plait")}
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter or OTLPSpanExporter(endpoint, timeout=_EXPORT_SECONDS),
                max_queue_size=MAX_SPANS,
            )
        )
        self._places = places or {}
        self._tracer = self._provider.get_tracer("plait")
        self._propagator = TraceContextTextMapPropagator()

    def receive(self, lines: Sequence[tuple[bytes, bytes]]) -> None:
        """What is traced in this task belongs to the trace that a request's headers name, if any.

        Headers that are not what W3C Trace Context says count as none.
        """
        found = {
            name.decode(): value.decode("latin-1")
            for name, value in lines
            if name in _INCOMING and len(value) <= _MOST_HEADER_BYTES
        }
        contexts.attach(self._propagator.extract(found, contexts.Context()))

    @contextmanager
    def request(self) -> Iterator[Span]:
        """The span of a whole request."""
        with self._tracer.start_as_current_span(
            "GraphQL Operation",
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span

    @contextmanager
    def step(
        self,
        name: str,
        attributes: Mapping[str, Any] | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Iterator[Span]:
        """The span of a part of it; an exception ends it with the exception's code."""
        with self._tracer.start_as_current_span(
            name,
            kind=kind,
            attributes=dict(attributes or {}),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except Exception as error:
                fail(span, getattr(error, "code", type(error).__name__))
                raise

    @contextmanager
    def call(
        self, source: str, attributes: Mapping[str, Any], kind: str = "fetch"
    ) -> Iterator[None]:
        """The span of a call to a source, which goes on where the source is traced too.

        What reads of a database is named as OpenTelemetry's conventions for those have it.
        """
        told = {"plait.source": source, **self._places.get(source, {}), **attributes}
        system = told.get("db.system.name")
        name = f"{kind} {source}"
        if system is not None and kind == "fetch":
            name = told.get("db.query.summary") or told.get("db.collection.name") or system
        with self.step(name, told, SpanKind.CLIENT):
            headers: dict[str, str] = {}
            self._propagator.inject(headers)
            carry(headers)
            yield

    def close(self) -> None:
        """Send what waits and stop; bounded in time, and blocking: for another thread."""
        self._provider.shutdown()


def fail(span: Span, code: str) -> None:
    """Mark a span as failed with a code."""
    span.set_attribute("error.type", str(code))
    span.set_status(Status(StatusCode.ERROR, str(code)))
