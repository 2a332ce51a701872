"""The binding of a root field to a `.sql` file, and what such a field is annotated with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.schema.bindings import Binding, bound
from gateway.schema.named.statement import NamedStatement


class Row:
    """The annotation of a `fetchrow` whose columns the file declares: `Row | None`."""


class Rows:
    """The annotation of a `fetch` whose columns the file declares: `Rows | None`."""


@dataclass(frozen=True, slots=True)
class NamedSql(Binding):
    """A root field that is a statement in a file; `statement` is there once the schema is built."""

    path: str
    source: str = "default"
    statement: NamedStatement | None = None

    def settled(self) -> NamedStatement:
        """The statement of a binding in a built schema."""
        if self.statement is None:
            raise TypeError(f"{self.path} has not been read")
        return self.statement


def named_sql(path: str, *, source: str = "default", **options: Any) -> Any:
    """A root field that runs the statement in `sql/<path>` beside the module that declares it.

    The file's header says what the field takes and gives (`docs/named-sql.md`). Annotate it with
    `list[Trend] | None` or `Trend | None` where it returns an entity, `Rows | None` or
    `Row | None` where it declares columns, a scalar such as `int | None` for `fetchval`, and
    `int | None`, the affected count, for `execute`.
    """
    return bound(NamedSql(path, source), options)
