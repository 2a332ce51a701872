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


def counter(stored: bytes | None) -> Value:
    """A counter as GraphQL `Int`. One that was never counted up is 0, as INCR sees it."""
    if stored is None:
        return b"0"
    if _INTEGER.fullmatch(stored) is None:
        return SourceDataError("the stored value is not an integer")
    if not INT_MIN <= int(stored) <= INT_MAX:
        return SourceDataError("the counter is beyond the range of Int")
    return stored


def json_value(stored: bytes | None) -> Value:
    """A stored JSON text, checked; None where there is none."""
    if stored is None:
        return None
    if len(stored) > VALUE_BYTES:
        return SourceDataError("the stored value is too large")
    try:
        orjson.loads(stored)
    except orjson.JSONDecodeError:
        return SourceDataError("the stored value is not JSON")
    # A tab in valid JSON stands between tokens, where the engine would take it for a hole.
    return stored.replace(b"\t", b" ")
