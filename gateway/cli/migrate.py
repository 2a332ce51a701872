"""`plait migrate`: the tables of the domain, up and down."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import MISUSED, console
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.settings import Settings

app = typer.Typer(name="migrate", no_args_is_help=True, help="Migrate the database up or down.")

Source = Annotated[str, typer.Option(help="The name of the database in the settings.")]


@app.command()
def up(
    revision: Annotated[str, typer.Argument(help="Where to; all the way by default.")] = "head",
    source: Source = "default",
) -> None:
    """Bring the database up to a revision."""
    from gateway.settings import load
    from gateway.sources.postgres import migrate

    settings = load()
    url, folder = database_url(settings, source), migrations_folder(settings)
    _tell(asyncio.run(migrate.upgrade(url, folder, revision)))


@app.command(context_settings={"ignore_unknown_options": True})  # -1 is a revision, no option
def down(
    revision: Annotated[str, typer.Argument(help="Where to: a revision, -1, or base.")],
    source: Source = "default",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; data may be lost.")] = False,
) -> None:
    """Take the database down to a revision."""
    from gateway.settings import load
    from gateway.sources.postgres import migrate

    settings = load()
    url, folder = database_url(settings, source), migrations_folder(settings)
    if not yes and not typer.confirm(f"Take {source} down to {revision}? Its data may be lost."):
        raise typer.Exit(MISUSED)
    _tell(asyncio.run(migrate.downgrade(url, folder, revision)))


@app.command()
def current(source: Source = "default") -> None:
    """Say at which revision the database stands, and which is the newest."""
    from gateway.settings import load
    from gateway.sources.postgres import migrate

    settings = load()
    newest = migrate.head(migrations_folder(settings))
    _tell(asyncio.run(migrate.current(database_url(settings, source))))
    console().print(f"newest: {newest or 'none'}")


@app.command()
def sql(source: Source = "default") -> None:
    """Print what the gateway itself needs in a database, for psql or a migration; asks no source.

    The change feed over the entities' tables and, where the domain has any, the tables of jobs,
    of workflows and of vector sync. Done again it leaves what is there.
    """
    from gateway.settings import load

    typer.echo("-- What the gateway needs: psql -1 -v ON_ERROR_STOP=1, or a migration.\n")
    typer.echo("".join(f"{one.strip().rstrip(';')};\n\n" for one in _needed(load(), source)))


def _needed(settings: Settings, source: str) -> Iterator[str]:
    from gateway.domain import built, load_domain
    from gateway.sources.postgres.agreement import ENGINE
    from gateway.sources.postgres.feed import INSTALL
    from gateway.sources.postgres.feed.functions import watch
    from gateway.sources.postgres.syncing import install as syncing
    from gateway.workflows.install import engine_where_absent

    domain = load_domain(settings)
    syncs = [sync for sync in domain.syncs if sync.rows == source]
    entities = [one for one in built(domain).catalog.entities.values() if one.source == source]
    relations = [relation for one in entities for relation in one.relations.values()]
    between = [relation.through.table for relation in relations if relation.through is not None]
    tables = [*between, *(one.table for one in entities)]
    runs = source == "default" and (domain.workflows or domain.nodes)
    if syncs or runs or any(table.schema == ENGINE for table in tables):
        yield engine_where_absent()
    if syncs:
        yield from (syncing.CATALOGUE, *syncing.INSTALL, *map(syncing.watch, syncs))
    yield from INSTALL
    if tables:
        yield watch(tables)


def database_url(settings: Settings, source: str) -> str:
    """The address of a PostgreSQL server itself, not of a pooler. Raises `ConfigurationError`."""
    try:
        one = settings.postgres[source]
        return (one.direct_url or one.dsn).reveal()
    except KeyError:
        known = f"there is {', '.join(settings.postgres)}; " if settings.postgres else ""
        variable = "POSTGRES_URL" if source == "default" else f"POSTGRES_{source.upper()}_URL"
        message = f"there is no postgres.{source}; {known}{variable} names one"
        raise ConfigurationError(message) from None


def migrations_folder(settings: Settings) -> Path:
    """Where the package of the migrations lies. Raises `ConfigurationError` when it is missing."""
    from gateway.cli.project import find_package

    setting = "migrations (PLAIT_MIGRATIONS)"
    # What is installed beside the gateway would make the bundled domain's tables.
    foreign = settings.resolvers != "resolvers" and settings.migrations == "migrations"
    if foreign and not Path("migrations").is_dir():
        raise ConfigurationError(
            f"{setting}: there is no folder migrations; name those of {settings.resolvers}"
        )
    return find_package(settings.migrations, setting)


def _tell(revision: str | None) -> None:
    typer.echo(revision or "base")
