"""What a failed write means, from what PostgreSQL says: names are told, values never."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from gateway.errors import (
    Code,
    SourceConflict,
    SourceDataError,
    SourceError,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.postgres.writes.violations import write_fault


def raised(sqlstate: str, **fields: str) -> Exception:
    """An error as asyncpg makes it of the server's message."""
    given: dict[str, Any] = {"C": sqlstate, "M": "told by the server: s3cret", "S": "ERROR"}
    names = {"detail": "D", "column": "c", "constraint": "n", "table": "t"}
    given |= {names[name]: value for name, value in fields.items()}
    error: Exception = asyncpg.PostgresError.new(given)
    return error


DETAILS = {
    "Key (code)=(s3cret) already exists.": ["code"],
    "Key (a, b)=(s3cret, 1) already exists.": ["a", "b"],
    'Key ("Odd Name", "a""b", plain)=(s3cret, x, y) already exists.': ["Odd Name", 'a"b', "plain"],
    'Key (code)=(") (s3cret)=(") already exists.': ["code"],
    "Key (lower(word))=(s3cret) already exists.": [],
    "Key (lower(word), kind)=(s3cret, x) already exists.": ["kind"],
    'Key (id)=(s3cret) is still referenced from table "boxes".': ["id"],
    'Key (shelf_id)=(s3cret) is not present in table "shelves".': ["shelf_id"],
    "Schlüssel (code)=(s3cret) existiert bereits.": [],
    "Failing row contains (1, s3cret).": [],
    "": [],
}


@pytest.mark.parametrize("detail", DETAILS)
def test_columns_are_told_and_values_never(detail: str) -> None:
    """Of the server's detail only plain column names come out."""
    error = write_fault(raised("23505", detail=detail, constraint="one_of_a_kind"))
    assert isinstance(error, SourceRefused)
    assert error.extensions == {
        "code": "CONSTRAINT_VIOLATION",
        "kind": "unique",
        "constraint": "one_of_a_kind",
        "columns": DETAILS[detail],
    }
    assert "s3cret" not in error.message
    named = DETAILS[detail] or ["one_of_a_kind"]
    assert all(name in error.message for name in named)


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("23505", "unique"),
        ("23503", "foreignKey"),
        ("23001", "foreignKey"),
        ("23514", "check"),
        ("23502", "notNull"),
        ("23P01", "exclusion"),
    ],
)
def test_every_sort_of_constraint(sqlstate: str, kind: str) -> None:
    """The kind is told by name, the column where the server names one."""
    error = write_fault(raised(sqlstate, column="price", constraint="c"))
    assert error.details == {"kind": kind, "constraint": "c", "columns": ["price"]}
    assert error.code is Code.CONSTRAINT_VIOLATION


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_what_is_worth_another_attempt(sqlstate: str) -> None:
    """Conflicts of transactions; the code says that everything was undone."""
    error = write_fault(raised(sqlstate))
    assert isinstance(error, SourceConflict)
    assert error.code is Code.TRANSACTION_ROLLED_BACK


@pytest.mark.parametrize(
    "kind", [asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError]
)
def test_tables_that_changed_meanwhile(kind: Any) -> None:
    """A connection that remembered them is right the next time."""
    assert isinstance(write_fault(kind("s3cret")), SourceConflict)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (raised("22001"), SourceDataError),
        (raised("57014"), SourceTimeout),
        (raised("57P01"), SourceUnavailable),
        (raised("P0001", detail="s3cret"), SourceRefused),
        (asyncpg.DataError("s3cret"), SourceDataError),
        (ConnectionResetError("s3cret"), SourceUnavailable),
        (SourceTimeout("as it is"), SourceTimeout),
    ],
)
def test_everything_else_is_as_with_reads(error: Exception, expected: type[SourceError]) -> None:
    """Typed, and without a word of what the server said."""
    found = write_fault(error)
    assert type(found) is expected
    assert "s3cret" not in found.message
    assert "s3cret" not in str(found.extensions)
