"""The SQL side of the feed: three functions that any PostgreSQL database from 14 on can take."""

from __future__ import annotations

from importlib import resources

_FOLDER = resources.files(__package__) / "sql"

INSTALL: tuple[str, ...] = tuple(
    (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    for name in ("plait_changed", "plait_watch", "plait_unwatch")
)
"""Statements that create the functions, or bring them up to date; tables stay as they are."""

REMOVE: tuple[str, ...] = (
    """
SELECT plait_unwatch(relation) FROM (
    SELECT DISTINCT tgrelid::regclass FROM pg_trigger
    WHERE tgfoid = 'plait_changed()'::regprocedure
) AS watched (relation)
""",
    "DROP FUNCTION plait_unwatch(regclass), plait_watch(regclass, text), plait_changed()",
)
"""Statements that unwatch every table and drop the functions."""

WATCHED = """
SELECT n.nspname AS schema, c.relname AS name
FROM pg_trigger AS t
JOIN pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE p.proname = 'plait_changed' AND t.tgenabled IN ('O', 'A') AND NOT c.relispartition
    AND starts_with(encode(t.tgargs, 'escape'), $1 || '\\000')
GROUP BY n.nspname, c.relname
HAVING count(*) = 4
"""
"""The tables of which every kind of change is announced on channel $1."""
