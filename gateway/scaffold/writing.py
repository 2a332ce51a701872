"""Writes what may be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.scaffold.comparing import read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gateway.scaffold.comparing import FileChange


def write(folder: Path, changes: Sequence[FileChange]) -> None:
    """Make the files what `changes` say; None after means that a file goes.

    Raises `ConfigurationError` where one cannot be written, or is no longer what it was when it was
    compared. Those before it are written then; the next time finds them as they should be.
    """
    for change in changes:
        place = folder / change.path
        if read(place) != change.before:
            raise ConfigurationError(f"{change.path} was changed just now; pull again")
        try:
            if change.after is None:
                place.unlink()
            else:
                folder.mkdir(parents=True, exist_ok=True)
                place.write_text(change.after, "utf-8", newline="\n")
        except OSError as error:
            raise ConfigurationError(
                f"cannot write to {folder}: {error.strerror or type(error).__name__}"
            ) from error
