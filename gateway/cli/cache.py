"""`plait invalidate` and `plait warm`: the resolver cache from outside."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import FAILED
from gateway.errors import ConfigurationError, SourceUnavailable

if TYPE_CHECKING:
    from gateway.settings import Settings


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
    from gateway.settings import load

    if not (tags or pattern or everything):
        raise ConfigurationError("name tags to invalidate, or a --pattern, or --all")
    named = ["*"] if everything else list(tags or ())
    count = asyncio.run(_invalidated(load(), named, pattern))
    typer.echo(f"invalidated {count} tag{'' if count == 1 else 's'}")


def warm() -> None:
    """Read the domain's `warm` queries, replacing what is cached of them."""
    from gateway.settings import load

    worked, wanted = asyncio.run(_warmed(load()))
    typer.echo(f"read {worked} of {wanted} queries")
    if worked < wanted:
        raise typer.Exit(FAILED)


async def _invalidated(settings: Settings, tags: list[str], pattern: str | None) -> int:
    """Invalidate tags, and those in use that match a pattern; how many.

    Returns when no replica serves what they stood for. Raises ConfigurationError where there is no
    shared level, SourceError where it cannot be reached.
    """
    from gateway.caching.assembly import Options, make_cache
    from gateway.wiring import cache_store

    store = cache_store(settings)
    if store is None:
        raise ConfigurationError("cache.redis (PLAIT_CACHE_REDIS): there is no such source")
    cache = make_cache(Options(lease_seconds=settings.cache.lease_seconds), store)
    try:
        await store.open()
        if tags and not await cache.invalidate(tags):
            raise SourceUnavailable("the shared level of the cache is not reachable")
        return len(tags) + (await cache.invalidate_like(pattern) if pattern else 0)
    finally:
        await cache.close()


async def _warmed(settings: Settings) -> tuple[int, int]:
    """Read the domain's warm queries anew: how many worked, of how many."""
    from gateway.app import Gateway

    gateway = Gateway(settings)
    try:
        await gateway.open()
        return await gateway.warm(), len(gateway.domain.warm)
    finally:
        await gateway.close()
