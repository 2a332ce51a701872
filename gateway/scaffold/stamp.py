"""The first line of a written file: a hash of the rest, by which a person's changes are seen."""

from __future__ import annotations

from hashlib import sha256

_BEGINS = "# plait pull wrote this: "


def stamped(body: str) -> str:
    """The body under its hash."""
    return f"{_BEGINS}{_hash(body)}\n{body}"


def stamp_of(text: str) -> str | None:
    """The hash in the first line, None where there is none: then `plait pull` did not write it."""
    first = text.partition("\n")[0]
    return first.removeprefix(_BEGINS).strip() if first.startswith(_BEGINS) else None


def is_untouched(text: str) -> bool:
    """Whether the file is as it was written."""
    return stamp_of(text) == _hash(text.partition("\n")[2])


def _hash(body: str) -> str:
    return sha256(body.encode()).hexdigest()[:32]
