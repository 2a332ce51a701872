"""The tables: for the terminal by rich, and for `docs/performance.md` as Markdown."""

# ruff: noqa: RUF001 - ratios are written with a multiplication sign, absence with a dash

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.figures import PROXYING, peak_rss_mb, rss_met, spread
from bench.workloads import FLOOR, PROXIED_LIMIT_MS, RSS_LIMIT_MB, STRAWBERRY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Added, Comparison, Figure
    from bench.workloads import Target

BEGIN = "<!-- figures: begin (written by `make bench`) -->"
END = "<!-- figures: end -->"
ABSENT = "–"

THROUGHPUT = ("", "Plait", "Strawberry", "floor", "× Strawberry", "× floor", "promised", "")
LATENCY = ("", "Plait", "Strawberry", "floor")

Grid = list[tuple[str, ...]]


def throughput(comparisons: Sequence[Comparison]) -> Grid:
    """Requests a second and their ratios, a row for each workload."""
    return [
        (
            row.workload,
            _count(row.plait),
            _count(row.strawberry),
            _count(row.floor),
            _ratio(row.ratio(STRAWBERRY)),
            _ratio(row.ratio(FLOOR)),
            _promise(row.target),
            verdict(row.met),
        )
        for row in comparisons
    ]


def latency(comparisons: Sequence[Comparison]) -> Grid:
    """p50 / p99 in ms and the server's CPU-ms a request, a row for each workload."""
    return [
        (row.workload, *(_times(one) for one in (row.plait, row.strawberry, row.floor)))
        for row in comparisons
    ]


def notes(figures: Sequence[Figure], added: Sequence[Added]) -> list[str]:
    """The promises that are not ratios, a sentence each."""
    lines = [
        (
            f"Resident memory of Plait after the load: {peak_rss_mb(figures):.0f} MB "
            f"(promised: under {RSS_LIMIT_MB:.0f} MB): {verdict(rss_met(figures))}."
        ),
    ]
    if spread(figures) > 1:
        lines.append(
            f"Between rounds, requests a second differed by up to {spread(figures):.2f} ×."
        )
    lines += [
        f"{one.workload} at concurrency 1: {one.what} adds {one.added_ms * 1000:+.0f} µs to p50 "
        f"(rounds with it {_rounds(one.grouped)}, without {_rounds(one.single)} ms; promised: "
        f"{_least(one)}): {verdict(one.met)}."
        for one in added
    ]
    return lines


def verdict(met: bool | None) -> str:  # noqa: FBT001 - it renders exactly this
    """A promise's state in a word."""
    return ABSENT if met is None else "met" if met else "missed"


def table(title: str, head: Sequence[str], rows: Grid) -> Table:
    """A grid for the terminal."""
    drawn = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # narrow enough for 80 columns
    )
    for index, name in enumerate(head):
        drawn.add_column(name, justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        drawn.add_row(*(_coloured(cell) for cell in row))
    return drawn


def markdown(
    comparisons: Sequence[Comparison],
    figures: Sequence[Figure],
    added: Sequence[Added],
    about: str,
) -> str:
    """What stands between the markers of `docs/performance.md`."""
    return "\n\n".join(
        [
            about,
            "**Requests a second** (medians)",
            grid_markdown(THROUGHPUT, throughput(comparisons)),
            "**p50 / p99 in ms · server CPU-ms a request** (medians)",
            grid_markdown(LATENCY, latency(comparisons)),
            "\n".join(f"- {line}" for line in notes(figures, added)),
        ]
    )


def insert(document: str, text: str, begin: str = BEGIN, end: str = END) -> str:
    """`document` with `text` between these markers. Raises `ValueError` where they are missing."""
    before, first, rest = document.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError("the document has no markers for the figures")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def grid_markdown(head: Sequence[str], rows: Grid) -> str:
    """A grid as a table of Markdown."""
    rule = ("---", *("---:" for _ in head[1:]))
    return "\n".join(f"| {' | '.join(row)} |" for row in (tuple(head), rule, *rows))


def _coloured(cell: str) -> str:
    colour = {"met": "green", "missed": "red"}.get(cell)
    return f"[{colour}]{cell}[/]" if colour else cell


def _promise(target: Target | None) -> str:
    """Strawberry is the peer unless another is named."""
    if target is None:
        return ABSENT
    return f"≥ {target.ratio:g}" + (f" × {target.peer}" if target.peer != STRAWBERRY else "")


def _count(figure: Figure | None) -> str:
    return f"{figure.rps:,.0f}" if figure else ABSENT


def _ratio(ratio: float | None) -> str:
    return ABSENT if ratio is None else f"{ratio:.2f}"


def _times(figure: Figure | None) -> str:
    if figure is None:
        return ABSENT
    return f"{figure.p50_ms:.1f} / {figure.p99_ms:.1f} · {figure.cpu_ms:.2f}"


def _least(added: Added) -> str:
    return f"under {PROXIED_LIMIT_MS:g} ms" if added.what == PROXYING else "nothing measurable"


def _rounds(latencies: Sequence[float]) -> str:
    return ", ".join(f"{one:.2f}" for one in latencies)
