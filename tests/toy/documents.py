"""Conditions on JSON documents in plain Python: jsonb's equality, containment and paths."""

from __future__ import annotations

import operator as python
import re
from typing import TYPE_CHECKING, Any

from toy.texts import like, part

from gateway.schema.lists.patterns import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISSING = object()
_ORDERING: dict[str, Callable[[Any, Any], Any]] = {
    "lt": python.lt,
    "lte": python.le,
    "gt": python.gt,
    "gte": python.ge,
}


def same(one: Any, other: Any) -> bool:
    """Equal as jsonb: `true` is no number, and members have no order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return sort(one) == sort(other) and bool(one == other)


def sort(value: Any) -> str:
    """What `jsonb_typeof` says."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def contains(value: Any, part: Any, *, top: bool = False) -> bool:
    """`value @> part`; only at the top may an array contain a scalar that is no array."""
    if isinstance(value, dict) and isinstance(part, dict):
        return all(name in value and contains(value[name], part[name]) for name in part)
    if isinstance(value, list) and isinstance(part, list):
        return all(any(contains(own, one) for own in value) for one in part)
    if top and isinstance(value, list) and not isinstance(part, dict):
        return any(same(own, part) for own in value)
    return same(value, part) if not isinstance(value, dict | list) else False


def at(value: Any, steps: list[str]) -> Any:
    """What lies at a path, or MISSING."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and re.fullmatch(r"-?\d+", step):
            place = int(step)
            value = value[place] if -len(value) <= place < len(value) else MISSING
        else:
            return MISSING
    return value


def meets(value: Any, condition: Mapping[str, Any]) -> bool:
    """Whether what lies at `condition["at"]` meets the rest of the condition."""
    found = at(value, condition["at"])
    return all(_meets(found, name, operand) for name, operand in condition.items() if name != "at")


def _meets(found: Any, name: str, operand: Any) -> bool:  # noqa: PLR0911 - a table, row by row
    if name == "exists":
        return bool((found is not MISSING) == operand)
    if name == "isNull":
        return bool((found is MISSING or found is None) == operand)
    if found is MISSING:
        return False
    if name in {"like", "ilike"}:
        return isinstance(found, str) and like(found, operand, folds=name == "ilike")
    if name in _ORDERING:
        return sort(found) == sort(operand) and bool(_ORDERING[name](found, operand))
    if name == "contains":
        return contains(found, operand, top=True)
    if name in PARTS:
        return isinstance(found, str) and part(name, found, operand)
    return same(found, operand) == (name == "eq")
