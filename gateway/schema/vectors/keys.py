"""The keys by which points tell their rows, as they are kept and in JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from gateway.schema.columns import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def plain_key(held: Any) -> int | str | None:
    """A key as it is kept."""
    return held if isinstance(held, int | str) and not isinstance(held, bool) else None


def _integer(held: Any) -> int | None:
    if isinstance(held, str) and held.isascii() and held.isdigit():
        held = int(held)
    fits = isinstance(held, int) and not isinstance(held, bool) and -(2**63) <= held < 2**63
    return held if fits else None


def _text(held: Any) -> str | None:
    key = plain_key(held)
    return None if key is None else str(key)


def _uuid(held: Any) -> UUID | None:
    try:
        return UUID(held) if isinstance(held, str) else None
    except ValueError:
        return None


KEYS: Mapping[str, Callable[[Any], int | str | UUID | None]] = {
    kinds.INT.name: _integer,
    kinds.INT_ID.name: _integer,
    kinds.BIGINT.name: _integer,
    kinds.TEXT.name: _text,
    kinds.TEXT_ID.name: _text,
    kinds.UUID.name: _uuid,
    kinds.UUID_ID.name: _uuid,
}
"""What is kept with a point, or stands in JSON, as the key of an entity; None where it is none."""
