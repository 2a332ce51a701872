"""The vector workloads' tables: for the terminal, for `docs/performance.md`, for the results."""

# ruff: noqa: RUF001 - ratios are written with a multiplication sign

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.figures import records as figure_records
from bench.report import ABSENT, grid_markdown, verdict
from bench.report import table as terminal_table
from bench.vectors import LAG_LIMIT_MS
from bench.vectors_figures import lag_met, longest_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from bench.figures import Figure
    from bench.report import Grid
    from bench.vectors_figures import VectorRow

BEGIN = "<!-- vector figures: begin (written by `make bench`) -->"
END = "<!-- vector figures: end -->"

HEAD = ("", "Plait", "client", "× client", "promised", "", "loop late, p99 / longest")
TIMES = ("", "Plait", "client")


def tables(rows: Sequence[VectorRow]) -> list[Table]:
    """For the terminal."""
    return [
        terminal_table("Searches a second", HEAD, throughput(rows)),
        terminal_table("p50 / p99 in ms · CPU-ms a search", TIMES, latency(rows)),
    ]


def markdown(rows: Sequence[VectorRow]) -> str:
    """What stands between the markers of `docs/performance.md`."""
    return "\n\n".join(
        [
            "**Searches a second** (medians)",
            grid_markdown(HEAD, throughput(rows)),
            "**p50 / p99 in ms · CPU-ms a search** (medians)",
            grid_markdown(TIMES, latency(rows)),
            "\n".join(f"- {line}" for line in notes(rows)),
        ]
    )


def throughput(rows: Sequence[VectorRow]) -> Grid:
    """Searches a second of both sides, their ratio, and how late the loop's timers were in ms."""
    return [
        (
            row.workload.name,
            f"{row.gateway.rps:,.0f}",
            f"{row.client.rps:,.0f}",
            f"{row.ratio:.2f}",
            ABSENT if row.workload.target is None else f"≥ {row.workload.target:g}",
            verdict(row.met),
            f"{row.lag.p99_ms:.1f} / {row.lag.longest_ms:.1f} ms",
        )
        for row in rows
    ]


def latency(rows: Sequence[VectorRow]) -> Grid:
    """p50 / p99 in ms and processor time a search, of both sides."""
    return [(row.workload.name, _times(row.gateway), _times(row.client)) for row in rows]


def notes(rows: Sequence[VectorRow]) -> list[str]:
    """The promise about the event loop, in a sentence."""
    busiest = max((row.lag.busiest_ms for row in rows), default=0.0)
    return [
        (
            f"Longest block of the gateway's event loop: {longest_ms(rows):.1f} ms, of which its "
            f"own work took at most {busiest:.1f} ms (promised: under {LAG_LIMIT_MS:.0f} ms): "
            f"{verdict(lag_met(rows))}."
        )
    ]


def records(rows: Sequence[VectorRow]) -> list[Mapping[str, Any]]:
    """The figures as `bench/out/results.json` holds them; the gateway's with its loop's lag."""
    found: list[Mapping[str, Any]] = []
    for row in rows:
        gateway, client = figure_records([row.gateway, row.client])
        lag = {
            "lag_ms": round(row.lag.longest_ms, 2),
            "lag_p99_ms": round(row.lag.p99_ms, 2),
            "lag_busy_ms": round(row.lag.busiest_ms, 2),
        }
        found += [{**gateway, **lag}, client]
    return found


def _times(figure: Figure) -> str:
    return f"{figure.p50_ms:.1f} / {figure.p99_ms:.1f} · {figure.cpu_ms:.2f}"
