"""Statements that let a database note which rows' points are out of date.

They need the job engine's tables (`gateway.workflows.install`) and the catalogue; `plait migrate
sql` prints them all. Done again they leave what is there.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.schema.vectors.sync import VectorSync

SYNC = "plait_sync"
"""The schema of the changes."""

_FOLDER = resources.files(__package__) / "sql"

CATALOGUE = (_FOLDER / "catalogue.sql").read_text(encoding="utf-8")
"""A script that creates `collections`, `vector_metadata` and `embedding_jobs` where absent."""

RECORDS = {
    "collections": {"name", "vector_size", "distance", "embedding_model", "point_count"},
    "vector_metadata": {"collection_id", "point_id", "entity_id", "content_hash", "embedded_at"},
    "embedding_jobs": {"collection_id", "status", "total", "done", "failed", "last_error"},
}
"""Columns by which its tables are known from others of their names, which a shop may have, too."""

INSTALL: tuple[str, ...] = (
    f"CREATE SCHEMA IF NOT EXISTS {SYNC}",
    *(
        (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
        for name in ("vector_changes", "plait_sync_watch")
    ),
    """
CREATE INDEX IF NOT EXISTS vector_changes_waiting
ON plait_sync.vector_changes (collection, revision) WHERE NOT failed
""",
)
"""Statements that create the table of changes and the functions."""

REMOVE: tuple[str, ...] = (
    "DROP FUNCTION public.plait_sync_watch(regclass, text, name, name[])",
    # The triggers of all synced tables depend on functions in it and go with them.
    "DROP SCHEMA plait_sync CASCADE",
)
"""Statements that drop all of it, with the triggers of every synced table."""

WATCH = "SELECT public.plait_sync_watch('{table}', '{collection}', '{key}', '{{{columns}}}')"
"""The statement that lets a table's changes reach a collection."""

WATCHED = """
SELECT prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE tgrelid = to_regclass($1) AND tgname = 'plait_sync_' || left(md5($2), 8) || '_updated'
    AND tgenabled IN ('O', 'A')
"""
"""What the trigger of updates runs, for table $1 and collection $2."""

_COLUMN = re.compile(r'\bn\.("(?:[^"]|"")+"|\w+)')


def watch(sync: VectorSync) -> str:
    """The statement that lets changes of a declaration's rows reach its collection."""
    return WATCH.format(
        table=sync.table.fullname,
        collection=sync.name.replace("'", "''"),
        key=sync.key.name,
        columns=",".join(sync.columns),
    )


def watched_columns(source: str) -> set[str]:
    """The columns that a trigger compares, from its function's source."""
    compared = source.rpartition("ROW(")[0].rpartition("ROW(")[2].partition(")::record")[0]
    return {name.strip('"').replace('""', '"') for name in _COLUMN.findall(compared)}
