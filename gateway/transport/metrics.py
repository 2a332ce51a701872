"""Figures for Prometheus: named and labelled when they are asked for, by a collector of our own.

Loaded only where metrics are wanted, and with it prometheus_client.
"""

from __future__ import annotations

import hmac
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import Route

from gateway.telemetry.counters import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from gateway.telemetry.counters import Family

PATH = "/metrics"
_PLAIN = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "unknown": UnknownMetricFamily,
}


def metrics_route(figures: Callable[[], Iterable[Family]], token: str = "") -> BaseRoute:
    """`/metrics`; with a `token`, for those who bear it."""
    registry = CollectorRegistry()
    registry.register(_Figures(figures))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)

    async def metrics(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            fault = ', error="invalid_token"' if given else ""
            challenge = {"www-authenticate": f'Bearer realm="metrics"{fault}'}
            return Response(status_code=401, headers=challenge)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return Route(PATH, metrics, methods=["GET"])


class _Figures(Collector):
    """Figures as Prometheus's client library takes them."""

    def __init__(self, figures: Callable[[], Iterable[Family]]) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is differs with what is configured."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All figures as they are now."""
        for family in self._figures():
            labels = sorted({name for own, _ in family.samples for name in own})
            kind = _PLAIN.get(family.kind, HistogramMetricFamily)
            metric = kind(family.name, family.meaning, labels=labels)
            for own, value in family.samples:
                values = [own[name] for name in labels]
                if isinstance(value, Histogram):
                    metric.add_metric(values, buckets=_buckets(value), sum_value=value.total)
                else:
                    metric.add_metric(values, value)
            yield metric


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative counts, as Prometheus has them."""
    bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))
