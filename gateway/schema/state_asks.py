"""What the planner asks of a store of values: parts of a `State`, and writes.

Plain values, equal when they ask the same. `spec` is the index of the argument reader whose values
the part uses.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatePart:
    """A member of the response: its key, the field's name, and what is asked of its value."""

    key: str
    name: str
    spec: int | None = None
    parts: tuple[StatePart, ...] = ()
    text: str | None = None
    """The constant value of `__typename`."""


@dataclass(frozen=True, slots=True)
class StateRead:
    """An object of values under one namespace, which the reader `spec` names."""

    spec: int
    parts: tuple[StatePart, ...]


@dataclass(frozen=True, slots=True)
class StateChange:
    """One write by its verb; the reader `spec` gives namespace and arguments."""

    verb: str
    spec: int
    parts: tuple[StatePart, ...]
