"""Whether anybody does the jobs that a process defers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.errors import PlaitError

if TYPE_CHECKING:
    from gateway.sources.postgres.pool import Pool

_LOG = logging.getLogger(__name__)
_AT_WORK = """
SELECT EXISTS (
    SELECT FROM plait_engine.procrastinate_workers
    WHERE last_heartbeat > now() - make_interval(secs => $1)
)
"""


async def tell_unattended(pool: Pool, lease: float) -> None:
    """Log a warning where no worker has been alive since `lease` seconds from now; once.

    A worker that starts beside this process has that long to come up.
    """
    await asyncio.sleep(lease)
    try:
        async with pool.connection() as connection:
            attended = bool(await connection.fetchval(_AT_WORK, lease))
    except PlaitError:
        _LOG.warning("whether a worker does the jobs is not known: their database is away")
        return
    finally:
        await pool.close()
    if not attended:
        _LOG.warning(
            "no worker does the jobs: workflows do not run, vector collections do not follow their "
            "rows, old runs and expired values are not deleted; run `plait worker`, or set "
            "jobs.inside (PLAIT_JOBS_INSIDE)"
        )
