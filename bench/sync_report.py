"""What a backfill of vector sync took, stage by stage and process by process, for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.sync.figures import Figures

LONGEST_MS = 20.0
"""The longest that a fill may hold the event loop."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill, and `alone`: the items a second of the embedder when nothing else works.

    `cpu`: the processor seconds of each process. `busiest_ms`: those of the event loop's own thread
    in its longest block; `longest_ms`: how late that made a timer, other processes included.
    """

    embedder: str
    figures: Figures
    seconds: float
    alone: float
    cpu: Mapping[str, float]
    busiest_ms: float
    longest_ms: float

    @property
    def share(self) -> float:
        """The backfill's speed as a share of the embedder's own."""
        return self.figures.embedded / self.seconds / self.alone


@dataclass(frozen=True, slots=True)
class Inserts:
    """The milliseconds of an insert of `rows` rows, without and with the triggers of a sync."""

    rows: int
    bare_ms: float
    watched_ms: float


def table(found: Backfill) -> Table:
    """The stages, the whole and the embedder alone."""
    title = f"vector sync, {found.figures.embedded:,} items, {found.embedder}"
    shown = Table("backfill", title=title)
    for name in ("items/s", "busy s"):
        shown.add_column(name, justify="right")
    for name, stage in found.figures.stages.items():
        shown.add_row(name, f"{stage.speed:,.0f}", f"{stage.seconds:.1f}")
    rate = found.figures.embedded / found.seconds
    shown.add_row("in all", f"{rate:,.0f}", f"{found.seconds:.1f}")
    shown.add_row("the embedder alone", f"{found.alone:,.0f}", "")
    return shown


def sentences(found: Backfill) -> tuple[str, ...]:
    """The ratio, where the processor's time went, and the event loop's longest block."""
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.cpu.items())
    whole = sum(found.cpu.values()) / found.seconds
    kept = "less" if found.busiest_ms <= LONGEST_MS else "MORE"
    own = f"{found.busiest_ms:.1f} ms of its own work, {kept} than {LONGEST_MS:.0f}"
    return (
        f"{found.share:.2f} of the embedder's own rate.",
        f"Processor: {spent}; {whole:.2f} processors for {found.seconds:.1f} s.",
        f"The loop's longest block: {own}; a timer was {found.longest_ms:.1f} ms late at most.",
    )


def inserted(found: Inserts) -> str:
    """What the triggers cost a writer."""
    return (
        f"An insert of {found.rows:,} rows takes {found.bare_ms:.1f} ms, and "
        f"{found.watched_ms:.1f} ms where it is watched."
    )
