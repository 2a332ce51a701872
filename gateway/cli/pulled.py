"""How the commands that pull say what would be written, and write it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gateway.cli.output import console

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gateway.scaffold.comparing import FileChange

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_NOTES = {
    "yours": "changed by hand: take over what you like of the diff, with its first line",
    "gone": "what it shows is gone",
}


def summarise(found: Sequence[FileChange]) -> None:
    """Say how each file that differs stands to what would be written."""
    say = console()
    for change in found:
        if change.state != "same":
            note = _NOTES.get(change.state, "")
            said = f"{change.state:8} {change.path}" + (f"  ({note})" if note else "")
            say.print(said, markup=False, soft_wrap=True)
    same = sum(change.state == "same" for change in found)
    say.print(f"{same} of {len(found)} files are as they would be written", soft_wrap=True)


def show(found: Sequence[FileChange]) -> None:
    """Print the differences."""
    from rich.console import Console
    from rich.text import Text

    out = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    for change in found:
        if change.state != "same":
            for line in change.diff():
                out.print(Text(line, style=_COLOURS.get(line[:1], "")))


def write_changes(folder: Path, found: Sequence[FileChange]) -> None:
    """Write the files that may be written."""
    from gateway.scaffold.writing import write

    changes = [change for change in found if change.may_be_written]
    write(folder, changes)
    console().print(f"wrote {len(changes)} files to {folder}", markup=False, soft_wrap=True)
