"""What the commands that pull have in common: options, and how a comparison ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from gateway.cli.output import FAILED, console
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.scaffold.comparing import FileChange

Force: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(help="A file to write although it was changed by hand; repeatable."),
]
Write: TypeAlias = Annotated[bool, typer.Option("--write", help="Write the files.")]
Check: TypeAlias = Annotated[bool, typer.Option("--check", help="Compare without showing a diff.")]

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_NOTES = {
    "yours": "changed by hand: take over what you like of the diff, with its first line",
    "gone": "what it shows is gone, or not picked any more",
}


def check_options(*, write: bool, check: bool) -> None:
    """Raise `ConfigurationError` where both are wanted."""
    if write and check:
        raise ConfigurationError("--write and --check exclude each other")


def finish(folder: Path, found: Sequence[FileChange], *, write: bool, check: bool) -> None:
    """Say how each file stands to what would be written; write, or show the differences.

    Raises `typer.Exit` with 1 where a difference is left.
    """
    _summarise(found)
    if write:
        _write(folder, found)
    elif not check:
        _show(found)
    left = any(change.state != "same" and not (write and change.may_be_written) for change in found)
    if not (write or check) and left:
        console().print("nothing is written without --write", soft_wrap=True)
    if left:
        raise typer.Exit(FAILED)


def _summarise(found: Sequence[FileChange]) -> None:
    say = console()
    for change in found:
        if change.state != "same":
            note = _NOTES.get(change.state, "")
            said = f"{change.state:8} {change.path}" + (f"  ({note})" if note else "")
            say.print(said, markup=False, soft_wrap=True)
    same = sum(change.state == "same" for change in found)
    say.print(f"{same} of {len(found)} files are up to date", soft_wrap=True)


def _show(found: Sequence[FileChange]) -> None:
    from rich.console import Console
    from rich.text import Text

    out = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    for change in found:
        if change.state != "same":
            for line in change.diff():
                out.print(Text(line, style=_COLOURS.get(line[:1], "")))


def _write(folder: Path, found: Sequence[FileChange]) -> None:
    from gateway.scaffold.writing import write

    changes = [change for change in found if change.may_be_written]
    write(folder, changes)
    files = "1 file" if len(changes) == 1 else f"{len(changes)} files"
    console().print(f"wrote {files} to {folder}", markup=False, soft_wrap=True)
