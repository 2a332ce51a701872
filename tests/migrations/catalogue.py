"""Reads what a database contains out of PostgreSQL's own catalogue, as comparable text."""

from __future__ import annotations

import asyncpg

PARTS = {
    "types": """
        SELECT t.typname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)::text
        FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid
        WHERE t.typnamespace = 'public'::regnamespace GROUP BY t.typname""",
    "relations": """
        SELECT relname, relkind::text, obj_description(oid, 'pg_class')
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm', 'v', 'S')""",
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity::text, a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid),
            col_description(c.oid, a.attnum)
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'm')
            AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "functions": """
        SELECT proname, pg_get_functiondef(oid)
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
        FROM pg_trigger WHERE NOT tgisinternal""",
}

Contents = dict[str, set[tuple[object, ...]]]


async def contents(url: str) -> Contents:
    """Everything in the schema `public` except Alembic's own table."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return {
            part: {tuple(row) for row in await connection.fetch(query) if not _alembics(row)}
            for part, query in PARTS.items()
        }
    finally:
        await connection.close()


def _alembics(row: asyncpg.Record) -> bool:
    return any("alembic_version" in str(value) for value in row)
