"""Conditions on what lies at a path in a JSON column: `metadata: {path: {at: ["a"], gt: 1}}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strawberry.scalars import JSON

from gateway.errors import InputError
from gateway.schema.columns.kinds import DOCUMENT_KIND, TEXT, must_be
from gateway.schema.lists.patterns import PARTS, PATTERNS, pattern_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_STEPS = 32
"""Steps of a path, at most."""

_TEXTS = {**PATTERNS, **{name: part.says for name, part in PARTS.items() if name != "contains"}}
"""Conditions on texts; to contain is JSON's own, which takes a text as a whole."""
PATH = "path"
MEMBERS: Mapping[str, tuple[Any, str]] = {
    "at": (
        list[str],
        "Names of members, and positions in arrays counted from 0 (or -1: the last).",
    ),
    "eq": (JSON | None, "Equal."),
    "ne": (JSON | None, "Not equal; what is missing is not equal to anything."),
    "lt": (JSON | None, "Less than this number or text, and of the same type."),
    "lte": (JSON | None, "Less than or equal to this number or text, and of the same type."),
    "gt": (JSON | None, "Greater than this number or text, and of the same type."),
    "gte": (JSON | None, "Greater than or equal to this number or text, and of the same type."),
    **{name: (str | None, says) for name, says in _TEXTS.items()},
    "contains": (JSON | None, "Contains all of this."),
    "exists": (bool | None, "True: there is something, be it null. False: there is nothing."),
    "isNull": (bool | None, "True: missing or null. False: neither."),
}
ORDERING = frozenset({"lt", "lte", "gt", "gte"})
_FLAGS = {"exists": ("exists", "missing"), "isNull": ("isNull", "isNotNull")}


def path_condition(
    column: str, given: Mapping[str, Any], where: str
) -> tuple[tuple[Any, ...], list[Any]]:
    """The shape `("path", column, operators)` of a coerced condition, and the values to bind.

    The values are the path, then one for each operator that is not a flag. Raises InputError.
    """
    operators: list[str] = []
    values: list[Any] = []
    for name, operand in given.items():
        if name == "at":
            continue
        at = f"{where}.{name}"
        if operand is None:
            raise InputError.about(at, "must not be null; ask for nulls with `isNull: true`")
        if name in _FLAGS:
            operators.append(_FLAGS[name][0 if operand else 1])
            continue
        operator, value = _operand(name, operand, at)
        operators.append(operator)
        values.append(value)
    if not operators:
        return ("all", ()), []
    return (PATH, column, tuple(operators)), [path_steps(given["at"], f"{where}.at"), *values]


def _operand(name: str, operand: Any, at: str) -> tuple[str, Any]:
    if name in _TEXTS:
        return pattern_of(name, TEXT.bind(operand, at), at)
    if name in ORDERING and (
        isinstance(operand, bool) or not isinstance(operand, int | float | str)
    ):
        raise must_be(at, "a number or a text")
    return name, DOCUMENT_KIND.bind(operand, at)


def path_steps(given: list[str], at: str) -> list[str]:
    """A path within a document. Raises InputError where it has too few steps or too many."""
    if not 1 <= len(given) <= MAX_STEPS:
        raise InputError.about(at, f"must have from 1 to {MAX_STEPS} steps")
    return [TEXT.bind(step, at) for step in given]
