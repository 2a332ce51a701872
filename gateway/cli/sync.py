"""`plait sync`: vector collections brought, or compared, to the rows they are made of."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import FAILED, console
from gateway.errors import ConfigurationError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.settings import Settings
    from gateway.sync.figures import Figures
    from gateway.sync.filling import Drifted, Filler

_MEANINGS = {
    "missing": "rows without a point",
    "orphan": "points without a row",
    "stale": "points of an older text or payload",
    "model": "points that another model made",
    "failed": "rows that failed too often",
}


def sync(
    collections: Annotated[
        list[str] | None, typer.Argument(help="The collections; all that are synced by default.")
    ] = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Compare only; the exit code is 1 where they differ.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Look at every point, try failed rows again, and mend all."),
    ] = False,
) -> None:
    """Embed the rows whose points are missing or out of date, and store them.

    Exits with 1 where rows failed. A collection that another embedding model made is refused, and
    made anew by --repair.
    """
    from gateway.settings import load

    if check and repair:
        raise ConfigurationError("--check and --repair exclude each other")
    if not asyncio.run(_run(load(), collections or [], check=check, repair=repair)):
        raise typer.Exit(FAILED)


async def _run(settings: Settings, names: Sequence[str], *, check: bool, repair: bool) -> bool:
    """Whether all is well afterwards."""
    from gateway.composition import Gateway

    gateway = Gateway(settings)
    try:
        await gateway.open(vectors=False)
        fillers = _chosen(gateway.fillers, names)
        if check:
            return _reported([await filler.check() for filler in fillers])
        return await _fill(fillers, repair=repair)
    finally:
        await gateway.close()


def _chosen(known: Mapping[str, Filler], names: Sequence[str]) -> list[Filler]:
    """Those of these collections. Raises ConfigurationError for one that is not synced."""
    if not known:
        raise ConfigurationError("no collection is synced; list some in the domain's `syncs`")
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"collection {name!r} is not synced; synced are: {', '.join(known)}"
            )
    return [known[name] for name in names or known]


async def _fill(fillers: Sequence[Filler], *, repair: bool) -> bool:
    from gateway.cli.progress import bars
    from gateway.sources.postgres.syncing.drift import Drift

    out = console()
    done: list[tuple[Drifted, Figures, float]] = []
    with bars() as told:
        for filler in fillers:
            started = time.perf_counter()
            try:
                drifted, figures = await filler.fill(told, repair=repair)
            except SourceError:
                out.print(
                    f"{filler.sync.name}: stopped; what is stored stays, and plait sync goes on "
                    "with the rest",
                    soft_wrap=True,
                )
                raise
            done.append((drifted, figures, time.perf_counter() - started))
    for drifted, figures, seconds in done:
        typer.echo(_told(drifted.collection, figures, seconds))
        failed = drifted.comparison.counts.get(Drift.FAILED, 0)
        if failed and not repair:
            typer.echo(f"  {failed:,} failed before; plait sync --repair tries them again")
    return not any(figures.failed for _, figures, _ in done)


def _told(name: str, figures: Figures, seconds: float) -> str:
    """What was done to a collection, how many items a second each stage took, and what failed."""
    if not figures.done:
        return f"{name}: nothing was due"
    stages = figures.stages.items()
    speeds = ", ".join(f"{stage} {one.speed:,.0f}" for stage, one in stages if one.items)
    told = (
        f"{name}: {figures.embedded:,} embedded, {figures.payloads:,} payloads, "
        f"{figures.removed:,} removed, {figures.failed:,} failed, in {seconds:.1f} s\n"
        f"  items a second: {speeds}; in all {figures.done / seconds:,.0f}"
    )
    if figures.failed:
        why = "SELECT key, last_error FROM plait_sync.vector_changes WHERE last_error IS NOT NULL"
        told += f"\n  why: {why}"
    return told


def _reported(found: Sequence[Drifted]) -> bool:
    """Say what differs; whether nothing does."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("collection", "differs", "how many", "first keys", box=None, header_style="bold")
    notes: list[str] = []
    for one in found:
        what = one.comparison
        for kind, count in what.counts.items():
            keys = Text(", ".join(what.keys[kind]))
            table.add_row(one.collection, Text(_MEANINGS[kind], "red"), f"{count:,}", keys)
        if one.sound:
            table.add_row(one.collection, Text("nothing", "green"), "0", "")
        if one.foreign is not None:
            notes.append(one.foreign)
        notes.append(
            f"{one.collection}: {what.rows:,} rows, {what.blank:,} without text, "
            f"{what.long:,} over the model's limit, {what.waiting:,} waiting for a worker"
        )
    out = Console()
    out.print(table)
    for note in notes:
        out.print(note, highlight=False, markup=False, soft_wrap=True)
    return all(one.sound for one in found)
