"""The bundled domain's own workflow, as the demo runs it: by the worker inside the gateway."""

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine
from workflows.conftest import ended, until

from gateway.composition import Gateway
from gateway.settings import load
from gateway.workflows.tables import SCHEMA, workflow_runs
from gateway.working import working

ROOT = Path(__file__).parents[2]


def variables(url, folder):
    """The settings of a gateway of the bundled domain with a folder for contexts."""
    return {
        "POSTGRES_URL": url,
        "PLAIT_WORKFLOWS_ENABLED": "*",
        "PLAIT_JOBS_INSIDE": "true",
        "PLAIT_JOBS_LEASE_SECONDS": "2",
        "DATASOURCE_CONTEXTS_TYPE": "filesystem",
        "DATASOURCE_CONTEXTS_PATH": str(folder / "contexts"),
    }


@pytest.fixture
async def trends(connection: asyncpg.Connection):
    """Three trends to tell of."""
    await connection.execute("TRUNCATE topics CASCADE")
    await connection.execute(
        """
        WITH topic AS (
            INSERT INTO topics (title, category) VALUES ('t', 'technology') RETURNING id
        )
        INSERT INTO trends (topic_id, state, rank, title, category, score, velocity,
            first_seen, last_updated)
        SELECT id, 'viral', given.*, now(), now() FROM topic, (VALUES
            (1, 'slow', 'technology'::trend_category, 0.9, 0.1),
            (2, 'fast', 'technology', 0.5, 0.8), (3, 'odd', 'science', 0.2, 0.3)) AS given
        """
    )


@pytest.mark.usefixtures("trends")
async def test_the_digest_is_made_of_the_trends(url, tmp_path):
    """Collected through the gateway itself, weighed, kept where everybody finds it."""
    settings = load(environ=variables(url, tmp_path))
    gateway = Gateway(settings)
    await gateway.open()
    try:
        async with working(settings, gateway.jobs()):
            await gateway.workflows.start("trend-digest", "d1", {"day": "2026-11-22"})
            row = await ended(gateway.workflows, "d1")
        assert (row["status"], row["error"]) == ("succeeded", None)
        digest = await gateway.datasources.get("contexts").load("digests/latest")
        assert digest["day"] == "2026-11-22"
        assert digest["strongest"] == ["slow", "fast", "odd"]
        assert digest["fastest"] == ["fast", "odd", "slow"]
        assert sorted(digest["categories"].values()) == [1, 2]
    finally:
        await gateway.close()


@pytest.mark.usefixtures("trends")
async def test_a_worker_does_what_is_written_down(url, connection, tmp_path):
    """`plait worker` does a run that a gateway started, and stops when told to."""
    given = variables(url, tmp_path)
    gateway = Gateway(load(environ=given))
    try:
        await gateway.workflows.start("trend-digest", "c1", {})
    finally:
        await gateway.close()
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", "worker"),
        env={**given, "PATH": "/usr/bin", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stderr=-1,
    )

    async def succeeded():
        return await connection.fetchval(
            "SELECT status = 'succeeded' FROM plait_engine.workflow_runs WHERE id = 'c1'"
        )

    await until(succeeded, 60)
    worker.terminate()
    assert await asyncio.wait_for(worker.wait(), 20) == 0


async def test_the_table_of_runs_is_what_the_entity_is_bound_to(url):
    """Columns, types, nullability and comments agree; the rest is the workers' business."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))

    def differences(connection):
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
                "include_object": lambda one, _, kind, *__: (
                    kind == "column" or (kind == "table" and one.name == workflow_runs.name)
                ),
            },
        )
        return compare_metadata(context, workflow_runs.metadata)

    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(differences)
    finally:
        await engine.dispose()
    assert [one[-1].name for one in found if isinstance(one[-1], sa.Column)] == ["attempt"]
    assert [one for one in found if not isinstance(one[-1], sa.Column)] == []
