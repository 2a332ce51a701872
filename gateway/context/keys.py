r"""Keys and patterns, checked once for all engines.

A key is 1 to 240 bytes of UTF-8: printable characters without white space, none of
`* ? [ ] { } \`, in Unicode's composed form (NFC). It may have segments between `/`, none of
them empty, `.` or `..`.
In a pattern `*` stands for any characters and `?` for one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from gateway.errors import InputError

MAX_KEY_BYTES = 240
MAX_STARS = 8

_SPECIAL = frozenset("*?[]{}\\ ")
_WILDCARDS = frozenset("*?")
_WILD = re.compile(r"([*?])")


def check_key(key: object) -> str:
    """The key. Raises InputError that says what a key must be."""
    _check(key, "A key", _SPECIAL)
    text = str(key)
    if any(part in {"", ".", ".."} for part in text.split("/")):
        raise InputError("A key has no empty segment between `/`, and none that is `.` or `..`.")
    return text


def _check(text: object, what: str, special: frozenset[str]) -> None:
    if not isinstance(text, str) or not text:
        raise InputError(f"{what} is a text that is not empty.")
    # Characters are counted first, so that a huge text costs nothing; a surrogate has no bytes.
    if len(text) > MAX_KEY_BYTES or len(text.encode(errors="replace")) > MAX_KEY_BYTES:
        raise InputError(f"{what} has at most {MAX_KEY_BYTES} bytes of UTF-8.")
    if not text.isprintable() or not special.isdisjoint(text):
        told = " ".join(one for one in "*?[]{}\\" if one in special)
        raise InputError(
            f"{what} holds printable characters only, no white space, and none of {told} ."
        )
    if not unicodedata.is_normalized("NFC", text):
        raise InputError(f"{what} is written in Unicode's composed form (NFC).")


@dataclass(frozen=True, slots=True)
class Pattern:
    """Keys to look for. `literal`: what all of them begin with. `text`: as it was given."""

    text: str
    literal: str
    expression: re.Pattern[str]

    @classmethod
    def of(cls, text: object) -> Pattern:
        """Check a pattern. Raises InputError."""
        _check(text, "A pattern", _SPECIAL - _WILDCARDS)
        simple = re.sub(r"\*+", "*", str(text))
        if simple.count("*") > MAX_STARS:
            raise InputError(f"A pattern has at most {MAX_STARS} `*`.")
        return cls(
            simple, _WILD.split(simple, maxsplit=1)[0], re.compile(_regex(simple), re.DOTALL)
        )

    def matches(self, key: str) -> bool:
        """Whether a key is like it."""
        return self.expression.fullmatch(key) is not None


def _regex(text: str) -> str:
    """An expression that never tries twice: what follows a `*` is taken where it comes first."""
    first, *rest = [re.escape(part).replace(r"\?", ".") for part in text.split("*")]
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}"
