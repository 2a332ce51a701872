"""The picture in `docs/`: requests a second on a logarithmic axis, as SVG. Pure.

Each workload is a line from Strawberry's dot to Plait's: its length is the ratio. The floor is a
tick. Colours follow the reader's light or dark scheme.
"""

# ruff: noqa: RUF001 - ratios are written with a multiplication sign

from __future__ import annotations

from html import escape
from math import floor, log10
from typing import TYPE_CHECKING

from bench.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Comparison, Figure

WIDTH = 860
LEFT = 310
RIGHT = 110
TOP = 84
ROW = 46
BOTTOM = 44
HEADROOM = 1.25

_STYLE = """\
<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 17px; font-weight: 600; }
  .name { font-weight: 600; }
  .faint { fill: #59636e; font-size: 12px; }
  .grid { stroke: #d1d9e0; }
  .gap { stroke: #8250df; stroke-opacity: .35; stroke-width: 6; }
  .plait { fill: #8250df; }
  .strawberry { fill: #bc4c00; }
  .floor { stroke: #59636e; stroke-width: 2; }
  .ratio { font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .faint { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .gap { stroke: #ab7df8; }
    .plait { fill: #ab7df8; }
    .strawberry { fill: #f0883e; }
    .floor { stroke: #9198a1; }
  }
</style>"""


class Axis:
    """A logarithmic axis from a whole decade to a little beyond the largest value."""

    def __init__(self, values: Sequence[float]) -> None:
        self.low = floor(log10(min(values)))
        self.high = max(log10(max(values) * HEADROOM), self.low + 1)

    def x(self, value: float) -> float:
        """Where a value lies, in pixels."""
        share = (log10(value) - self.low) / (self.high - self.low)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    @property
    def decades(self) -> list[int]:
        """The values that get a line of the grid."""
        return [10**power for power in range(self.low, floor(self.high) + 1)]


def draw(comparisons: Sequence[Comparison]) -> str:
    """The picture of at least one comparison, as the text of an SVG file."""
    shown = [figure for row in comparisons for figure in _figures(row)]
    axis = Axis([figure.rps for figure in shown])
    height = TOP + ROW * len(comparisons) + BOTTOM
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'aria-label="{escape(_summary(comparisons), quote=True)}">'
        ),
        _STYLE,
        '<text class="title" x="20" y="30">Requests a second, 32 connections</text>',
        *_legend(),
        *_grid(axis, height),
    ]
    titles = {workload.name: workload.title for workload in WORKLOADS}
    for index, row in enumerate(comparisons):
        lines += _row(row, titles[row.workload], axis, TOP + ROW * index + ROW // 2)
    return "\n".join([*lines, "</svg>", ""])


def _figures(row: Comparison) -> list[Figure]:
    return [figure for figure in (row.plait, row.strawberry, row.floor) if figure]


def _summary(comparisons: Sequence[Comparison]) -> str:
    parts = (
        f"{row.workload}: "
        + ", ".join(f"{figure.server} {figure.rps:,.0f}" for figure in _figures(row))
        for row in comparisons
    )
    return "Requests a second. " + "; ".join(parts)


def _legend() -> list[str]:
    y = 54
    return [
        f'<circle class="plait" cx="26" cy="{y - 4}" r="6"/><text x="38" y="{y}">Plait</text>',
        (
            f'<circle class="strawberry" cx="96" cy="{y - 4}" r="6"/>'
            f'<text x="108" y="{y}">Strawberry with caches, DataLoader, asyncpg</text>'
        ),
        (
            f'<path class="floor" d="M440 {y - 12}v16"/>'
            f'<text x="450" y="{y}">bare ASGI reply under uvicorn</text>'
        ),
        f'<text class="faint" x="{WIDTH - 20}" y="{y}" text-anchor="end">× Strawberry</text>',
    ]


def _grid(axis: Axis, height: int) -> list[str]:
    end = height - BOTTOM
    lines = []
    for value in axis.decades:
        x = axis.x(value)
        lines.append(f'<path class="grid" d="M{x} {TOP}V{end}"/>')
        lines.append(
            f'<text class="faint" x="{x}" y="{end + 20}" text-anchor="middle">{value:,}</text>'
        )
    return lines


def _row(row: Comparison, title: str, axis: Axis, y: int) -> list[str]:
    plait = axis.x(row.plait.rps)
    lines = [
        f'<text class="name" x="20" y="{y - 3}">{escape(row.workload)}</text>',
        f'<text class="faint" x="20" y="{y + 13}">{escape(title)}</text>',
    ]
    if row.floor:
        lines.append(f'<path class="floor" d="M{axis.x(row.floor.rps)} {y - 9}v18"/>')
    if row.strawberry:
        peer = axis.x(row.strawberry.rps)
        lines += [
            f'<path class="gap" d="M{peer} {y}H{plait}"/>',
            f'<circle class="strawberry" cx="{peer}" cy="{y}" r="6"/>',
            _number(row.strawberry.rps, peer, y),
            (
                f'<text class="ratio" x="{WIDTH - 20}" y="{y + 5}" text-anchor="end">'
                f"{row.plait.rps / row.strawberry.rps:.1f} ×</text>"
            ),
        ]
    lines += [
        f'<circle class="plait" cx="{plait}" cy="{y}" r="6"/>',
        _number(row.plait.rps, plait, y),
    ]
    return lines


def _number(rps: float, x: float, y: int) -> str:
    return f'<text class="faint" x="{x}" y="{y - 11}" text-anchor="middle">{round(rps):,}</text>'
