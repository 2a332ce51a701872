"""What of our values Directus would take for something else. Pure."""

from __future__ import annotations

import re
import uuid
from typing import Any

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_DYNAMIC = ("$NOW", "$CURRENT_")
"""How texts begin for which Directus puts the time, or what it knows of who asks it."""
_WORDS = frozenset({"true", "false", "null", "NULL"})
"""Texts that Directus takes for other values in a filter."""


def is_replaced(value: Any) -> bool:
    """Whether Directus would put something else for a value in a filter."""
    return isinstance(value, str) and (value.startswith(_DYNAMIC) or value in _WORDS)


def key_of(key_type: type, value: Any) -> Any:
    """A key as Directus is asked for it; None for what cannot be one."""
    if is_replaced(value):
        return None
    if key_type is int:
        return int(value) if _INTEGER.fullmatch(str(value)) else None
    if key_type is uuid.UUID:
        try:
            return str(uuid.UUID(str(value)))
        except ValueError:
            return None
    return value
