"""`plait schema`: the contract with clients, printed and compared."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import FAILED, console
from gateway.errors import ConfigurationError

FILE = Path("schema.graphql")

app = typer.Typer(name="schema", invoke_without_command=True, help="Print or check the schema.")


@app.callback()
def default(context: typer.Context) -> None:
    """Print or check the schema; alone, print it."""
    if context.invoked_subcommand is None:
        print_schema()


@app.command("print")
def print_schema(
    out: Annotated[Path | None, typer.Option(help="A file to write, instead of printing.")] = None,
    subgraph: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--subgraph", help="As it is told to a router, to be composed.")
    ] = False,
) -> None:
    """Print the schema in GraphQL's definition language."""
    text = _told_to_routers() if subgraph else _current()
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write to {out}: {error.strerror}") from None


@app.command("check")
def check(
    file: Annotated[Path, typer.Option(help="What the schema is compared with.")] = FILE,
    breaking: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--breaking", help="Mind only what breaks clients of that schema.")
    ] = False,
) -> None:
    """Compare the schema with another, and say what that means for clients; exit with 1 and a diff.

    With --breaking a difference that no client can notice as an error is none.
    """
    try:
        committed = file.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"there is no {file}; `plait schema print --out {file}`") from None
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from None
    current = _current()
    if committed == current:
        return
    breaks = _tell_changes(committed, current, file)
    if breaking:
        if breaks:
            raise typer.Exit(FAILED)
        return
    lines = difflib.unified_diff(
        committed.splitlines(keepends=True),
        current.splitlines(keepends=True),
        str(file),
        "the code's schema",
    )
    sys.stdout.writelines(lines)
    console().print(
        f"[bold red]{file} differs[/]; `plait schema print --out {file}` writes it anew"
    )
    raise typer.Exit(FAILED)


def _tell_changes(before: str, after: str, file: Path) -> bool:
    """Print what changed for clients; whether any of it breaks them."""
    from graphql import GraphQLError, build_schema, find_breaking_changes, find_dangerous_changes
    from rich.markup import escape

    try:
        # Directives of Apollo Federation may stand in it, which graphql-core does not know.
        old = build_schema(before, assume_valid=True, assume_valid_sdl=True)
    except (GraphQLError, TypeError) as error:
        console().print(f"[bold red]{file} is no schema:[/] {escape(str(error))}")
        return True
    new = build_schema(after, assume_valid=True, assume_valid_sdl=True)
    found = find_breaking_changes(old, new)
    for style, word, changes in (
        ("bold red", "breaks", found),
        ("yellow", "may surprise", find_dangerous_changes(old, new)),
    ):
        for change in changes:
            console().print(f"[{style}]{word}[/] {escape(change.description)}")
    return bool(found)


def _told_to_routers() -> str:
    from gateway.domain import load_domain
    from gateway.schema.build import build
    from gateway.settings import load

    told = build(load_domain(load())).schema.execute_sync("{ _service { sdl } }")
    if told.data is None:
        raise ConfigurationError("--subgraph: the domain is none; write Domain(…, subgraph=True)")
    return str(told.data["_service"]["sdl"])


def _current() -> str:
    from gateway.domain import load_schema
    from gateway.settings import load

    return load_schema(load()).as_str().rstrip("\n") + "\n"
