"""What goes wrong in a write: violated constraints by column, conflicts worth a retry."""

from __future__ import annotations

import re

import asyncpg

from gateway.errors import Code, SourceConflict, SourceError, SourceRefused
from gateway.sources.postgres.faults import fault

_KINDS = {
    "23505": "unique",
    "23503": "foreignKey",
    "23001": "foreignKey",  # ON DELETE RESTRICT
    "23514": "check",
    "23502": "notNull",
    "23P01": "exclusion",
}
_SAYS = {
    "unique": "A row with the same {columns} is there already.",
    "foreignKey": "{columns} must refer to a row that is there, or is still referred to.",
    "referred": "Rows of another table still refer to the row by its {columns}.",
    "absent": "{columns} must refer to a row that is there.",
    "check": "A value is not allowed by the check {constraint}.",
    "notNull": "{columns} must have a value.",
    "exclusion": "The row collides with another by the constraint {constraint}.",
}
_BARRED = "The database does not let the gateway write this; nothing was written."
_ENGLISH = {" is still referenced from ": "referred", " is not present in ": "absent"}
"""Which side a foreign key fails on is told in the detail alone, and in the server's language."""
_KEY = re.compile(r"^Key \((.*?)\)=\(")
_NAME = re.compile(r'(?:^|, )(?:(\w+)|"((?:[^"]|"")+)")(?=, |$)')
_PASSING = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    # A migration changed tables that a connection remembered; its next attempt knows.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)


def write_fault(error: Exception) -> SourceError:
    """What a failed write means. Names of columns and constraints are told, values never."""
    if isinstance(error, _PASSING):
        return SourceConflict(
            "Concurrent writes conflicted; try again.", code=Code.TRANSACTION_ROLLED_BACK
        )
    state = getattr(error, "sqlstate", None) or ""
    if state == "42501":  # insufficient_privilege, or a row that row security does not let through
        return SourceRefused(_BARRED, code=Code.FORBIDDEN, extensions={"sqlstate": state})
    kind = _KINDS.get(state)
    if kind is None:
        return fault(error)
    columns = _columns(error)
    constraint = getattr(error, "constraint_name", None) or ""
    detail = (getattr(error, "detail", None) or "") if kind == "foreignKey" else ""
    said = next((says for told, says in _ENGLISH.items() if told in detail), kind)
    named = " and ".join(f"`{name}`" for name in columns or [constraint])
    return SourceRefused(
        _SAYS[said].format(columns=named, constraint=constraint),
        code=Code.CONSTRAINT_VIOLATION,
        extensions={"kind": kind, "constraint": constraint, "columns": columns},
    )


def _columns(error: Exception) -> list[str]:
    """The columns a violation is about; of the server's detail only the names are read."""
    column = getattr(error, "column_name", None)
    if column:
        return [column]
    found = _KEY.match(getattr(error, "detail", None) or "")
    parts = _NAME.findall(found[1]) if found else []
    return [plain or quoted.replace('""', '"') for plain, quoted in parts]
