"""Fields of entities: how each kind is asked for, for many keys at once, and how it reads."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from gateway.errors import SourceDataError
from gateway.sources.pieces import array, members
from gateway.sources.redis.link import Command
from gateway.sources.redis.reads import BEYOND, scanned, set_members
from gateway.sources.redis.values import counter, json_value, text_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.sources.contract import Value
    from gateway.sources.redis.link import Word

FIRST = 100
"""Values of a list that a field shows."""


class Kind(StrEnum):
    """How a stored value is read."""

    COUNTER = "counter"
    VALUE = "value"
    TEXT = "text"
    HASH = "hash"
    LIST = "list"
    MEMBERS = "members"

    def questions(self, keys: Sequence[bytes]) -> tuple[Sequence[bytes], list[Command]]:
        """What to ask for these keys: look-ups where one MGET serves, else a command for each."""
        if self not in _COMMANDS:
            return keys, []
        name, *rest = _COMMANDS[self]
        return (), [Command((name, key, *rest)) for key in keys]


_COMMANDS: Mapping[Kind, tuple[Word, ...]] = {
    Kind.HASH: ("HSCAN", 0, "COUNT", BEYOND),
    Kind.LIST: ("LRANGE", 0, FIRST - 1),
    Kind.MEMBERS: ("SSCAN", 0, "COUNT", BEYOND),
}


def command(kind: Kind) -> str:
    """The command's name, for `explain`."""
    return str(_COMMANDS[kind][0]) if kind in _COMMANDS else "MGET"


def _list(answer: Sequence[bytes]) -> Value:
    return array(list(map(json_value, answer))) if answer else None


def _hash(answer: Any) -> Value:
    found = scanned(answer, "hash")
    if isinstance(found, SourceDataError):
        return found
    try:
        names = [name.decode() for name in found[::2]]
    except UnicodeDecodeError:
        return SourceDataError("the hash has a field whose name is not text")
    values = map(json_value, found[1::2])
    return members(zip(names, values, strict=True)) if names else None


def _members(answer: Any) -> Value:
    found = set_members(answer)
    return None if found == b"[]" else found


READERS: Mapping[Kind, Callable[[Any], Value]] = {
    Kind.COUNTER: counter,
    Kind.VALUE: json_value,
    Kind.TEXT: text_value,
    Kind.HASH: _hash,
    Kind.LIST: _list,
    Kind.MEMBERS: _members,
}
"""How an answer reads as JSON; None where nothing is stored."""
