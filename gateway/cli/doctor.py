"""`plait doctor`: is every source there, and what does it say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from gateway.cli.output import FAILED
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.composition import Gateway
    from gateway.settings import Settings
    from gateway.sources.contract import Health


def doctor() -> None:
    """Check every source; exit with 1 when one is not ready, or a trusted document is not valid."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gateway.settings import load

    found = asyncio.run(_checked(load()))
    if not found:
        raise ConfigurationError("there is no source to check; name one, as POSTGRES_URL does")
    table = Table("source", "state", "detail", "figures", box=None, header_style="bold")
    for name, health in sorted(found.items()):
        missed = Text("not ready", "bold red") if health.required else Text("missed", "yellow")
        state = Text("ready", "green") if health.ready else missed
        figures = ", ".join(_told(health.figures or {}))
        table.add_row(Text(name), state, Text(health.detail), Text(figures))
    Console().print(table)
    if not all(health.ready or not health.required for health in found.values()):
        raise typer.Exit(FAILED)


def _told(figures: Mapping[str, float]) -> Iterator[str]:
    """Those that are not zero, which is what most of them are when nobody has asked anything."""
    for key, value in figures.items():
        if value:
            yield f"{key} {value:.1f}" if value % 1 else f"{key} {value:.0f}"


async def _checked(settings: Settings) -> Mapping[str, Health]:
    """Open every source, ask for a sign of life, close again."""
    from gateway.composition import OPEN_SECONDS, Gateway
    from gateway.sources.contract import Budget

    gateway = Gateway(settings)
    try:
        await gateway.open(vectors=False)
        found = await gateway.check(Budget(asyncio.get_running_loop().time() + OPEN_SECONDS))
        return {**found, **dict(_documents(gateway))}
    finally:
        await gateway.close()


def _documents(gateway: Gateway) -> Iterator[tuple[str, Health]]:
    """Whether every trusted document fits the schema, where there are any."""
    from gateway.errors import RequestError
    from gateway.sources.contract import Health

    trusted = gateway.documents.trusted()
    wrong = []
    for name, text in trusted.items():
        try:
            gateway.engine.store.load(text)
        except RequestError:
            wrong.append(name)
    if trusted:
        detail = "all are valid"
        if wrong:
            detail = f"{len(wrong)} of {len(trusted)} are not valid, such as {wrong[0][:80]}"
        yield "trusted documents", Health(not wrong, detail, {"documents": len(trusted)})
