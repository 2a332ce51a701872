"""What came out: figures of single runs, their medians, ratios, and what was promised. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.workloads import (
    FLOOR,
    PLAIT,
    PROXIED_LIMIT_MS,
    RSS_LIMIT_MB,
    STRAWBERRY,
    WORKLOADS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.workloads import ServerName, Target

TIE = 0.05
"""Two latencies this close, as a share of the smaller, are the same latency on a shared machine."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One server under one workload: of a single round, or the medians of several.

    `rps` requests a second, `p50_ms` and `p99_ms` latency in milliseconds, `rss_mb` resident
    memory after the load in MB, `cpu_ms` the server's processor time a request. `spread` is
    the best round's requests a second over the worst one's.
    """

    workload: str
    server: ServerName
    rps: float
    p50_ms: float
    p99_ms: float
    rss_mb: float
    cpu_ms: float
    spread: float = 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of the table: Plait's requests a second beside its peers'; None was not measured."""

    workload: str
    plait: Figure
    strawberry: Figure | None
    floor: Figure | None
    target: Target | None

    def ratio(self, peer: ServerName) -> float | None:
        """How many times the peer's requests Plait answered."""
        other = {STRAWBERRY: self.strawberry, FLOOR: self.floor}[peer]
        return self.plait.rps / other.rps if other else None

    @property
    def met(self) -> bool | None:
        """Whether the promised ratio was reached; None where nothing was promised or measured."""
        if self.target is None:
            return None
        ratio = self.ratio(self.target.peer)
        return None if ratio is None else ratio >= self.target.ratio


GROUPING = "grouping"
PROXYING = "the gateway"


@dataclass(frozen=True, slots=True)
class Added:
    """What grouping adds to a request that is alone: latencies in ms by round, on and off.

    Or, where `what` says so, the gateway: latencies through it, and of the upstream itself.
    """

    workload: str
    grouped: tuple[float, ...]
    single: tuple[float, ...]
    what: str = GROUPING

    @property
    def added_ms(self) -> float:
        """The difference of the medians; negative when grouping was faster."""
        return median(self.grouped) - median(self.single)

    @property
    def measurable(self) -> bool:
        """Whether grouping was slower by more than the rounds differ among themselves."""
        spread = max(max(side) - min(side) for side in (self.grouped, self.single))
        return self.added_ms > max(spread, TIE * median(self.single))

    @property
    def met(self) -> bool:
        """Whether it adds as little as was promised: nothing measurable, or less than a bound."""
        if self.what == PROXYING:
            return self.added_ms < PROXIED_LIMIT_MS
        return not self.measurable


def medians(rounds: Sequence[Figure]) -> Figure:
    """The medians of one server's rounds under one workload; memory is the largest seen."""
    return Figure(
        workload=rounds[0].workload,
        server=rounds[0].server,
        rps=median(one.rps for one in rounds),
        p50_ms=median(one.p50_ms for one in rounds),
        p99_ms=median(one.p99_ms for one in rounds),
        rss_mb=max(one.rss_mb for one in rounds),
        cpu_ms=median(one.cpu_ms for one in rounds),
        spread=max(one.rps for one in rounds) / min(one.rps for one in rounds),
    )


def compare(figures: Iterable[Figure]) -> list[Comparison]:
    """A row for each workload under which Plait was measured, in the order of the workloads."""
    by_place = {(one.workload, one.server): one for one in figures}
    return [
        Comparison(
            workload=workload.name,
            plait=by_place[workload.name, PLAIT],
            strawberry=by_place.get((workload.name, STRAWBERRY)),
            floor=by_place.get((workload.name, FLOOR)),
            target=workload.target,
        )
        for workload in WORKLOADS
        if (workload.name, PLAIT) in by_place
    ]


def peak_rss_mb(figures: Iterable[Figure]) -> float:
    """The most memory Plait held after any load."""
    return max((one.rss_mb for one in figures if one.server == PLAIT), default=0.0)


def rss_met(figures: Iterable[Figure]) -> bool:
    """Whether Plait stayed under the promised memory."""
    return peak_rss_mb(figures) < RSS_LIMIT_MB


def spread(figures: Iterable[Figure]) -> float:
    """How far apart the rounds of one server under one workload lay at worst: 1 is not at all."""
    return max((one.spread for one in figures), default=1.0)


def records(figures: Iterable[Figure]) -> list[Mapping[str, Any]]:
    """The figures as `bench/out/results.json` holds them."""
    return [
        {
            "workload": one.workload,
            "server": one.server,
            "rps": round(one.rps, 1),
            "p50_ms": round(one.p50_ms, 3),
            "p99_ms": round(one.p99_ms, 3),
            "rss_mb": round(one.rss_mb, 1),
        }
        for one in figures
    ]
