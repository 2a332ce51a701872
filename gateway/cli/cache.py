"""`plait invalidate` and `plait warm`: the resolver cache from outside."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from gateway.cli.output import FAILED
from gateway.errors import ConfigurationError


def invalidate(
    tags: Annotated[
        list[str] | None,
        typer.Argument(help="Tags: a type, `Trend:7` for a row, `Trend[]` for lists, your own."),
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="Tags in use that match, with `*` and `?`.")
    ] = None,
    everything: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--all", help="Everything there is.")
    ] = False,
) -> None:
    """Invalidate cached answers on every replica; returns when none serves them any more."""
    from gateway.app import invalidate_cache
    from gateway.settings import load

    if not (tags or pattern or everything):
        raise ConfigurationError("name tags to invalidate, or a --pattern, or --all")
    named = ["*"] if everything else list(tags or ())
    count = asyncio.run(invalidate_cache(load(), named, pattern))
    typer.echo(f"invalidated {count} tag{'' if count == 1 else 's'}")


def warm() -> None:
    """Read the domain's `warm` queries, replacing what is cached of them."""
    from gateway.app import warm_cache
    from gateway.settings import load

    worked, wanted = asyncio.run(warm_cache(load()))
    typer.echo(f"read {worked} of {wanted} queries")
    if worked < wanted:
        raise typer.Exit(FAILED)
