"""Answers with marks: the rows they show by reference, taken out and made tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from gateway.caching.answers import Loaded
from gateway.caching.tags import of_list, of_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.contract import Value

_BEGIN = b',"~'
_STRING = rb'"(?:[^"\\]|\\.)*"'
_MARK = re.compile(rb',"~(\d+)":(null|true|false|-?\d+|%b|\[(?:[^"\]]|%b)*\])' % (_STRING, _STRING))
"""Nothing else is written so: a quote within a string has a backslash before it, no name of a
member of ours begins like this and with a digit, and documents have spaces between their members.
"""
MOST_FOUND, MOST_LETTERS = 200, 8_192
"""Rows by whose tags an answer is kept, and letters of these; of more, it is by those of any change
of their types.
"""


def unmarked(answer: Value, types: Sequence[str | None]) -> Value | Loaded:
    """An answer without its marks, and the tags of what they name.

    `types` are those of the marks; None for one that tells nothing new.
    """
    if type(answer) is not bytes or _BEGIN not in answer:
        return answer
    pieces = _MARK.split(answer)  # text, place, key, text, …
    found: dict[tuple[str, bytes], None] = {}
    for place, key in dict.fromkeys(zip(pieces[1::3], pieces[2::3], strict=True)):
        name = types[int(place)]
        if name is not None:
            found[name, key] = None
    return Loaded(b"".join(pieces[::3]), _tags(found))


def _tags(found: dict[tuple[str, bytes], None]) -> tuple[str, ...]:
    tags: dict[str, None] = {}
    for name, written in found:
        if written.isdigit():  # most are; the same as below, only sooner
            tags[f"{name}:{written.decode()}"] = None
            continue
        given = orjson.loads(written)
        key = given if isinstance(given, list) else [given]
        if None not in key:
            tags[of_row(name, key) or of_list(name)] = None
    if len(tags) > MOST_FOUND or sum(map(len, tags)) > MOST_LETTERS:
        return tuple(dict.fromkeys(of_list(name) for name, _ in found))
    return tuple(tags)
