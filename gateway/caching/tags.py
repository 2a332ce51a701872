"""The names by which entries are invalidated. Pure.

    Trend         everything that has anything of the type: every entry that reads its table has it
    Trend:7       one row: entries of that row have it
    Trend[]       what any change of any row changes: lists, relations, counts
    topic_items   a table that no entity shows

A change of known rows bumps their own tags and `Trend[]`; one of unknown rows bumps `Trend`.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

EVERYTHING = "*"
"""The tag that every entry has."""
MAX_TAG_BYTES = 512
MOST_ROWS = 256
"""Rows that are invalidated by their own tags; of more rows, the whole type is."""


def of_list(name: str) -> str:
    """The tag of what any change of the type's rows changes."""
    return f"{name}[]"


def of_row(name: str, key: Iterable[Any]) -> str | None:
    """The tag of one row; None where its key has a part that has more than one form.

    Parts are integers, booleans, texts, UUIDs and dates, percent-encoded, joined by commas.
    """
    parts = []
    for part in key:
        write = _FORMS.get(type(part))
        if write is None:
            return None
        parts.append(write(part))
    tag = f"{name}:{','.join(parts)}"
    return tag if len(tag) <= MAX_TAG_BYTES else None


def of_change(name: str, keys: Iterable[tuple[Any, ...]] | None) -> list[str]:
    """What a change of these rows of a type invalidates; None stands for any rows."""
    if keys is None:
        return [name]
    found: list[str] = []
    for key in keys:
        tag = of_row(name, key)
        if tag is None or len(found) == MOST_ROWS:
            return [name]
        found.append(tag)
    return [*found, of_list(name)] if found else []


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


_FORMS: Mapping[type, Callable[[Any], str]] = {
    int: str,
    bool: lambda value: "true" if value else "false",
    str: _quoted,
    UUID: str,
    date: date.isoformat,
}
