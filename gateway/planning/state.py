"""Stored values in a plan: what is asked of a namespace, and the readers of its arguments.

A `state` field is one step whatever its selection: the source answers all of it in one round trip.
Arguments are checked here as far as they can be without knowing how a namespace is set up.
"""

from __future__ import annotations

import enum
import math
import re
from typing import TYPE_CHECKING, Any

from gateway.planning.arguments import CheckedSpec, SplitSpec
from gateway.planning.making import members
from gateway.schema import opaque
from gateway.schema.asks import Part, StateChange, StateRead
from gateway.schema.columns.kinds import must_be
from gateway.schema.selection import TYPENAME
from gateway.schema.state.keys import MOST, glob, segment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.schema.selection import Field, Reader
    from gateway.schema.state.fields import StateWrite

MEMBER_BYTES = 1_024
LONGEST_LIFE = 10 * 366 * 86_400
"""Seconds; beyond it a life is a slip."""

INT64 = 1 << 63
_INT32 = 1 << 31
_CURSOR = re.compile(r"[0-9]{1,19}")


def read_ask(
    field: Field, reader: Reader, add: Callable[[Any], int]
) -> tuple[StateRead, tuple[int, ...]]:
    """What is asked below a `state` field, and its readers; `add` takes one into the plan."""
    spec = add(SplitSpec(field, lambda given: (_plain(given["namespace"]), ())))
    specs = [spec]
    parts = []
    for child in reader.below(field, "State"):
        if child.name == TYPENAME:
            parts.append(Part(child.key, TYPENAME, text="State"))
            continue
        own = add(CheckedSpec(child, READS[child.name]))
        specs.append(own)
        parts.append(Part(child.key, child.name, spec=own, parts=members(reader, child)))
    return StateRead(spec, tuple(parts)), tuple(specs)


def change_ask(
    field: Field, binding: StateWrite, reader: Reader, add: Callable[[Any], int]
) -> tuple[StateChange, int]:
    """A write, and its reader."""
    check = WRITES[binding.verb]
    spec = add(SplitSpec(field, lambda given: (_plain(given["namespace"]), (check(given),))))
    return StateChange(binding.verb, spec, members(reader, field)), spec


# Checks ------------------------------------------------------------------------------------------

if TYPE_CHECKING:
    Check = Callable[[Mapping[str, Any]], tuple[Any, ...]]


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _key(values: Mapping[str, Any]) -> str:
    return segment(values["key"])


def _number(values: Mapping[str, Any], name: str, low: int, high: int) -> int:
    number: int = values[name]
    if not low <= number <= high:
        raise must_be(name, f"from {low} to {high}")
    return number


def _several(values: Mapping[str, Any], name: str) -> Sequence[Any]:
    several: Sequence[Any] = values[name]
    if not 1 <= len(several) <= MOST:
        raise must_be(name, f"a list of 1 to {MOST}")
    return several


def _name(text: str, argument: str) -> bytes:
    """A field or member as it is stored: any text, but a bounded one."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise must_be(argument, "Unicode text") from None
    if len(encoded) > MEMBER_BYTES:
        raise must_be(argument, f"at most {MEMBER_BYTES} bytes long")
    return encoded


def _names(values: Mapping[str, Any], name: str) -> tuple[bytes, ...]:
    return tuple(_name(one, name) for one in _several(values, name))


def _keys(values: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(segment(one, "keys") for one in _several(values, "keys"))


def _life(values: Mapping[str, Any]) -> int | None:
    if values.get("ttlSeconds") is None:
        return None
    return _number(values, "ttlSeconds", 1, LONGEST_LIFE)


def _finite(number: float | None, name: str) -> float | None:
    if number is not None and not math.isfinite(number):
        raise must_be(name, "a finite number")
    return number


def _after(values: Mapping[str, Any], match: str) -> tuple[str, str] | None:
    """The place (node, cursor) a page begins at, of a cursor that this `match` gave."""
    text = values.get("after")
    if text is None:
        return None
    decoded = opaque.decode(text)
    if decoded is not None and decoded[0] == f"keys {match}":
        node, cursor = (*decoded[1], None, None)[:2]
        if node is not None and cursor is not None and _CURSOR.fullmatch(cursor):
            return node, cursor
    raise must_be("after", "the `endCursor` that the same `match` gave")


def _scan(values: Mapping[str, Any], name: str, high: int) -> tuple[Any, ...]:
    match = glob(values["match"])
    return match, _number(values, name, 1, high), _after(values, match)


def _of_key(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return (_key(values),)


def _hash(values: Mapping[str, Any]) -> tuple[Any, ...]:
    fields = None if values.get("fields") is None else _names(values, "fields")
    return _key(values), fields


def _list(values: Mapping[str, Any]) -> tuple[Any, ...]:
    start = _number(values, "start", -_INT32, _INT32 - 1)
    return _key(values), start, _number(values, "first", 1, MOST)


def _leaderboard(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        _key(values),
        _number(values, "first", 1, MOST),
        _number(values, "offset", 0, _INT32 - 1),
        _plain(values["order"]),
        _finite(values.get("minScore"), "minScore"),
        _finite(values.get("maxScore"), "maxScore"),
    )


def _of_member(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return _key(values), _name(values["member"], "member"), _plain(values.get("order"))


READS: Mapping[str, Check] = {
    "getMany": lambda values: (_keys(values),),
    "hash": _hash,
    "list": _list,
    "isMember": _of_member,
    "leaderboard": _leaderboard,
    "score": _of_member,
    "rank": _of_member,
    "keys": lambda values: _scan(values, "first", MOST),
    **dict.fromkeys(
        (
            *("get", "exists", "ttl", "kind", "counter", "hashLength", "listLength"),
            *("members", "memberCount", "leaderboardSize"),
        ),
        _of_key,
    ),
}
"""What is read of each field's arguments, by the field's name."""


def _set(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return _key(values), values["value"], _life(values), _plain(values.get("only"))


def _set_many(values: Mapping[str, Any]) -> tuple[Any, ...]:
    entries = _several(values, "entries")
    pairs = tuple((segment(one["key"], "entries.key"), one["value"]) for one in entries)
    return pairs, _life(values)


def _hash_set(values: Mapping[str, Any]) -> tuple[Any, ...]:
    entries = _several(values, "entries")
    return _key(values), tuple((_name(one["name"], "name"), one["value"]) for one in entries)


def _push(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return _key(values), tuple(_several(values, "values")), _plain(values["end"])


def _score_set(values: Mapping[str, Any]) -> tuple[Any, ...]:
    entries = _several(values, "entries")
    scores = tuple(
        (_finite(one["score"], "score"), _name(one["member"], "member")) for one in entries
    )
    return _key(values), scores, _plain(values.get("only"))


def _by(values: Mapping[str, Any]) -> int:
    by: int = values["by"]
    if not -INT64 <= by < INT64:
        raise must_be("by", "a 64-bit integer")
    return by


WRITES: Mapping[str, Check] = {
    "set": _set,
    "set_many": _set_many,
    "delete": lambda values: (_keys(values),),
    "delete_matching": lambda values: _scan(values, "limit", 100_000),
    "expire": lambda values: (_key(values), _life(values)),
    "increment": lambda values: (_key(values), _by(values)),
    "hash_set": _hash_set,
    "hash_delete": lambda values: (_key(values), _names(values, "names")),
    "push": _push,
    "pop": lambda values: (
        _key(values),
        _plain(values["end"]),
        _number(values, "count", 1, MOST),
    ),
    "set_add": lambda values: (_key(values), _names(values, "members")),
    "set_remove": lambda values: (_key(values), _names(values, "members")),
    "score_set": _score_set,
    "score_increment": lambda values: (
        _key(values),
        _name(values["member"], "member"),
        _finite(values["by"], "by"),
    ),
    "score_remove": lambda values: (_key(values), _names(values, "members")),
}
"""What is read of each write's arguments, by its verb."""
