"""Which tables a statement reads: what a cached answer to it depends on."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

_LEAVES = frozenset({"column", "bindparam", "label_reference", "null", "textclause", "typeclause"})


def tables_of(statement: Any) -> tuple[str, ...]:
    """The tables, with their schema where it is declared; one that stands twice is given twice."""
    found: list[str] = []
    seen: dict[int, Any] = {}
    waiting = [statement]
    while waiting:
        element = waiting.pop()
        if id(element) in seen:
            continue
        seen[id(element)] = element  # kept, so that no other element gets its id
        table = element.element if isinstance(element, sa.Alias) else element
        if isinstance(table, sa.Table):
            found.append(table.fullname)
        elif element.__visit_name__ not in _LEAVES:
            waiting.extend(element.get_children())
    return tuple(found)
