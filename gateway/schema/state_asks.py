"""What the planner asks of a store of values: what is shown of a `State`, and writes.

Plain values, equal when they ask the same. `spec` is the index of the argument reader whose values
the part uses.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.schema.asks import Part


@dataclass(frozen=True, slots=True)
class StateRead:
    """An object of values under one namespace, which the reader `spec` names."""

    spec: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class StateChange:
    """One write by its verb; the reader `spec` gives namespace and arguments."""

    verb: str
    spec: int
    parts: tuple[Part, ...]
