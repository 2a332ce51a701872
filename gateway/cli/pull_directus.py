"""`plait pull directus`: classes for the collections of a Directus."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.pulled import Check, Force, Write, check_options, finish
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.sources.directus.introspection import Instance

SECONDS = 30.0


def directus(  # noqa: PLR0913 - one parameter per option
    *,
    source: Annotated[str, typer.Option(help="Its name in the settings.")] = "default",
    collections: Annotated[
        list[str] | None,
        typer.Option(help="A pattern, or !PATTERN of those to leave out; repeatable."),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="The folder.", show_default="directus/ below `resolvers`")
    ] = None,
    force: Force = None,
    write: Write = False,
    check: Check = False,
) -> None:
    """Write a class for each collection of a Directus, or show how they would change.

    Without --write nothing is written, and the exit code is 1 where there are differences. It is
    asked as the settings say, so that a token that may read its settings is needed.
    """
    check_options(write=write, check=check)
    from gateway.scaffold.comparing import compare
    from gateway.scaffold.directus_design import design
    from gateway.scaffold.directus_text import files_of
    from gateway.settings import load

    settings = load()
    folder = into or Path(*settings.resolvers.split("."), "directus")
    classes = design(_read(settings, source), collections or ())
    if not classes:
        raise ConfigurationError("it shows no collection; may its token read /collections?")
    found = compare(folder, files_of(classes, source), {path.resolve() for path in force or ()})
    finish(folder, found, write=write, check=check)


def _read(settings: Settings, source: str) -> Instance:
    from gateway.sources.directus.introspection import read_instance
    from gateway.wiring import directus_sending

    one = settings.directus.get(source)
    if one is None:
        name = "DIRECTUS_URL" if source == "default" else f"DIRECTUS_{source.upper()}_URL"
        raise ConfigurationError(f"directus.{source}.url ({name}): say where it is")

    async def read() -> Instance:
        sending = directus_sending(f"directus.{source}", one)
        await sending.open()
        try:
            return await read_instance(sending, asyncio.get_running_loop().time() + SECONDS)
        finally:
            await sending.close()

    return asyncio.run(read())
