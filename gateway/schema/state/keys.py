"""Keys of a namespace: what a client names, what is stored, and back.

A client's key is one segment: it is percent-encoded, so that neither a `:` nor a `*` in it can
leave the namespace whose prefix stands before it. Prefixes end with `:`.
"""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

from gateway.errors import InputError

KEY_BYTES = 1_024
"""Bytes of an encoded key, without its namespace's prefix."""

MOST = 1_000
"""Keys, fields, members or values that one field may name or ask for."""

_GLOB = str.maketrans({letter: f"\\{letter}" for letter in "*?[]^-\\"})


def segment(key: str, argument: str = "key") -> str:
    """A client's key as it is stored after the prefix; raises InputError naming the argument."""
    return _encoded(key, argument, "must not be empty" if not key else None)


def glob(match: str, argument: str = "match") -> str:
    r"""A client's pattern as one of encoded keys.

    `*` stands for any characters, `\*` and `\\` for themselves, everything else for itself.
    Raises InputError.
    """
    parts = [""]
    letters = iter(match)
    for letter in letters:
        if letter == "*":
            parts.append("")
        elif letter == "\\":
            parts[-1] += next(letters, "\\")
        else:
            parts[-1] += letter
    return "*".join(_encoded(part, argument, None) for part in parts)


def literal(text: str) -> str:
    """Text in which no character has a meaning for Redis's patterns."""
    return text.translate(_GLOB)


def shown(stored: bytes, prefix: bytes) -> str | None:
    """The client's key behind a stored one; None where no key of the namespace is stored so."""
    if not stored.startswith(prefix):
        return None
    rest = stored[len(prefix) :]
    try:
        key = unquote_to_bytes(rest).decode()
    except UnicodeDecodeError:
        return None
    return key if key and quote(key, safe="").encode() == rest else None


def _encoded(text: str, argument: str, wrong: str | None) -> str:
    encoded = ""
    try:
        encoded = quote(text, safe="")
    except UnicodeEncodeError:
        wrong = "must be Unicode text"
    if len(encoded) > KEY_BYTES:
        wrong = f"must be at most {KEY_BYTES} bytes when percent-encoded"
    if wrong is not None:
        raise InputError.about(argument, wrong)
    return encoded
