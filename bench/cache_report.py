"""The cache's table: for the terminal, for `docs/performance.md`, for the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report import grid_markdown, verdict
from bench.report import table as terminal_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from bench.cache import CacheRow
    from bench.report import Grid

BEGIN = "<!-- cache figures: begin (written by `make bench`) -->"
END = "<!-- cache figures: end -->"

HEAD = ("", "what", "found", "promised", "")


def table(rows: Sequence[CacheRow]) -> Table:
    """For the terminal."""
    return terminal_table("The cache", HEAD, _grid(rows))


def markdown(rows: Sequence[CacheRow]) -> str:
    """What stands between the markers of `docs/performance.md`."""
    return grid_markdown(HEAD, _grid(rows))


def records(rows: Sequence[CacheRow]) -> list[Mapping[str, Any]]:
    """The figures as `bench/out/results.json` holds them."""
    return [
        {"workload": row.name, "server": "plait", "value": round(row.value, 3), "met": row.met}
        for row in rows
    ]


def _grid(rows: Sequence[CacheRow]) -> Grid:
    return [(row.name, row.title, row.found, row.promised, verdict(row.met)) for row in rows]
