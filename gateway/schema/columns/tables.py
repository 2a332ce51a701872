"""What a declaration is about: a table of SQLAlchemy, or the class that its ORM maps to one."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gateway.errors import ConfigurationError


def table_of(given: Any, where: str) -> sa.Table:
    """The table itself, or that of a mapped class. Raises ConfigurationError for anything else."""
    table = getattr(given, "__table__", given)
    if not isinstance(table, sa.Table):
        raise ConfigurationError(
            f"{where} takes a table of SQLAlchemy, as in `{where}(models.books)`, or a class that "
            f"is mapped to one, not {given!r}."
        )
    return table


def values_of(given: object, table: sa.Table) -> dict[str, Any] | None:
    """What an object of a class mapped to the table holds, by column; None for any other object.

    Nothing is loaded: what its session has not read, or has expired, is not there.
    """
    state: Any = None if isinstance(given, type) else sa.inspect(given, raiseerr=False)
    mapper = getattr(state, "mapper", None)
    if mapper is None or mapper.local_table is not table:
        return None
    key = [column.name for column in mapper.primary_key]
    values = dict(zip(key, state.identity, strict=True)) if state.identity else {}
    for attribute in mapper.column_attrs:
        if attribute.key in state.dict:
            values[attribute.columns[0].name] = state.dict[attribute.key]
    return values


def expression_of(given: Any) -> Any:
    """The SQL expression itself, or the column that an attribute of a mapped class stands for."""
    column = getattr(given, "__clause_element__", None)
    return given if column is None else column()
