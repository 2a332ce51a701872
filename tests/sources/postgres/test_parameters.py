"""Parameters get other numbers; what merely looks like one stays as it is."""

from __future__ import annotations

import pytest

from gateway.sources.postgres.reads.compiled import renumbered


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("select $1, $2, $12", "select $11, $12, $22"),
        ("where a = $1::int and b=$2", "where a = $11::int and b=$12"),
        ("cost$1 + t.cost$1 + a$b$1", "cost$1 + t.cost$1 + a$b$1"),
        ('"cost$1" = $1', '"cost$1" = $11'),
        ('"a""$1" = $1', '"a""$1" = $11'),
        ("'it''s $1' || $1", "'it''s $1' || $11"),
        ("'\"' || $1 || '\"'", "'\"' || $11 || '\"'"),
        (r"E'\t' || $2", r"E'\t' || $12"),
    ],
)
def test_only_parameters_are_renumbered(given: str, expected: str) -> None:
    """In literals, quoted names and names with a dollar sign nothing changes."""
    assert renumbered(given, lambda number: number + 10) == expected
