"""JSON put together of values that may have failed, each in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from gateway.sources.contract import Pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.sources.contract import Value


def joined(values: Iterable[Value]) -> bytes | Pieces:
    """Values one behind the other; `bytes` as long as none failed."""
    parts: list[object] = []
    whole = True
    for value in values:
        if value is None:
            parts.append(b"null")
        elif isinstance(value, Pieces):
            parts += value
            whole = False
        else:
            parts.append(value)
            whole = whole and isinstance(value, bytes)
    return b"".join(parts) if whole else Pieces(parts)  # type: ignore[arg-type]  # all bytes then


def array(values: Sequence[Value]) -> bytes | Pieces:
    """A JSON array."""
    return joined([b"[", *_separated([(value,) for value in values]), b"]"])


def members(found: Iterable[tuple[str, Value]]) -> bytes | Pieces:
    """A JSON object."""
    pairs = [(orjson.dumps(name) + b":", value) for name, value in found]
    return joined([b"{", *_separated(pairs), b"}"])


def _separated(groups: Sequence[tuple[Value, ...]]) -> list[Value]:
    parts: list[Value] = []
    for group in groups:
        if parts:
            parts.append(b",")
        parts += group
    return parts
