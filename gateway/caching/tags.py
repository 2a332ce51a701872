"""The names by which entries are invalidated. Pure.

    Trend         everything that has anything of the type: every entry that reads its table has it
    Trend:7       one row: entries of that row have it
    Trend[]       what any change of any row changes: aggregates, conditions of others
    Trend[+]      lists: rows that come and go, or of which nobody knows what changed
    Trend[score]  lists that find or order their rows by this column
    topic_items   a table that no entity shows, or a collection of points
    Rate          what a declaration names: of a field, of a function

A change of known rows bumps their own tags, `Trend[]`, and `Trend[score]` where score is all that
it changed, else `Trend[+]`; one of unknown rows bumps `Trend`.
No row's tag is bumped without its type's `Trend[]`: that tells a fill, which learns only from its
answer which rows it shows, that none of them was changed meanwhile.
"""

from __future__ import annotations

import fnmatch
import re
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_TAG_BYTES = 512
_ANY_COLLECTION = "(collections)"
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


def of_collections(names: Iterable[str]) -> list[str]:
    """The tags of collections of points; "" for any of them."""
    return [name or _ANY_COLLECTION for name in names]


def of_change(
    name: str, keys: Iterable[tuple[Any, ...]] | None, changed: Iterable[str] | None = None
) -> list[str]:
    """What a change of these rows of a type invalidates; None stands for any rows.

    `changed`: the columns that have other values than before; None where rows may come or go.
    """
    if keys is None:
        return [name]
    found: list[str] = []
    for key in keys:
        tag = of_row(name, key)
        if tag is None or len(found) == MOST_ROWS:
            return [name]
        found.append(tag)
    return [*found, *of_lists(name, changed)] if found else []


def of_lists(name: str, changed: Iterable[str] | None) -> list[str]:
    """What a change of any row invalidates beside that row; `changed`: see `of_change`."""
    return [of_list(name), *([of_rows(name)] if changed is None else of_columns(name, changed))]


def of_rows(name: str) -> str:
    """The tag of lists of the type's rows, which those change that come and go."""
    return f"{name}[+]"


def of_columns(name: str, columns: Iterable[str]) -> list[str]:
    """The tags of lists that find or order the type's rows by these columns."""
    return [f"{name}[{column}]" for column in sorted(columns)]


def of_declared(tags: Iterable[str]) -> tuple[str, ...]:
    """What an answer hangs on whose declaration names these tags: all that stands for a change.

    The name of a type is any change of it, of its rows too, unless rows of it are named as well.
    """
    given = tuple(tags)
    rows = {tag.partition(":")[0] for tag in given if ":" in tag}
    found: dict[str, None] = {}
    for tag in given:
        name, column, _ = tag.partition("[")
        name = name.partition(":")[0]
        found.update({tag: None, name: None})
        if tag == name and name not in rows:
            found[of_list(name)] = None
        elif column and tag != of_list(name):
            found[of_rows(name)] = None
    return tuple(found)


def with_lists(tags: Iterable[str]) -> list[str]:
    """These tags, and what they imply: a row that any row changed, that in turn all lists.

    Where it is said which lists, it is those.
    """
    given = dict.fromkeys(tags)
    told = {tag.partition("[")[0] for tag in given if not tag.endswith("[]")}
    found = dict(given)
    for tag in given:
        name, row, _ = tag.partition(":")
        if row:
            found[of_list(name)] = None
        elif tag.endswith("[]") and tag[:-2] not in told:
            found[of_rows(tag[:-2])] = None
    return list(found)


def matching(pattern: str) -> Callable[[str], object]:
    """Whether a tag is like a pattern, in which `*` and `?` alone are special."""
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]"))).match


def of_lists_like(pattern: str) -> str:
    """A pattern of the lists of all types that may have rows like this pattern.

    Of rows that are being read nobody has tags yet; what is read of a list's type has that.
    """
    name, rows, _ = pattern.partition(":")
    if not rows:
        name = name.partition("*")[0].partition("?")[0] + ("*" if is_pattern(name) else "")
    return of_list(name)


def is_pattern(tag: str) -> bool:
    """Whether it stands for all tags that are like it."""
    return not {*tag}.isdisjoint("*?")


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


_FORMS: Mapping[type, Callable[[Any], str]] = {
    int: str,
    bool: lambda value: "true" if value else "false",
    str: _quoted,
    UUID: str,
    date: date.isoformat,
}
