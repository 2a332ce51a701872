"""`plait invalidate` and `plait warm`: the resolver cache from outside."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import FAILED
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    settings = load()
    count = asyncio.run(_invalidated(settings, named, pattern))
    told = "everything" if everything else f"{count} tag{'' if count == 1 else 's'}"
    typer.echo(f"invalidated {told}")
    for line in () if everything else _misspelt(settings, tags or ()):
        typer.echo(line, err=True)


def warm() -> None:
    """Read the domain's `warm` queries, replacing what is cached of them."""
    from gateway.settings import load

    worked, wanted = asyncio.run(_warmed(load()))
    typer.echo(
        f"read {worked} of {wanted} queries" if wanted else "the domain has no `warm` queries"
    )
    if worked < wanted:
        raise typer.Exit(FAILED)


def _misspelt(settings: Settings, tags: Iterable[str]) -> Iterator[str]:
    """A line for each tag that nothing in the domain is called, and something nearly is.

    Others may be tags of functions, which the schema does not show.
    """
    from difflib import get_close_matches

    from gateway.domain import load_api
    from gateway.schema.caching import declared_cache
    from gateway.schema.vectors.writes import collections_of

    try:
        catalog = load_api(settings).catalog
    except ConfigurationError:  # what was asked for is done; other commands say what is wrong
        return
    types = catalog.schema.type_map
    known = set(types).union(*collections_of(catalog).values())
    for type_ in types.values():
        for element in (type_, *getattr(type_, "fields", {}).values()):
            declared = declared_cache(element)
            known.update(declared.tags if declared else ())
    for tag in tags:
        name = tag.partition(":")[0].removesuffix("[]")
        close = get_close_matches(name, known, n=1, cutoff=0.8)
        if close and not {tag, name} & known:
            yield f"warning: nothing in the domain is called {name!r}; did you mean {close[0]!r}?"


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
        await cache.told(tags)
        return len(tags) + (await cache.invalidate_like(pattern) if pattern else 0)
    finally:
        await cache.close()


async def _warmed(settings: Settings) -> tuple[int, int]:
    """Read the domain's warm queries anew: how many worked, of how many."""
    from gateway.composition import Gateway

    gateway = Gateway(settings)
    try:
        await gateway.open()
        return await gateway.warm(), len(gateway.domain.warm)
    finally:
        await gateway.close()
