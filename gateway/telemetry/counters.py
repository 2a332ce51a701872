"""What a process has done so far, as plain numbers: counted as it happens, told when asked.

Counting is the hot path's business, so there are attributes and lists here and no labels; whoever
asks for the figures (`gateway.transport.metrics`) pays for putting names to them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the buckets of durations."""
HTTP_SECONDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
"""Those that OpenTelemetry advises for HTTP requests."""
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Upper bounds of the buckets of keys; the last is what one execution takes by default."""


class Histogram:
    """How often values lay below each of `bounds`; the last of `counts` is beyond them all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


Labels: TypeAlias = "Mapping[str, str]"


class Family(NamedTuple):
    """One figure under all its labels. `unknown`: a gauge or a counter, as its source has it."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "unknown"]
    meaning: str
    samples: Sequence[tuple[Labels, float | Histogram]]


class SourceCounters:
    """Calls to one source: how long they took, how many keys they had, how they failed."""

    __slots__ = ("failures", "keys", "seconds", "writes")

    def __init__(self) -> None:
        self.seconds = Histogram(SECONDS)
        self.writes = Histogram(SECONDS)
        self.keys = Histogram(SIZES)
        self.failures: Counter[str] = Counter()


class Traffic:
    """What transport sees of clients beside the requests that the engine answers.

    Labels of connections, answers and slow clients are `websocket`, `sse` and `multipart`.
    """

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.connections: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.slow: Counter[str] = Counter()
        self._responses: dict[tuple[str, str, str, str], Histogram] = {}

    def responded(self, labels: tuple[str, str, str, str], seconds: float) -> None:
        """Count a response, by method, route, scheme and status."""
        histogram = self._responses.get(labels)
        if histogram is None:
            histogram = self._responses[labels] = Histogram(HTTP_SECONDS)
        histogram.observe(seconds)

    def families(self) -> list[Family]:
        """All of it, with names and labels."""
        by_transport: list[tuple[str, Literal["counter", "gauge"], str, Counter[str]]] = [
            ("plait_connections", "gauge", "WebSockets and event streams now.", self.connections),
            ("plait_answers_sent", "counter", "Answers that went out on them.", self.sent),
            ("plait_slow_clients", "counter", "Those cut off, as nobody read them.", self.slow),
        ]
        return [
            Family(
                "plait_refused",
                "counter",
                "Requests refused before the engine saw them, by code.",
                [({"code": code}, float(count)) for code, count in self.refused.items()],
            ),
            *(
                Family(name, kind, meaning, [({"transport": t}, float(n)) for t, n in own.items()])
                for name, kind, meaning, own in by_transport
            ),
            Family(
                "http_server_request_duration_seconds",
                "histogram",
                "Duration of HTTP server requests.",
                [(_http_labels(*labels), own) for labels, own in self._responses.items()],
            ),
        ]


def _http_labels(method: str, route: str, scheme: str, status: str) -> Labels:
    """OpenTelemetry's attributes as Prometheus writes them; an empty label counts as none."""
    return {
        "http_request_method": method,
        "http_response_status_code": status,
        "http_route": route,
        "url_scheme": scheme,
        "error_type": status if status >= "500" else "",
    }


class Counters:
    """The requests of one gateway, and its calls to sources."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.abandoned = 0
        self.requests: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, Histogram] = {}
        self.errors: Counter[str] = Counter()
        self.sources: dict[str, SourceCounters] = {}

    def answered(self, kind: str, status: str, seconds: float, codes: Sequence[str]) -> None:
        """Count a request. `kind`: of its operation. `codes`: those of the errors it was told."""
        self.requests[kind, status] += 1
        histogram = self.seconds.get(kind)
        if histogram is None:
            histogram = self.seconds[kind] = Histogram(SECONDS)
        histogram.observe(seconds)
        if codes:
            self.errors.update(codes)

    def source(self, name: str) -> SourceCounters:
        """The counters of the source of that name."""
        return self.sources.setdefault(name, SourceCounters())

    def families(self) -> list[Family]:
        """All of it, with names and labels."""
        sources = self.sources.items()
        failures = [
            ({"source": name, "code": code}, float(count))
            for name, own in sources
            for code, count in own.failures.items()
        ]
        return [
            Family(
                "plait_requests",
                "counter",
                "GraphQL requests answered, by operation and status.",
                [
                    ({"operation": kind, "status": status}, float(count))
                    for (kind, status), count in self.requests.items()
                ],
            ),
            Family(
                "plait_request_seconds",
                "histogram",
                "Seconds from the whole request to its answer.",
                [({"operation": kind}, own) for kind, own in self.seconds.items()],
            ),
            Family(
                "plait_requests_in_flight",
                "gauge",
                "Requests being answered.",
                [({}, float(self.in_flight))],
            ),
            Family(
                "plait_requests_abandoned",
                "counter",
                "Requests whose client left, or that overran their deadline.",
                [({}, float(self.abandoned))],
            ),
            Family(
                "plait_errors",
                "counter",
                "Errors in answers, by code.",
                [({"code": code}, float(count)) for code, count in self.errors.items()],
            ),
            Family(
                "plait_source_read_seconds",
                "histogram",
                "Seconds of executions, by source.",
                [({"source": name}, own.seconds) for name, own in sources],
            ),
            Family(
                "plait_source_write_seconds",
                "histogram",
                "Seconds of writes and transactions, by source.",
                [({"source": name}, own.writes) for name, own in sources],
            ),
            Family(
                "plait_source_failures",
                "counter",
                "Executions and writes that failed, by source and code.",
                failures,
            ),
            Family(
                "plait_group_keys",
                "histogram",
                "Keys of executions that look up keys, by source.",
                [({"source": name}, own.keys) for name, own in sources],
            ),
        ]
