"""Writes files so that all of them are there, or everything is as it was."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.scaffold.comparing import read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gateway.scaffold.comparing import FileChange


def write(folder: Path, changes: Sequence[FileChange]) -> None:
    """Make the files what `changes` say; None after means that a file goes.

    New texts are first put beside their places, then moved there. Raises `ConfigurationError`
    where that fails, or a file is no longer what it was when it was compared; then every file is
    as it was.
    """
    staged: dict[Path, Path] = {}
    moved: list[tuple[Path, str | None]] = []
    try:
        for change in changes:
            if change.after is not None:
                _stage(folder / change.path, change.after, staged)
        for change in changes:
            target = (folder / change.path).resolve()
            _must_be_as_compared(target, change)
            moved.append((target, change.before))
            _move(staged.pop(target, None), target)
    except BaseException as error:
        for target, before in reversed(moved):
            with suppress(OSError):
                _restore(target, before)
        for path in staged.values():
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ConfigurationError(
                f"cannot write to {folder}: {error.strerror or type(error).__name__}"
            ) from error
        raise


def _stage(place: Path, text: str, staged: dict[Path, Path]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    target = place.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    staged[target] = beside
    with beside.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if target.exists():
        beside.chmod(target.stat().st_mode & 0o777)


def _must_be_as_compared(target: Path, change: FileChange) -> None:
    if read(target) != change.before:
        raise ConfigurationError(f"{change.path} was changed just now; pull again")


def _move(beside: Path | None, target: Path) -> None:
    if beside is not None:
        beside.replace(target)
    else:
        target.unlink()


def _restore(target: Path, before: str | None) -> None:
    if before is None:
        target.unlink(missing_ok=True)
    else:
        target.write_bytes(before.encode())
