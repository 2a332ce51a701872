"""Point ids as Qdrant has them: unsigned 64-bit integers, or UUIDs written as text."""

from __future__ import annotations

from typing import Any, TypeAlias
from uuid import UUID

from gateway.errors import InputError

PointId: TypeAlias = int | str
"""An integer, or a UUID in its canonical text form."""

_LARGEST = 2**64 - 1
_LONGEST = 64


def point_id(value: Any) -> PointId | None:
    """The point id that `value` (integer, UUID, or either as text) stands for; None for no id."""
    if isinstance(value, str) and len(value) <= _LONGEST:
        if not (value.isascii() and value.isdigit()):
            return _uuid(value)
        value = int(value)
    elif isinstance(value, UUID):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    return None


def parse_point_id(value: Any, name: str) -> PointId:
    """Like `point_id`. Raises `InputError` calling the value `name` when it is no id."""
    found = point_id(value)
    if found is None:
        raise InputError.about(name, "is not a point id: give an unsigned integer or a UUID")
    return found


def _uuid(value: str) -> str | None:
    try:
        return str(UUID(value))
    except ValueError:
        return None
