"""Conditions at a path within a JSON column, against the same in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aggregates.shelf import visible

if TYPE_CHECKING:
    from aggregates.shelf import Row
    from toy.running import Zoo

MISSING = object()


def at(row: Row, *steps: str) -> Any:
    """What lies there, or MISSING."""
    found = row["facts"]
    for step in steps:
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, TypeError, IndexError):
            return MISSING
    return found


def number(value: Any) -> bool:
    """Whether JSON has it for a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ({"at": ["size"], "eq": 1}, lambda row: number(s := at(row, "size")) and s == 1),
        ({"at": ["size"], "eq": "2"}, lambda row: at(row, "size") == "2"),
        ({"at": ["size"], "eq": True}, lambda row: at(row, "size") is True),
        (
            {"at": ["size"], "ne": 2.5},
            lambda row: at(row, "size") is not MISSING and at(row, "size") != 2.5,
        ),
        ({"at": ["size"], "gt": 1}, lambda row: number(s := at(row, "size")) and s > 1),
        ({"at": ["size"], "lte": 1}, lambda row: number(s := at(row, "size")) and s <= 1),
        ({"at": ["size"], "gte": "1"}, lambda row: at(row, "size") == "2"),
        ({"at": ["size"], "exists": True}, lambda row: at(row, "size") is not MISSING),
        ({"at": ["deep", "er"], "exists": False}, lambda row: at(row, "deep", "er") is MISSING),
        ({"at": ["size"], "isNull": True}, lambda row: at(row, "size") in {None, MISSING}),
        (
            {"at": ["size"], "isNull": True, "exists": True},
            lambda row: at(row, "size") is None,
        ),
        ({"at": ["size"], "isNull": False}, lambda row: at(row, "size") not in {None, MISSING}),
        ({"at": ["marks", "-1"], "like": "a%"}, lambda row: at(row, "marks", "-1") == "a"),
        ({"at": ["marks", "0"], "ilike": "B"}, lambda row: at(row, "marks", "0") == "b"),
        (
            {"at": ["marks"], "contains": ["a", "c"]},
            lambda row: (
                set(at(row, "marks") or ()) == {"a", "c"}
                if at(row, "marks") is not MISSING
                else False
            ),
        ),
        (
            [{"at": ["deep", "er"], "gt": 0, "lt": 3}, {"at": ["deep"], "eq": {"er": 2}}],
            lambda row: at(row, "deep", "er") == 2,
        ),
        ([], lambda _: True),
        ({"at": ["size"]}, lambda _: True),
    ],
)
async def test_the_rows_that_hold(library: Zoo, path: Any, holds: Any) -> None:
    """A missing value meets nothing but `exists: false` and `isNull: true`; types do not mix."""
    data = await library.data(
        "query ($path: [JSONPathFilter!]) { books(first: 50, where: {facts: {path: $path}}) {"
        " nodes { id } totalCount }"
        " others: books(where: {not: {facts: {path: $path}}}) { totalCount } }",
        {"path": path},
    )
    expected = [str(row["id"]) for row in visible(None) if holds(row)]
    assert [row["id"] for row in data["books"]["nodes"]] == expected[:50]
    assert data["books"]["totalCount"] == len(expected) > 0
    assert data["others"]["totalCount"] == len(visible(None)) - len(expected)


@pytest.mark.parametrize(
    ("condition", "argument"),
    [
        ("{at: [], eq: 1}", "at"),
        ('{at: ["\\u0000"], eq: 1}', "at"),
        ("{at: [" + '"a" ' * 33 + "], eq: 1}", "at"),
        ('{at: ["a"], eq: null}', "eq"),
        ('{at: ["a"], lt: true}', "lt"),
        ('{at: ["a"], gte: [1]}', "gte"),
        ('{at: ["a"], like: "\\u0000"}', "like"),
        ('{at: ["a"], contains: "\\u0000"}', "contains"),
        ('{at: ["a"], exists: null}', "exists"),
    ],
)
async def test_bad_conditions_are_refused(library: Zoo, condition: str, argument: str) -> None:
    """By a typed error that names the argument, before the database is asked."""
    before = len(library.postgres.ran)
    body = await library.ask(
        f"{{ books(where: {{facts: {{path: {condition}}}}}) {{ totalCount }} }}"
    )
    name = f"where.facts.path.{argument}"
    assert body["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": name}
    assert len(library.postgres.ran) == before
