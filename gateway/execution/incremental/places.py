"""Places in a decoded answer: where something was left out, and whose errors are whose. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from gateway.documents.incremental.shares import KEY, type_of
from gateway.errors import SourceDataError
from gateway.execution.exchange import error_entry
from gateway.schema import opaque
from gateway.schema.selection import TYPENAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.documents.incremental.shares import Cut, Owner, Path, Share

Place: TypeAlias = tuple["str | int", ...]
"""Where a value is: keys, and numbers of entries."""
Error: TypeAlias = "dict[str, Any]"
"""An error as it leaves."""


class Target(NamedTuple):
    """A place where something was left out; `key` names the row, None is the root."""

    place: Place
    value: dict[str, Any]
    key: dict[str, Any] | None


class Stream:
    """A list on its way: its `entries` so far, the `rest`, and what was left out of those.

    `targets` are by the number an entry had at first.
    """

    def __init__(self, owner: Owner, place: Place, entries: list[Any]) -> None:
        self.owner = owner
        self.place = place
        self.entries = entries
        self.rest: list[Any] = []
        self.taken = 0
        self.targets: list[tuple[Cut, dict[int, Target]]] = []

    def hold(self) -> None:
        """Take all entries out of the list."""
        self.rest = self.entries[:]
        self.entries.clear()

    def know(self, cut: Cut, targets: Sequence[Target]) -> None:
        """Take what was left out of its own entries from among these."""
        length = len(self.place)
        own = [target for target in targets if is_below(target.place, self.place)]
        self.targets.append((cut, {int(target.place[length]): target for target in own}))


def streamed(share: Share, value: Any, place: Place) -> Iterator[Stream]:
    """The lists below an object that a share streams."""
    for path, owner in share.lists:
        for where, parent in found(value, path[:-1], place):
            entries = parent.get(path[-1]) if isinstance(parent, dict) else None
            if isinstance(entries, list):
                yield Stream(owner, (*where, path[-1]), entries)


def left_out(cut: Cut, key: Sequence[str], value: Any, place: Place) -> Iterator[Target]:
    """The places below an object where something was cut; `key`: the names of its rows' keys."""
    if cut.entity is None:
        if reached(value, cut.chain) is not None:
            yield Target(place, value, None)
        return
    for where, one in found(value, cut.path, place):
        head, parts = _shown(one)
        there = reached(one, cut.chain) is not None  # of a null nothing was left out
        if there and head == cut.entity and len(parts) == len(key):
            yield Target(where, one, {TYPENAME: head, **dict(zip(key, parts, strict=True))})


def found(value: Any, path: Path, place: Place) -> Iterator[tuple[Place, Any]]:
    """Every value at a path, with its place; lists on the way are entered."""
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from found(one, path, (*place, number))
    elif not path:
        yield place, value
    elif (name := type_of(path[0])) is not None:
        if _shown(value)[0] == name:
            yield from found(value, path[1:], place)
    elif isinstance(value, dict) and path[0] in value:
        yield from found(value[path[0]], path[1:], (*place, path[0]))


def _shown(value: Any) -> tuple[str, tuple[str | None, ...]]:
    """The type of an object and the key of its row, as it shows them under `KEY`."""
    shown = value.get(KEY) if isinstance(value, dict) else None
    return (opaque.decode(shown) or (shown, ())) if isinstance(shown, str) else ("", ())


def at(value: Any, place: Place) -> Any:
    """The value at a place."""
    for step in place:
        value = value[step]
    return value


def upto(place: Place, depth: int, *, entered: bool) -> Place:
    """The part of a place that has so many keys, with the numbers of entries behind the last."""
    keys = 0
    for number, step in enumerate(place):
        if isinstance(step, str):
            if keys == depth:
                return place[:number]
            keys += 1
        elif keys == depth and not entered:
            return place[:number]
    return place


def is_below(place: Place, other: Place) -> bool:
    """Whether a place is another, or within it."""
    return place[: len(other)] == other


def clean(value: Any) -> None:
    """Take out the keys of rows, for which no client asked."""
    if isinstance(value, dict):
        value.pop(KEY, None)
        for one in value.values():
            clean(one)
    elif isinstance(value, list):
        for one in value:
            clean(one)


def reached(row: Any, chain: Path) -> Any:
    """The object at the end of a chain; None where it is not there."""
    for key in chain:
        row = row[key] if isinstance(row, dict) else None
    return row


# Errors ------------------------------------------------------------------------------------------


def of_row(number: int, errors: Sequence[Error]) -> list[Error]:
    """The errors of one row of `_entities`, or of all."""
    found_here: list[Error] = []
    for error in errors:
        path = error.get("path") or []
        if len(path) < 2 or path[1] == number:  # noqa: PLR2004 - the field and the row
            found_here.append({**error, "path": path[2:]})
    return found_here


def placed(errors: Sequence[Error], place: Place) -> list[Error]:
    """Errors with the path that the client knows."""
    return [{**error, "path": [*place, *(error.get("path") or ())]} for error in errors]


def gone(place: Place) -> Error:
    """The error of something that was there when its place was found."""
    return error_entry(SourceDataError("What this belongs to is not there any more."), place)
