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


def expression_of(given: Any) -> Any:
    """The SQL expression itself, or the column that an attribute of a mapped class stands for."""
    column = getattr(given, "__clause_element__", None)
    return given if column is None else column()
