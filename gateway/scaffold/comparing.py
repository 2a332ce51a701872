"""What would be written beside what is there: which files may be, and which a person changed.

The first line of a written file is a hash of the rest, by which a person's changes are seen.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path


_BEGINS = "# plait pull wrote this: "


class State(StrEnum):
    """How a file stands to what would be written."""

    NEW = "new"
    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    YOURS = "yours"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file of the package, by its path within it.

    `before` is what is there, `after` what would be; None where there is no file. `YOURS` means
    that a person changed it since it was written and that there is something new for it.
    """

    path: str
    state: State
    before: str | None
    after: str | None

    @property
    def may_be_written(self) -> bool:
        """Whether writing it destroys nothing a person did."""
        return self.state in {State.NEW, State.CHANGED, State.GONE}

    def diff(self) -> Iterator[str]:
        """A unified diff from what is there to what would be, line by line."""
        before, after = self.before or "", self.after or ""
        yield from difflib.unified_diff(
            before.splitlines(),
            after.splitlines(),
            self.path if self.before is not None else "/dev/null",
            self.path if self.after is not None else "/dev/null",
            lineterm="",
        )


def compare(
    folder: Path, files: Mapping[str, str], forced: Collection[Path] = ()
) -> list[FileChange]:
    """One entry per file that is there or would be, by path.

    A file a person changed is left alone as long as there is nothing new for it: its first line
    still names what would be written. `forced` are files, as resolved paths, whose changes by hand
    may be lost. Raises `ConfigurationError` where a file cannot be read, and for a forced one that
    is no file of the package.
    """
    known = {(folder / path).resolve() for path in files}
    for path in forced:
        if path not in known:
            raise ConfigurationError(f"--force: {path.name} is not a file of this package")
    changes = []
    for name, after in files.items():
        before = read(folder / name)
        forces = (folder / name).resolve() in forced
        changes.append(FileChange(name, _state(before, after, forces=forces), before, after))
    changes += [
        FileChange(name, State.GONE if is_untouched(before) else State.YOURS, before, None)
        for name, before in _written(folder)
        if name not in files
    ]
    return sorted(changes, key=lambda change: change.path)


def _state(before: str | None, after: str, *, forces: bool) -> State:
    if before is None:
        return State.NEW
    if before == after:
        return State.SAME
    if is_untouched(before) or forces:
        return State.CHANGED
    return State.SAME if stamp_of(before) == stamp_of(after) else State.YOURS


def _written(folder: Path) -> Iterator[tuple[str, str]]:
    """The files `plait pull` wrote into the package, by path."""
    for found in sorted(folder.glob("*.py")):
        text = read(found)
        if text is not None and stamp_of(text) is not None:
            yield found.relative_to(folder).as_posix(), text


def read(path: Path) -> str | None:
    """A file's text, None where there is none. Raises `ConfigurationError`."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {type(error).__name__}") from None


def stamped(body: str) -> str:
    """The body under its hash."""
    return f"{_BEGINS}{_hash(body)}\n{body}"


def stamp_of(text: str) -> str | None:
    """The hash in the first line, None where there is none: then `plait pull` did not write it."""
    first = text.partition("\n")[0]
    return first.removeprefix(_BEGINS).strip() if first.startswith(_BEGINS) else None


def is_untouched(text: str) -> bool:
    """Whether the file is as it was written."""
    return stamp_of(text) == _hash(text.partition("\n")[2])


def _hash(body: str) -> str:
    return sha256(body.encode()).hexdigest()[:32]
