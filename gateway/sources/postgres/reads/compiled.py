"""What is read off statements: the tables that a cached answer depends on, and their parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LEAVES = frozenset({"column", "bindparam", "label_reference", "null", "textclause", "typeclause"})
_PARAMETER = re.compile(r"""\"(?:[^"]|"")*"|'(?:[^']|'')*'|(?<![\w$])\$(\d+)""")
"""A parameter as `$1`; quoted text, and names such as `cost$1`, are met but not taken for one.

Enough for what SQLAlchemy writes: no dollar quotes, no comments, no backslash before a quote.
"""


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


def columns_read(rows: Any, expressions: Iterable[Any]) -> frozenset[str]:
    """The columns of an alias that these expressions read."""
    found: set[str] = set()
    waiting = list(expressions)
    while waiting:
        element = waiting.pop()
        if isinstance(element, sa.ColumnClause):
            if element.table is rows:
                found.add(element.name)
        elif element.__visit_name__ not in _LEAVES and element is not rows:
            waiting.extend(element.get_children())
    return frozenset(found)


def renumbered(sql: str, place: Callable[[int], int]) -> str:
    """The same SQL, each parameter's number given by `place` of the one it had."""
    return _PARAMETER.sub(lambda found: f"${place(int(found[1]))}" if found[1] else found[0], sql)
