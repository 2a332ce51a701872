"""Items of Directus in response shape, by functions made once for a selection. Pure.

A reader takes a decoded value, never null, and the errors found so far; it gives what orjson
writes. What is not of its type is an error in its place where that may be null, and fails what is
around it where not. Errors and holes are written as raw bytes that no JSON holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import orjson

from gateway.errors import PlaitError, SourceRefused
from gateway.schema.items.kinds import Misshapen
from gateway.sources.contract import HOLE, Pieces, Value

Read: TypeAlias = Callable[[Any, list[PlaitError]], Any]

FILE_KEY = "id"
"""The key of Directus's own collection of files."""

COLLECTION = "collection"
"""The field of a junction that names the collection of an item, where there are several."""

_FAILED = b"\0"


class Part(NamedTuple):
    """A member of an object: `key` in the response, `name` in the item (empty: of no field)."""

    key: str
    name: str
    read: Read
    nullable: bool = True


def written(made: Any, errors: list[PlaitError]) -> Value:
    """What was read as JSON, with the errors in their places."""
    text = orjson.dumps(made)
    if not errors:
        return text
    pieces: list[bytes | PlaitError] = [
        errors[int(piece)] if index % 2 else piece
        for index, piece in enumerate(text.split(_FAILED))
    ]
    return Pieces(pieces)


def misshapen(what: str) -> SourceRefused:
    """The error of a value that is not of its type; `what` names its field."""
    return SourceRefused(f"The value of `{what}` in Directus is not what its type says.")


def marked(error: PlaitError, errors: list[PlaitError]) -> orjson.Fragment:
    """What stands for an error until the whole is written."""
    errors.append(error)
    return orjson.Fragment(b"%b%d%b" % (_FAILED, len(errors) - 1, _FAILED))


def _failed(name: str, nullable: bool, errors: list[PlaitError]) -> orjson.Fragment:  # noqa: FBT001 - on a hot path
    if not nullable:
        raise Misshapen(name)
    return marked(misshapen(name), errors)


# Readers -----------------------------------------------------------------------------------------


def object_of(parts: Sequence[Part]) -> Read:
    """An item, with what was selected of it."""

    def read_item(item: Any, errors: list[PlaitError]) -> dict[str, Any]:
        if type(item) is not dict:
            raise Misshapen
        made: dict[str, Any] = {}
        for key, name, read, nullable in parts:
            if not name:
                made[key] = read(None, errors)
                continue
            if name not in item:
                made[key] = _failed(name, nullable, errors)
                continue
            value = item[name]
            if value is None:
                if not nullable:
                    raise Misshapen(name)
                made[key] = None
                continue
            try:
                made[key] = read(value, errors)
            except Misshapen:
                made[key] = _failed(name, nullable, errors)
        return made

    return read_item


def constant(text: str) -> Read:
    """A text known beforehand."""
    return lambda _value, _errors: text


def value(convert: Callable[[Any], Any]) -> Read:
    """A value of one kind."""
    return lambda given, _errors: convert(given)


def asset(prefix: str) -> Read:
    """The address of a file, by its id or by the file itself."""

    def read(given: Any, _errors: list[PlaitError]) -> str:
        own = given.get(FILE_KEY) if isinstance(given, dict) else given
        if not isinstance(own, str):
            raise Misshapen
        return prefix + own

    return read


def hole(slot: int) -> Read:
    """A place for another source's value."""

    def read(given: Any, _errors: list[PlaitError]) -> orjson.Fragment:
        if isinstance(given, bool) or not isinstance(given, str | int | float):
            raise Misshapen
        return orjson.Fragment(b"%b[%d,%b]%b" % (HOLE, slot, orjson.dumps(given), HOLE))

    return read


def many(read: Read) -> Read:
    """Items that lead back here."""

    def read_all(given: Any, errors: list[PlaitError]) -> list[Any]:
        if type(given) is not list:
            raise Misshapen
        return [read(item, errors) for item in given]

    return read_all


def through(name: str, read: Read) -> Read:
    """Items on the far side of a junction, whose rows without one are left out."""

    def read_all(given: Any, errors: list[PlaitError]) -> list[Any]:
        return [read(item[name], errors) for item in _junction(given) if item.get(name) is not None]

    return read_all


def any_of(name: str, reads: Mapping[str, Read]) -> Read:
    """The same where the far side may be of several collections; unknown ones are left out."""

    def read_all(given: Any, errors: list[PlaitError]) -> list[Any]:
        return [
            reads[item[COLLECTION]](item[name], errors)
            for item in _junction(given)
            if item.get(name) is not None and item.get(COLLECTION) in reads
        ]

    return read_all


def _junction(given: Any) -> list[dict[str, Any]]:
    if type(given) is not list or not all(type(item) is dict for item in given):
        raise Misshapen
    return given
