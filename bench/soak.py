"""`python -m bench soak [NAME…]`: promises that need time or broken engines, as figures.

Against gateways of their own over engines of their own, all on loopback. A scenario is a function
of the stage that yields rows; whole, they take less than ten minutes. Only a whole run is written
into `docs/performance.md`.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from rich.markup import escape

from bench import soak_clients, soak_documents, soak_losses, soak_replicas, soak_sources
from bench.database import ROOT
from bench.load import LoadError
from bench.report import grid_markdown, insert, table, verdict
from bench.soak_stage import Row, staged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from typing import TypeAlias

    from rich.console import Console

    from bench.report import Grid
    from bench.soak_stage import Stage

    Scenario: TypeAlias = Callable[[Stage], AsyncIterator[Row]]

DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN = "<!-- soak figures: begin (written by `make soak`) -->"
END = "<!-- soak figures: end -->"
HEAD = ("", "what", "found", "promised", "")
SCENARIO_SECONDS = 240.0
"""What one scenario may take at most."""

SCENARIOS: Mapping[str, Scenario] = {
    "slow": soak_clients.slow,
    "size": soak_clients.size,
    "document": soak_documents.document,
    "safelist": soak_documents.safelist,
    "fuzz": soak_documents.fuzz,
    "deadlines": soak_sources.deadlines,
    "breaker": soak_sources.breaker,
    "pool": soak_sources.pool,
    "redis-loss": soak_losses.redis_loss,
    "postgres-loss": soak_losses.postgres_loss,
    "lock": soak_losses.lock,
    "scale": soak_replicas.scale,
    "jwt": soak_replicas.jwt,
    "shutdown": soak_replicas.shutdown,
}


def run(console: Console, names: Sequence[str]) -> int:
    """Run the scenarios of these names, or all. 0: figures were printed. Raises `LoadError`."""
    for name in names:
        if name not in SCENARIOS:
            raise LoadError(f"there is no scenario {name!r}, only {', '.join(SCENARIOS)}")
    begun = time.monotonic()
    rows = asyncio.run(_rows(console, names or tuple(SCENARIOS)))
    console.print(table("Soak", HEAD, _grid(rows)))
    seconds = time.monotonic() - begun
    console.print(f"{seconds:.0f} s")
    if not names:
        DOCUMENT.write_text(
            insert(DOCUMENT.read_text("utf-8"), grid_markdown(HEAD, _grid(rows)), BEGIN, END),
            encoding="utf-8",
        )
        console.print(f"Written: {DOCUMENT.relative_to(ROOT)}")
    return 0


async def _rows(console: Console, names: Sequence[str]) -> list[Row]:
    rows = []
    with console.status("") as status:
        async with staged(status.update) as stage:
            for name in names:
                status.update(name)
                async for row in _guarded(name, stage):
                    line = f"{name}: {row.found} ({row.promised}): {verdict(row.met)}"
                    console.print(escape(line), highlight=False, soft_wrap=True)
                    rows.append(row)
    return rows


async def _guarded(name: str, stage: Stage) -> AsyncIterator[Row]:
    """A scenario's rows; one that breaks off gives a row that says so, and the others go on."""
    try:
        async with asyncio.timeout(SCENARIO_SECONDS):
            async for row in SCENARIOS[name](stage):
                yield row
    except Exception as error:  # noqa: BLE001 - whatever it was, there is no figure
        said = " ".join(f"{type(error).__name__} {error}".split())[:160]
        yield Row(name, "the scenario", f"broke off: {said}", "figures", met=False)
        await stage.mend()


def _grid(rows: Sequence[Row]) -> Grid:
    return [(row.name, row.what, row.found, row.promised, verdict(row.met)) for row in rows]
