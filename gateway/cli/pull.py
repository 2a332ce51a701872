"""`plait pull`: a resolvers package from a live database; below it, what others are pulled from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import pull_directus, pull_upstream
from gateway.cli.output import console
from gateway.cli.pulled import Check, Force, Write, check_options, finish

if TYPE_CHECKING:
    from gateway.scaffold.design import Package
    from gateway.scaffold.selection import Selection
    from gateway.settings import Settings
    from gateway.sources.postgres.introspection.catalogue import Database

app = typer.Typer(name="pull", invoke_without_command=True)
app.command("upstream")(pull_upstream.upstream)
app.command("directus")(pull_directus.directus)


@app.callback()
def pull(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    *,
    source: Annotated[
        str | None,
        typer.Option(help="The database's name in the settings.", show_default="default"),
    ] = None,
    schema: Annotated[
        list[str] | None, typer.Option(help="A schema; may be repeated.", show_default="public")
    ] = None,
    tables: Annotated[
        list[str] | None,
        typer.Option(help="A pattern of tables, or !PATTERN of those to leave out; repeatable."),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="VIEW=COLUMN,COLUMN: what tells a view's rows apart; repeatable."),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="The package's folder.", show_default="that of `resolvers`")
    ] = None,
    force: Force = None,
    write: Write = False,
    check: Check = False,
) -> None:
    """Write a resolvers package for the tables of a database, or show how it would change.

    Without --write nothing is written, and the exit code is 1 where there are differences. Of the
    options that say what is read, those of the last time hold where none is given.
    """
    if context.invoked_subcommand is not None:
        return
    check_options(write=write, check=check)
    from gateway.scaffold.comparing import compare
    from gateway.scaffold.package_text import files_of
    from gateway.scaffold.planning import plan
    from gateway.settings import load

    settings = load()
    folder = into or Path(*settings.resolvers.split("."))
    selection = _selection(folder, source, schema, tables, key)
    database = _read(settings, selection)
    selection = selection.for_tables(table.name for table in database.tables)
    _tell_left_out(database, selection)
    package = plan(database, selection)
    _tell_missing(package)
    files = files_of(package, selection)
    found = compare(folder, files, {path.resolve() for path in force or ()})
    finish(folder, found, write=write, check=check)


def _tell_left_out(database: Database, selection: Selection) -> None:
    """Say which tables are not pulled although nobody asked for that."""
    lines = [f"left out, as the role may not read it: {'.'.join(name)}" for name in database.barred]
    if own := selection.kept_back(database.tables):
        lines.append(
            f"left out, as the gateway's own: {', '.join(own)}; "
            f"--tables '*' --tables {own[0]} takes one in"
        )
    if others := selection.unread(database.schemas):
        lines.append(f"not read: the schemas {', '.join(others)}; --schema NAME reads one")
    _say(lines)


def _tell_missing(package: Package) -> None:
    """Say what of the tables that are pulled cannot be served."""
    lines = [f"not served: {sentence}" for sentence in package.no_entities]
    if lines:
        lines.append("a key that you know of serves them: --key NAME=COLUMN,COLUMN")
    if package.missing:
        lines.append(
            f"left out: columns and relations, {package.missing} in all; comments that begin with "
            "'# Without' say which and why"
        )
    _say(lines)


def _say(lines: list[str]) -> None:
    for line in lines:
        console().print(line, markup=False, soft_wrap=True)


def _selection(
    folder: Path,
    source: str | None,
    schemas: list[str] | None,
    tables: list[str] | None,
    keys: list[str] | None,
) -> Selection:
    from gateway.scaffold.comparing import read
    from gateway.scaffold.package_text import INDEX
    from gateway.scaffold.selection import Selection, remembered

    last = remembered(read(folder / INDEX) or "") or Selection()
    return last.with_options(source, schemas or (), tables or (), keys or ())


def _read(settings: Settings, selection: Selection) -> Database:
    from gateway.cli.migrate import database_url
    from gateway.sources.postgres.introspection.reading import read_database

    url = database_url(settings, selection.source)
    pooled = not settings.postgres[selection.source].statement_cache
    return asyncio.run(read_database(url, selection.schemas, pooled=pooled))
