"""`plait pull upstream`: the schema of a GraphQL service, pinned in the repository."""

from __future__ import annotations

import asyncio
import difflib
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import FAILED, console
from gateway.errors import ConfigurationError

SECONDS = 30.0


def upstream(
    name: Annotated[str, typer.Argument(help="The upstream's name, as the domain lists it.")],
    url: Annotated[
        str | None, typer.Argument(help="Its endpoint.", show_default="upstream.NAME.url")
    ] = None,
    *,
    header: Annotated[
        list[str] | None, typer.Option(help="NAME: VALUE, a header to send; repeatable.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="The file.", show_default="upstreams/NAME.graphql")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the file.")] = False,
) -> None:
    """Fetch the schema of a GraphQL service, or show how it differs from the pinned one.

    Without --write nothing is written, and the exit code is 1 where there are differences.
    """
    from gateway.settings import load
    from gateway.sources.upstream.introspection import introspected

    settings = load()
    known = settings.upstream.get(name)
    address = url or (known.url.reveal() if known else "")
    if not address:
        raise ConfigurationError(f"say where it is: plait pull upstream {name} URL")
    headers = _headers(header or [])
    if known and not url and known.authorization:
        headers.setdefault("authorization", known.authorization.reveal())
    file = into or Path(*settings.resolvers.split("."), "upstreams", f"{name}.graphql")

    async def fetch() -> str:
        deadline = asyncio.get_running_loop().time() + SECONDS
        return await introspected(name, address, headers, deadline)

    sdl = asyncio.run(fetch())
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if sdl == before:
        console().print(f"{file} is as it would be written", markup=False, soft_wrap=True)
        return
    if write:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(sdl, encoding="utf-8")
        console().print(f"wrote {file}", markup=False, soft_wrap=True)
        return
    lines = difflib.unified_diff(
        before.splitlines(), sdl.splitlines(), str(file), str(file), lineterm=""
    )
    typer.echo("\n".join(lines))
    raise typer.Exit(FAILED)


def _headers(given: list[str]) -> dict[str, str]:
    headers = {}
    for line in given:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ConfigurationError("--header takes NAME: VALUE")
        headers[name.strip().lower()] = value.strip()
    return headers
