"""Places in a decoded answer, and the errors that belong to them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.documents.shares import KEY
from gateway.errors import SourceDataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.documents.shares import Path
    from gateway.errors import PlaitError

Place: TypeAlias = tuple["str | int", ...]
"""Where a value is: keys, and numbers of entries."""
Error: TypeAlias = "dict[str, Any]"
"""An error as it leaves."""


def found(value: Any, path: Path, place: Place) -> Iterator[tuple[Place, Any]]:
    """Every value at a path, with its place; lists on the way are entered."""
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from found(one, path, (*place, number))
    elif not path:
        yield place, value
    elif isinstance(value, dict) and path[0] in value:
        yield from found(value[path[0]], path[1:], (*place, path[0]))


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
    return fault(SourceDataError("What this belongs to is not there any more."), place)


def fault(error: PlaitError, place: Place) -> Error:
    """An error of ours at a place, as it leaves."""
    return {"message": error.message, "path": list(place), "extensions": error.extensions}
