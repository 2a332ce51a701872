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
) -> None:
    """Print the schema in GraphQL's definition language."""
    text = _current()
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, "utf-8")


@app.command("check")
def check(
    file: Annotated[Path, typer.Option(help="What the schema is compared with.")] = FILE,
) -> None:
    """Compare the schema with the committed one; exit with 1 and a diff where they differ."""
    try:
        committed = file.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"there is no {file}; `plait schema print --out {file}`") from None
    current = _current()
    if committed == current:
        return
    lines = difflib.unified_diff(
        committed.splitlines(keepends=True),
        current.splitlines(keepends=True),
        str(file),
        "the code's schema",
    )
    sys.stdout.writelines(lines)
    console().print(f"[bold red]{file} differs[/]; `make schema` writes it anew")
    raise typer.Exit(FAILED)


def _current() -> str:
    from gateway.app import load_schema
    from gateway.settings import load

    return load_schema(load()).as_str().rstrip("\n") + "\n"
