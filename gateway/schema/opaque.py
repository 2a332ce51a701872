"""Opaque text for clients to hand back: cursors and global node ids.

Both are a JSON array of texts in base64. The first text says what the
rest belongs to (an ordering's signature, a type's name), so that a cursor of another list or an id
of another type is noticed. They are not secret and not signed: whatever is decoded is validated
like any other input. SQL writes the same bytes (`gateway.sources.postgres.reads.scalars.opaque`).
"""

from __future__ import annotations

import base64
import binascii
import re

import orjson

MAX_LENGTH = 65_536
"""A cursor holds the values of its order keys, which may be long texts."""
_OPAQUE = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def encode(head: str, values: tuple[str | None, ...]) -> str:
    """`["head","v1",null]` as opaque text."""
    return base64.b64encode(orjson.dumps([head, *values])).decode()


def decode(text: str) -> tuple[str, tuple[str | None, ...]] | None:
    """The head and the values of an opaque text, or None where it is not one of ours."""
    if len(text) > MAX_LENGTH or not _OPAQUE.fullmatch(text):
        return None
    try:
        parts = orjson.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], str):
        return None
    if any(part is not None and not isinstance(part, str) for part in parts):
        return None
    return parts[0], tuple(parts[1:])
