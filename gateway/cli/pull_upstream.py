"""`plait pull upstream`: the schema of a GraphQL service, pinned in the repository."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.pulled import Write, finish
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
    write: Write = False,
) -> None:
    """Fetch the schema of a GraphQL service, or show how it differs from the pinned one.

    Without --write nothing is written, and the exit code is 1 where there are differences.
    """
    from gateway.scaffold.comparing import FileChange, State, read
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
    before = read(file)
    state = State.NEW if before is None else State.SAME if before == sdl else State.CHANGED
    finish(file.parent, [FileChange(file.name, state, before, sdl)], write=write, check=False)


def _headers(given: list[str]) -> dict[str, str]:
    headers = {}
    for line in given:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ConfigurationError("--header takes NAME: VALUE")
        headers[name.strip().lower()] = value.strip()
    return headers
