"""Conditions on parts of texts: patterns of SQL's LIKE, written by clients or made of plain texts.

What is made here is a pattern like any other, so that SQL knows `like` and `ilike` alone, and what
is `%`, `_` or a backslash in a plain text stands for itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from gateway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Part(NamedTuple):
    """A condition that takes a plain text: the operator and pattern it becomes, what it means."""

    operator: str
    pattern: str
    says: str


PATTERNS: Mapping[str, str] = {
    "like": "Matches the pattern: `%` any text, `_` any character.",
    "ilike": "Like `like`, whatever the case.",
}
PARTS: Mapping[str, Part] = {
    "contains": Part("like", "%{}%", "Contains this."),
    "icontains": Part("ilike", "%{}%", "Contains this, whatever the case."),
    "startsWith": Part("like", "{}%", "Begins with this."),
    "istartsWith": Part("ilike", "{}%", "Begins with this, whatever the case."),
    "endsWith": Part("like", "%{}", "Ends with this."),
    "iendsWith": Part("ilike", "%{}", "Ends with this, whatever the case."),
}
_SPECIAL = re.compile(r"[%_\\]")


def pattern_of(operator: str, text: str, where: str) -> tuple[str, str]:
    """`like` or `ilike`, and the pattern that a condition of `PATTERNS` or `PARTS` means by a text.

    Raises InputError where a client's pattern ends in the middle of an escape.
    """
    part = PARTS.get(operator)
    if part is not None:
        return part.operator, part.pattern.format(_SPECIAL.sub(r"\\\g<0>", text))
    if (len(text) - len(text.rstrip("\\"))) % 2:
        raise InputError.about(where, "must not end in a single backslash; double it")
    return operator, text
