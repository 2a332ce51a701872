"""What Redis stores, as JSON that may go into a response."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from gateway.errors import SourceDataError

if TYPE_CHECKING:
    from gateway.sources.contract import Value

VALUE_BYTES = 1_048_576
INT_MIN, INT_MAX = -(2**31), 2**31 - 1

_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")  # as Redis itself writes them, 64 bits
_SCORE = re.compile(rb"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")


def counter(stored: bytes | None) -> Value:
    """A counter as GraphQL `Int`. One that was never counted up is 0, as INCR sees it."""
    if stored is None:
        return b"0"
    if _INTEGER.fullmatch(stored) is None:
        return SourceDataError("the stored value is not an integer")
    if not INT_MIN <= int(stored) <= INT_MAX:
        return SourceDataError("the counter is beyond the range of Int")
    return stored


def big_counter(stored: bytes | None) -> Value:
    """A counter as `BigInt`: a string of digits."""
    if stored is None:
        return b'"0"'
    if _INTEGER.fullmatch(stored) is None:
        return SourceDataError("the stored value is not an integer")
    return b'"' + stored + b'"'


def score(stored: bytes | None) -> Value:
    """A score of a sorted set, as Redis writes it: JSON too, unless it is infinite."""
    if stored is None:
        return None
    if _SCORE.fullmatch(stored) is None:
        return SourceDataError("the stored score is not finite")
    return stored


def text_value(stored: bytes | None, limit: int = VALUE_BYTES) -> Value:
    """Stored UTF-8 text as a JSON string; None where there is none. `limit`: bytes."""
    if stored is None:
        return None
    if len(stored) > limit:
        return SourceDataError("the stored value is too large")
    try:
        return orjson.dumps(stored.decode())
    except UnicodeDecodeError:
        return SourceDataError("the stored value is not text")


def json_value(stored: bytes | None, limit: int = VALUE_BYTES) -> Value:
    """A stored JSON text, checked; None where there is none. `limit`: bytes."""
    if stored is None:
        return None
    if len(stored) > limit:
        return SourceDataError("the stored value is too large")
    try:
        orjson.loads(stored)
    except orjson.JSONDecodeError:
        return SourceDataError("the stored value is not JSON")
    # A tab in valid JSON stands between tokens, where the engine would take it for a hole.
    return stored.replace(b"\t", b" ")
