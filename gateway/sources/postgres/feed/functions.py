"""The SQL side of the feed: functions that any PostgreSQL database from 14 on can take."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from gateway.sources.postgres.reads.statements import DIALECT

if TYPE_CHECKING:
    from collections.abc import Iterable

    import sqlalchemy as sa

_FOLDER = resources.files(__package__) / "sql"

INSTALL: tuple[str, ...] = tuple(
    (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    for name in ("plait_source", "plait_watch", "plait_unwatch", "plait_rewatch")
)
"""Statements that create the functions, or bring them up to date; what is watched stays so."""

REMOVE: tuple[str, ...] = (
    """
SELECT plait_unwatch(relation) FROM (
    SELECT DISTINCT t.tgrelid::regclass FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE starts_with(p.proname, 'plait_changed')
) AS watched (relation)
""",
    INSTALL[-1],  # where nothing is watched: drops the functions of tables that are gone
    "DROP FUNCTION plait_unwatch(regclass), plait_watch(regclass, text)",
    "DROP FUNCTION plait_source(text, text, text)",
)
"""Statements that unwatch every table and drop the functions."""

_WATCH = """
SELECT c.oid::regclass AS watched, plait_watch(c.oid) AS key
FROM pg_class AS c
WHERE c.oid = ANY (ARRAY[{tables}]) AND c.relkind IN ('r', 'p')
"""
_QUOTING = DIALECT.identifier_preparer


def watch(tables: Iterable[sa.Table]) -> str:
    """A statement that watches those of these that are there and no views."""
    names = sorted({_QUOTING.format_table(one).replace("'", "''") for one in tables})
    return _WATCH.format(tables=", ".join(f"to_regclass('{name}')" for name in names))


WATCHED = """
SELECT n.nspname AS schema, c.relname AS name
FROM pg_trigger AS t
JOIN pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE starts_with(p.proname, 'plait_changed') AND t.tgenabled IN ('O', 'A') AND NOT c.relispartition
    AND starts_with(encode(t.tgargs, 'escape'), $1 || '\\000')
GROUP BY n.nspname, c.relname
HAVING count(*) = 4
"""
"""The tables of which every kind of change is announced on channel $1."""
