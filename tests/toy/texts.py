"""Conditions on texts in plain Python: patterns, and parts of a text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PARTS: dict[str, Callable[[str, str], bool]] = {
    "contains": str.__contains__,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def like(value: str, pattern: str, *, folds: bool) -> bool:
    """`value LIKE pattern`; `folds`: ILIKE."""
    parts = re.findall(r"\\(.)|(.)", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    expression = "".join(
        re.escape(escaped) if escaped else wild.get(plain, re.escape(plain))
        for escaped, plain in parts
    )
    flags = re.DOTALL | (re.IGNORECASE if folds else 0)
    return re.fullmatch(expression, value, flags) is not None


def part(operator: str, value: str, text: str, *, folds: bool = False) -> bool:
    """Whether the value contains, begins or ends with a text, as `operator` says."""
    caseless = operator not in {"contains", "startsWith", "endsWith"}
    if folds or caseless:
        value, text = value.lower(), text.lower()
    return _PARTS[operator.lower().removeprefix("i" if caseless else "")](value, text)
