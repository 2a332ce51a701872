"""From Directus's answers to values in response shape. Pure.

Raises SourceRefused where an answer as a whole is not what was asked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from gateway.errors import PlaitError, SourceRefused
from gateway.schema.asks import Constant, Fact
from gateway.schema.items.asks import Measured, MeasuredObject
from gateway.schema.items.kinds import INT, Misshapen
from gateway.sources.contract import HOLE
from gateway.sources.directus.prepared import COUNTS
from gateway.sources.directus.shapes import marked, misshapen, written
from gateway.sources.directus.values import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.contract import Key, Value
    from gateway.sources.directus.prepared import (
        PreparedGroups,
        PreparedItems,
        PreparedLookup,
        PreparedSingle,
    )
    from gateway.sources.directus.shapes import Read

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def list_value(prepared: PreparedItems, data: bytes, meta: bytes) -> Value:
    """The object of a list."""
    errors: list[PlaitError] = []
    reads = iter(prepared.selection.reads)
    counts = _decoded(meta) if prepared.counts and meta else None
    made: dict[str, Any] = {}
    for part in prepared.ask.parts:
        if isinstance(part, Constant):
            made[part.key] = part.text
        elif isinstance(part, Fact):
            given = counts.get(COUNTS[part.name]) if isinstance(counts, dict) else None
            made[part.key] = _measure(INT.read, given, part.name, errors)
        else:
            made[part.key] = _items(prepared, next(reads), data, errors)
    return written(made, errors)


def _items(prepared: PreparedItems, read: Read, data: bytes, errors: list[PlaitError]) -> Any:
    """The items, as they are where nothing about them is to be changed."""
    if prepared.plain is not None:
        try:
            prepared.plain.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass  # read one by one, what is wrong is found where it is
        else:
            return orjson.Fragment(data.replace(HOLE, b" "))
    items = _list(data)
    try:
        return [read(item, errors) for item in items]
    except Misshapen as wrong:
        raise misshapen(str(wrong) or "data") from None


def looked_up(prepared: PreparedLookup, data: bytes, keys: Sequence[Key], most: int) -> list[Value]:
    """The items in the order of the keys; where several have a key, the first.

    Where as many came as were asked for at `most`, a key without any is an error, not known to have
    none.
    """
    by_key: dict[str, Any] = {}
    items = _list(data)
    for item in items:
        own = item.get(prepared.match) if isinstance(item, dict) else None
        if own is not None:
            by_key.setdefault(same_key(own), item)
    (read,) = prepared.selection.reads
    absent = None
    if not prepared.unique and len(items) >= most:
        absent = SourceRefused(
            f"Directus gave {most} items by `{prepared.match}`, the most it is asked for, and none "
            "for this value; make the field unique there, or raise `max_items`."
        )
    values: list[Value] = []
    for (given,) in keys:
        key = key_of(prepared.key_type, given)
        item = None if key is None else by_key.get(same_key(key))
        values.append(absent if item is None and key is not None else _one(read, item))
    return values


def same_key(value: Any) -> str:
    """A key's text, by which it is found: a UUID whatever its case, a number as its digits."""
    text = str(value)
    return text.lower() if _UUID.fullmatch(text) else text


def single_value(prepared: PreparedSingle, data: bytes) -> Value:
    """The item of a singleton; None where it was never written."""
    item = _decoded(data)
    if not isinstance(item, dict):
        raise SourceRefused("Directus gave something else than an item.")
    (read,) = prepared.selection.reads
    return None if item.get(prepared.key) is None else _one(read, item)


def groups_value(prepared: PreparedGroups, data: bytes) -> Value:
    """The list of groups."""
    errors: list[PlaitError] = []
    made = []
    for row in _list(data):
        if not isinstance(row, dict):
            raise SourceRefused("Directus gave something else than groups.")
        made.append({part.key: _part(part, row, errors) for part in prepared.ask.parts})
    return written(made, errors)


def _part(part: Any, row: dict[str, Any], errors: list[PlaitError]) -> Any:
    match part:
        case Constant():
            return part.text
        case MeasuredObject():
            return {one.key: _part(one, row, errors) for one in part.parts}
        case Measured(function=""):
            return _measure(part.kind.read, row.get(part.field), part.field, errors)
    given = row.get(part.function)
    if isinstance(given, dict):
        given = given.get(part.field)
    if given is None and not part.nullable:
        raise misshapen(part.function)
    name = f"{part.function} of {part.field}"
    return _measure(part.kind.read, given, name, errors)


def _measure(read: Any, given: Any, name: str, errors: list[PlaitError]) -> Any:
    """A value that may be null, or its error."""
    if given is None:
        return None
    try:
        return read(given)
    except Misshapen:
        return marked(misshapen(name), errors)


def _one(read: Read, item: Any) -> Value:
    if item is None:
        return None
    errors: list[PlaitError] = []
    try:
        return written(read(item, errors), errors)
    except Misshapen as wrong:
        return misshapen(str(wrong) or "data")


def _list(data: bytes) -> list[Any]:
    found = _decoded(data)
    if not isinstance(found, list):
        raise SourceRefused("Directus gave something else than a list.")
    return found


def _decoded(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise SourceRefused("Directus gave something else than JSON.") from None
