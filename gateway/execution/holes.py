"""Answers with holes: cut where other sources' values belong, and joined when those are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import InputError
from gateway.sources.contract import HOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.planning.steps import Fetch
    from gateway.sources.contract import Key, Value


class Call:
    """One prepared request of a wave, and the holes it fills: payload → the value's bytes."""

    __slots__ = ("arguments", "fetch", "filled", "payloads")

    def __init__(self, fetch: Fetch, arguments: tuple[Any, ...]) -> None:
        self.fetch = fetch
        self.arguments = arguments
        self.payloads: dict[bytes, None] = {}
        self.filled: dict[bytes, bytes] = {}

    def keys(self) -> list[Key | None]:
        """The keys the payloads carry, in their order; None where one cannot be a key."""
        keys: list[Key | None] = [
            tuple(parts[1:]) for parts in orjson.loads(b"[" + b",".join(self.payloads) + b"]")
        ]
        convert = self.fetch.convert
        if convert is None:
            return keys
        return [_converted(convert, key or ()) for key in keys]


def believing(row: bytes, believed: Mapping[str, Any]) -> bytes:
    """A row with what its representation says, as its resolvers find it."""
    said = orjson.dumps({f"~{name}": value for name, value in believed.items()})
    return row[:-1] + (b"," if len(row) > len(b"{}") else b"") + said[1:]


def _converted(convert: tuple[Callable[[Any, str], Any], ...], key: Key) -> Key | None:
    try:
        return tuple([bind(part, "key") for bind, part in zip(convert, key, strict=True)])
    except InputError:
        return None


def split(answer: Value, by_slot: list[Call]) -> tuple[list[bytes], list[Call]] | None:
    """An answer cut at its holes; what is in them goes to the calls that will fill them."""
    if not by_slot or not isinstance(answer, bytes) or HOLE not in answer:
        return None
    parts = answer.split(HOLE)
    payloads = parts[1::2]
    if len(by_slot) == 1:
        by_slot[0].payloads.update(dict.fromkeys(payloads))
        return parts, by_slot
    for payload in dict.fromkeys(payloads):
        by_slot[slot(payload)].payloads[payload] = None
    return parts, by_slot


def slot(payload: bytes) -> int:
    """The slot number in `[slot,key…]`."""
    return int(payload[1 : payload.find(b",")])


def joined(parts: list[bytes], by_slot: list[Call]) -> bytes:
    """The answer with its holes filled."""
    payloads = parts[1::2]
    if len(by_slot) == 1:
        parts[1::2] = map(by_slot[0].filled.__getitem__, payloads)
    else:
        parts[1::2] = [by_slot[slot(payload)].filled[payload] for payload in payloads]
    return b"".join(parts)
