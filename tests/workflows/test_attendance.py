"""A process that defers jobs says so where nobody does them."""

import asyncio
import logging

import pytest

from gateway.settings import load
from gateway.sources.postgres.pool import Pool
from gateway.workflows.attendance import tell_unattended
from gateway.working import working

LEASE = 0.2


async def told(url, caplog):
    """The warnings of one look."""
    caplog.clear()
    with caplog.at_level(logging.WARNING, "gateway.workflows.attendance"):
        await tell_unattended(Pool(url, name="plait-tests", size=1), LEASE)
    return [record.getMessage() for record in caplog.records]


async def test_nobody_does_the_jobs(url, connection, caplog):
    """Without a worker, or with one that died, the warning names both remedies."""
    await connection.execute(
        "DELETE FROM plait_engine.procrastinate_workers; INSERT INTO "
        "plait_engine.procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')"
    )
    (text,) = await told(url, caplog)
    assert "plait worker" in text
    assert "PLAIT_JOBS_INSIDE" in text


async def test_somebody_does(url, connection, caplog):
    """A worker on whichever machine, if it lives, is enough."""
    await connection.execute(
        "INSERT INTO plait_engine.procrastinate_workers (last_heartbeat) "
        "VALUES (now() + interval '1 hour')"
    )
    try:
        assert await told(url, caplog) == []
    finally:
        await connection.execute("DELETE FROM plait_engine.procrastinate_workers")


async def test_a_database_that_cannot_tell(fresh_database, caplog):
    """One without the job engine's tables is a warning, and no failure."""
    (text,) = await told(await fresh_database(), caplog)
    assert "not known" in text


@pytest.mark.parametrize("inside", [True, False])
async def test_a_gateway_without_jobs_asks_nothing(inside):
    """Where there are no jobs there is nothing to look for: no database is needed."""
    settings = load(environ={"PLAIT_JOBS_INSIDE": str(inside).lower()})
    before = asyncio.all_tasks()
    async with working(settings, []):
        assert asyncio.all_tasks() == before
