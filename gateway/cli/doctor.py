"""`plait doctor`: is every source there, and what does it say."""

from __future__ import annotations

import asyncio

import typer

from gateway.cli.output import FAILED
from gateway.errors import ConfigurationError


def doctor() -> None:
    """Check every source; exit with 1 when one is not ready."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gateway.app import check_sources
    from gateway.settings import load

    found = asyncio.run(check_sources(load()))
    if not found:
        raise ConfigurationError("there is no source to check; name one, as POSTGRES_URL does")
    table = Table("source", "state", "detail", "figures", box=None, header_style="bold")
    for name, health in sorted(found.items()):
        missed = Text("not ready", "bold red") if health.required else Text("missed", "yellow")
        state = Text("ready", "green") if health.ready else missed
        figures = ", ".join(f"{key} {value:g}" for key, value in (health.figures or {}).items())
        table.add_row(Text(name), state, Text(health.detail), Text(figures))
    Console().print(table)
    if not all(health.ready or not health.required for health in found.values()):
        raise typer.Exit(FAILED)
