"""Writes what may be written."""

from __future__ import annotations

from shutil import copymode
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.scaffold.comparing import read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gateway.scaffold.comparing import FileChange


def write(folder: Path, changes: Sequence[FileChange]) -> None:
    """Make the files what `changes` say, all or none; None after means that a file goes.

    Each is written beside its place, and takes it once all are. Raises `ConfigurationError` where
    one cannot be written, or is no longer what it was when it was compared.
    """
    beside: dict[Path, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for change in changes:
            if change.after is not None:
                place = (folder / change.path).resolve()  # a link stays one
                beside[place] = place.with_name(f".{place.name}.pulled")
                _write_beside(place, beside[place], change.after)
        for change in changes:
            if read(folder / change.path) != change.before:
                raise ConfigurationError(f"{change.path} was changed just now; pull again")
        for place, written in beside.items():
            written.replace(place)
        for gone in (folder / change.path for change in changes if change.after is None):
            gone.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {folder}: {error.strerror or type(error).__name__}"
        ) from error
    finally:
        for written in beside.values():
            written.unlink(missing_ok=True)


def _write_beside(place: Path, beside: Path, text: str) -> None:
    beside.write_text(text, "utf-8", newline="\n")
    if place.exists():
        copymode(place, beside)
