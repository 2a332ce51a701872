"""The quality of vector search, as `python -m bench quality` prints it: hits and graph."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import quality_hnsw, quality_search
from bench.report import grid_markdown
from bench.report import table as terminal_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.table import Table

    from bench.quality_hnsw import GraphQuality
    from bench.quality_measures import Score
    from bench.quality_search import ModeQuality
    from bench.report import Grid

BEGIN = "<!-- quality: begin (written by `make bench`) -->"
END = "<!-- quality: end -->"

HITS = ("", "recall@10", "MRR", "nDCG@10", "nDCG plain", "nDCG named")
GRAPH = ("hnsw_ef", "recall@10", "times as fast")


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the hits are by mode, and how much of the exact answer a graph finds."""

    modes: tuple[ModeQuality, ...]
    graph: GraphQuality


def evaluate(say: Callable[[str], None]) -> Quality:
    """Run it all over the demo's data: half a minute, or less when they are there already.

    Raises `ConfigurationError`, `ServerError`, `ReplyError`, `LoadError`.
    """
    with quality_search.staged(say) as stage:
        say("asking the judged queries")
        modes = quality_search.evaluate(stage)
        graph = asyncio.run(quality_hnsw.evaluate(stage.urls, say))
    return Quality(tuple(modes), graph)


def tables(quality: Quality) -> list[Table]:
    """For the terminal."""
    return [
        terminal_table(_hits_title(quality), HITS, _hits(quality)),
        terminal_table(_graph_title(quality.graph), GRAPH, _graph(quality.graph)),
    ]


def markdown(quality: Quality) -> str:
    """What stands between the markers of `docs/performance.md`.

    Without times, which depend on the machine.
    """
    graph = [row[:2] for row in _graph(quality.graph)]
    return "\n\n".join(
        [
            f"**{_hits_title(quality)}**",
            grid_markdown(HITS, _hits(quality)),
            f"**{_graph_title(quality.graph)}**",
            grid_markdown(GRAPH[:2], graph),
        ]
    )


def records(quality: Quality) -> list[Mapping[str, Any]]:
    """The figures as `bench/out/results.json` holds them."""
    hits = [
        {"workload": f"Q-{one.mode}", "server": "plait", **_measures(one.whole)}
        for one in quality.modes
    ]
    graph = [
        {"workload": f"Q-HNSW-{one.ef}", "server": "qdrant", "recall": round(one.recall, 4)}
        for one in quality.graph.widths
    ]
    return [*hits, *graph]


def _measures(score: Score) -> dict[str, float]:
    return {
        "recall": round(score.recall, 4),
        "mrr": round(score.mrr, 4),
        "ndcg": round(score.ndcg, 4),
    }


def _hits_title(quality: Quality) -> str:
    return f"Hits of {quality.modes[0].queries} judged queries, by mode"


def _graph_title(graph: GraphQuality) -> str:
    return f"HNSW over {graph.points:,} points beside exact search, {graph.queries} queries"


def _hits(quality: Quality) -> Grid:
    return [
        (
            one.mode,
            f"{one.whole.recall:.2f}",
            f"{one.whole.mrr:.2f}",
            f"{one.whole.ndcg:.2f}",
            f"{one.kinds['plain'].ndcg:.2f}",
            f"{one.kinds['named'].ndcg:.2f}",
        )
        for one in quality.modes
    ]


def _graph(graph: GraphQuality) -> Grid:
    return [(str(one.ef), f"{one.recall:.2f}", f"{one.speedup:.1f}") for one in graph.widths]
