"""`plait migrate sql`: a database of one's own, prepared for vector sync."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import pytest
from notes import DDL
from typer.testing import CliRunner

from gateway.cli import app

_SHAPES = """
SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod),
    attnotnull::text, attidentity::text || coalesce(pg_get_expr(adbin, adrelid), '')
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = ANY ($1::text[]::regclass[]) AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
FROM pg_constraint WHERE conrelid = ANY ($1::text[]::regclass[])
UNION ALL
SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), '', ''
FROM pg_index WHERE indrelid = ANY ($1::text[]::regclass[])
"""
TABLES = [
    "collections",
    "vector_metadata",
    "embedding_jobs",
    "plait_sync.vector_changes",
    "plait_engine.procrastinate_jobs",
    "plait_engine.workflow_runs",
]


async def shapes(connection: asyncpg.Connection) -> set[tuple[str, ...]]:
    """Columns, constraints and indexes of the tables that vector sync works with."""
    return {tuple(row) for row in await connection.fetch(_SHAPES, TABLES)}


@pytest.fixture
async def own(fresh_database, notes):
    """The notes in a database that no migration has seen, and that is not prepared."""
    url = await fresh_database()
    connection = await asyncpg.connect(url, timeout=10)
    await connection.execute(DDL)
    yield notes.having(url=url, connection=connection)
    await connection.close()


@pytest.fixture
def plait(own, monkeypatch):
    """Runs a command over the notes' domain and that database; gives what it printed."""
    monkeypatch.setenv("PLAIT_RESOLVERS", "notes_domain")
    monkeypatch.setenv("NOTES_COLLECTION", own.sync.name)
    monkeypatch.setenv("POSTGRES_URL", own.url)
    monkeypatch.setenv("QDRANT_URL", own.engine_url)
    monkeypatch.setenv("QDRANT_GRPC_PORT", str(own.engine_port))
    monkeypatch.delitem(sys.modules, "notes_domain", raising=False)

    async def run(*arguments):
        result = await asyncio.to_thread(CliRunner().invoke, app, [*arguments])
        assert result.exit_code == 0, result.output
        return result.output

    return run


async def test_from_an_empty_database_to_a_found_vector(own, plait):
    """Three steps: declare, run the SQL, fill. What changes then is noted, with a job to do it."""
    await own.add("volcanoes and lava", "tax law")
    await own.connection.execute(await plait("migrate", "sql"))
    await plait("sync")
    assert await own.nearest("lava") == 1

    await own.add("glaciers and ice", first=3)
    assert await own.due() == ["3"]
    deferred = (
        "SELECT args->>'collection' FROM plait_engine.procrastinate_jobs WHERE task_name = $1"
    )
    assert await own.connection.fetchval(deferred, "vector-sync") == own.sync.name
    await plait("sync")
    assert await own.nearest("ice") == 3


async def test_done_again_nothing_is_changed(own, plait):
    """Neither tables nor what waits."""
    text = await plait("migrate", "sql")
    await own.connection.execute(text)
    before = await shapes(own.connection)
    await own.add("one")
    await own.connection.execute(text)
    assert await shapes(own.connection) == before
    assert await own.due() == ["1"]


async def test_the_shapes_are_those_of_the_migrations(own, notes, plait):
    """What the script makes, the bundled domain has just so, and there it changes nothing."""
    prepared = await plait("migrate", "sql")
    migrated = await shapes(notes.connection)
    await notes.connection.execute(prepared)
    assert await shapes(notes.connection) == migrated
    await own.connection.execute(prepared)
    made = await shapes(own.connection)
    assert {row[0] for row in made} == set(TABLES)
    assert made <= migrated
