"""Row rules: predicates over the viewer that every statement on an entity carries.

A rule is written in SQLAlchemy Core beside the entity and compiled into the SQL of reads and
writes alike, through relations, filters, counts and orderings too:

    @entity(models.notes, rule=lambda row, viewer: row.owner == viewer.subject)

What it reads of the viewer is bound as parameters, so two viewers share an answer only where those
values are equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.sql import operators
from sqlalchemy.sql.expression import ColumnCollection
from sqlalchemy.sql.visitors import replacement_traverse

from gateway.telemetry.propagation import TRACE_HEADERS
from gateway.viewer import Viewer

Expression = sa.ColumnElement[Any]


Rule: TypeAlias = "Callable[[Any, ViewerColumns], Expression]"
"""(the row's columns, the viewer) → the condition under which the row exists for the viewer."""

VIEWER_SPEC = -1
"""The place of the viewer's values among those of the argument readers: behind all of them."""
CONSTANT_SPEC = -2
"""Stands for a value that a rule itself wrote."""

_SHORT = re.compile(r"[a-z]+[0-9]+")
"""What statements call their tables."""

SUBJECT, TENANT, ROLES, SCOPES, CLAIMS, HEADERS = range(6)


@dataclass(frozen=True, slots=True)
class Passed:
    """Headers of a request that may go on. Requests that differ in `trace` alone share answers."""

    scope: tuple[tuple[str, str], ...]
    trace: tuple[tuple[str, str], ...] = field(compare=False)

    @classmethod
    def of(cls, headers: tuple[tuple[str, str], ...]) -> Passed:
        """All that was kept of a request's headers."""
        return cls(
            tuple(pair for pair in headers if pair[0] not in TRACE_HEADERS),
            tuple(pair for pair in headers if pair[0] in TRACE_HEADERS),
        )

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """All of them."""
        return iter((*self.scope, *self.trace))


def viewer_values(viewer: Viewer) -> tuple[Any, ...]:
    """The values a compiled rule may read, in the order of the constants above."""
    return (
        viewer.subject,
        viewer.tenant,
        tuple(sorted(viewer.roles)),
        tuple(sorted(viewer.scopes)),
        orjson.dumps(dict(viewer.claims)).decode() if viewer.claims else "{}",
        Passed.of(viewer.headers) if viewer.headers else (),
    )


class ViewerColumns:
    """The viewer as SQL sees it: each attribute a bound parameter, named by what it holds."""

    @property
    def subject(self) -> Expression:
        """Text; null for an anonymous viewer."""
        return sa.bindparam(f"plait_v_{SUBJECT}", type_=sa.Text)

    @property
    def tenant(self) -> Expression:
        """Text; null where there is none."""
        return sa.bindparam(f"plait_v_{TENANT}", type_=sa.Text)

    def has_role(self, role: str) -> Expression:
        """Whether the viewer has this role."""
        return sa.literal(role, sa.Text) == sa.any_(_texts(ROLES))

    def has_scope(self, scope: str) -> Expression:
        """Whether the viewer has this scope."""
        return sa.literal(scope, sa.Text) == sa.any_(_texts(SCOPES))

    def claim(self, name: str) -> Expression:
        """The kept claim of that name, as text; null where there is none."""
        claims = sa.cast(sa.bindparam(f"plait_v_{CLAIMS}", type_=sa.Text), pg.JSONB)
        return sa.func.jsonb_extract_path_text(claims, sa.literal(name, sa.Text))


def _texts(index: int) -> Expression:
    return sa.bindparam(f"plait_v_{index}", type_=sa.ARRAY(sa.Text))


def condition(rule: Rule, columns: Any) -> Expression:
    """What a rule demands of a row with these columns.

    `row.state.in_(…)` becomes a comparison with one array, as a statement is compiled but once. A
    table that the rule calls as statements call theirs (`t1`) gets a name that hides none of those.
    """
    own = [one.table for one in columns] if isinstance(columns, ColumnCollection) else []
    renamed: dict[Any, Any] = {}

    def replaced(element: Any, **_: Any) -> Any:
        table = getattr(element, "table", element)
        if not isinstance(table, sa.Alias) or table in own or not _SHORT.fullmatch(table.name):
            return _with_array(element)
        other = renamed.setdefault(table, table.element.alias(f"plait_{table.name}"))
        return other if element is table else other.c[element.key]

    found: Expression = replacement_traverse(rule(columns, ViewerColumns()), {}, replaced)
    return found


def _with_array(element: Any) -> Any:
    operator = getattr(element, "operator", None)
    if operator not in {operators.in_op, operators.not_in_op}:
        return None
    values = element.right
    if not isinstance(values, sa.BindParameter):
        return None
    array = sa.literal(tuple(values.value or ()), sa.ARRAY(values.type))
    if operator is operators.in_op:
        return element.left == sa.any_(array)
    return element.left != sa.all_(array)
