"""Key patterns: `views:trend_{id}` and the values of an entity's key make a Redis key."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

from gateway.errors import ConfigurationError, SourceDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.contract import Key

KEY_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """A parsed pattern: literal text, and between two pieces of it the value of a key column.

    `columns[i]` is the index, in the entity's key, of the value that follows `literals[i]`.
    """

    text: str
    literals: tuple[str, ...]
    columns: tuple[int, ...]

    @classmethod
    def parse(cls, text: str, key_names: Sequence[str]) -> KeyPattern:
        """Read a pattern whose placeholders are names of `key_names`; `{{` stands for a brace.

        Raises `ConfigurationError` for a pattern with an unknown placeholder, with none, without
        a namespace (text with a `:` at its start), or with two placeholders that no character
        separates which an encoded value cannot contain: `{a}_{b}` would give two entities one key.
        """
        literals, names = _split(text)
        unknown = [name for name in names if name not in key_names]
        if unknown:
            raise ConfigurationError(
                f"key pattern {text!r}: {{{unknown[0]}}} is not among the key columns "
                f"{', '.join(key_names)}"
            )
        if not names:
            raise ConfigurationError(f"key pattern {text!r} names no key column")
        if ":" not in literals[0]:
            raise ConfigurationError(f"key pattern {text!r} must begin with a namespace and ':'")
        if not all(_separates(literal) for literal in literals[1:-1]):
            raise ConfigurationError(f"key pattern {text!r} needs a ':' between its placeholders")
        return cls(text, literals, tuple(list(key_names).index(name) for name in names))

    def key(self, values: Key) -> bytes:
        """The Redis key for an entity's key; raises `SourceDataError` for an unfit value.

        Values are percent-encoded, so that none of them holds a `:`.
        """
        parts = [self.literals[0]]
        for column, literal in zip(self.columns, self.literals[1:], strict=True):
            parts += (_segment(values[column]), literal)
        key = "".join(parts).encode()
        if len(key) > KEY_BYTES:
            raise SourceDataError("a key value is too long")
        return key


def _split(text: str) -> tuple[tuple[str, ...], list[str]]:
    """`a:{x}b` → (`a:`, `b`) and [`x`]: always one literal more than names."""
    literals = [""]
    names = []
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ConfigurationError(f"key pattern {text!r}: {error}") from None
    for literal, name, form, conversion in pieces:
        literals[-1] += literal
        if name is None:
            continue
        if form or conversion:
            raise ConfigurationError(f"key pattern {text!r}: a placeholder is a name, no more")
        names.append(name)
        literals.append("")
    return tuple(literals), names


def _separates(literal: str) -> bool:
    return quote(literal, safe="") != literal


def _segment(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | UUID):
        raise SourceDataError(f"a key value of type {type(value).__name__} makes no Redis key")
    try:
        return quote(str(value), safe="")
    except (UnicodeEncodeError, ValueError):  # a lone surrogate, an integer of 5,000 digits
        raise SourceDataError("a key value cannot be written as text") from None
