"""The table of runs: starting, taking on, noting, ending. Only the last taker may write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import InputError, SourceConflict
from gateway.workflows.jobs import defer
from gateway.workflows.records import (
    Run,
    Seen,
    StepState,
    new_steps,
    steps_of,
    text_of,
    unlike,
)
from gateway.workflows.tables import WorkflowStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping
    from typing import TypeAlias

    from gateway.sources.postgres.connections.pool import Pool
    from gateway.workflows.declaring import Workflow
    from gateway.workflows.records import StepRecord

    Crossing: TypeAlias = Collection[tuple[str, str]]
    """Ids of runs, each with the name of its workflow."""

JOB = "plait.workflow"
_TABLE = "plait_engine.workflow_runs"
_INSERT = f"""
INSERT INTO {_TABLE} (id, workflow, version, variables, record)
VALUES ($1, $2, $3, $4::text::jsonb, $5::text::jsonb) ON CONFLICT (id) DO NOTHING
"""  # noqa: S608 - a name of our own
_LOCKED = f"""
SELECT workflow, version, status::text AS status, record::text AS record
FROM {_TABLE} WHERE id = $1 FOR UPDATE
"""  # noqa: S608 - likewise
_SEEN = f"""
SELECT workflow, version, status::text, error, record::text FROM {_TABLE} WHERE id = $1
"""  # noqa: S608 - likewise
_QUEUE = f"""
UPDATE {_TABLE} SET status = 'queued', record = $2::text::jsonb, error = NULL, ended_at = NULL
WHERE id = $1
"""  # noqa: S608 - likewise
_CANCEL = f"""
UPDATE {_TABLE} SET status = 'cancelled', record = $2::text::jsonb, ended_at = now() WHERE id = $1
"""  # noqa: S608 - likewise
_TAKE = f"""
UPDATE {_TABLE} SET status = 'running', attempt = attempt + 1,
    started_at = coalesce(started_at, now())
WHERE id = $1 AND status IN ('queued', 'running')
RETURNING id, workflow, version, variables::text AS variables, record::text AS record,
    created_at, attempt
"""  # noqa: S608 - likewise
_NOTE = f"""
UPDATE {_TABLE} SET record = $3::text::jsonb, status = $4::text::plait_engine.workflow_status,
    error = $5,
    ended_at = CASE WHEN $4::text IN ('succeeded', 'failed') THEN now() END
WHERE id = $1 AND attempt = $2 AND status = 'running'
RETURNING true
"""  # noqa: S608 - likewise
_CROSSING_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('plait workflow keys', 0))"
_CROSSING = f"""
SELECT id FROM {_TABLE} JOIN unnest($1::text[], $2::text[]) AS one (id, workflow)
USING (id, workflow) LIMIT 1
"""  # noqa: S608 - likewise

_ENDED = f"""
SELECT id FROM {_TABLE}
WHERE ended_at < now() - make_interval(secs => $1) AND id > $2 ORDER BY id LIMIT 100
"""  # noqa: S608 - likewise
_FORGOTTEN = f"""
SELECT record::text FROM {_TABLE} WHERE id = $1 AND ended_at < now() - make_interval(secs => $2)
FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - likewise
_FORGET = f"DELETE FROM {_TABLE} WHERE id = $1"  # noqa: S608 - likewise
_FORGET_JOBS = """
DELETE FROM procrastinate_jobs AS job
WHERE status NOT IN ('todo', 'doing') AND NOT EXISTS (
    SELECT FROM procrastinate_events AS event
    WHERE event.job_id = job.id AND event.at > now() - make_interval(secs => $1)
)
"""


class LostRun(Exception):  # noqa: N818 - no failure: the run is somebody else's now
    """The run was cancelled, or another worker has taken it on: stop, and write nothing."""


class Runs:
    """Runs in PostgreSQL, by their request ids."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def start(
        self,
        workflow: Workflow,
        request_id: str,
        variables: Mapping[str, Any],
        crossing: Crossing = frozenset(),
    ) -> None:
        """Begin a run, or continue the one with this id after its last saved step.

        One that is under way or has succeeded is left as it is. Raises InputError where the id is
        another workflow's, or its run of another version; and where there is one of the runs
        `crossing`, which have a key that this one would have, too.
        """
        steps = new_steps(workflow, request_id)
        async with self._pool.transaction() as connection:
            if crossing:
                await _refuse_crossing(connection, request_id, crossing)
            made = await connection.execute(
                _INSERT,
                request_id,
                workflow.name,
                workflow.version,
                text_of(variables),
                text_of(steps),
            )
            if made.endswith("0 1"):
                await _defer(connection, request_id)
            else:
                await self._continue(connection, workflow, request_id)

    async def _continue(self, connection: Any, workflow: Workflow, request_id: str) -> None:
        row = await connection.fetchrow(_LOCKED, request_id)
        if row is None:
            raise SourceConflict(f"The run {request_id!r} was forgotten just now; start it anew.")
        if row["workflow"] != workflow.name:
            raise InputError(f"The id {request_id!r} belongs to a run of another workflow.")
        if row["status"] == WorkflowStatus.SUCCEEDED:
            return
        steps = steps_of(row["record"])
        reason = unlike(workflow, row["version"], steps)
        if reason is not None:
            raise InputError(f"The run {request_id!r} {reason} Start a new run.")
        if row["status"] in {WorkflowStatus.FAILED, WorkflowStatus.CANCELLED}:
            for step in steps[last_saved(steps) + 1 :]:
                step.reset()
            await connection.execute(_QUEUE, request_id, text_of(steps))
        await _defer(connection, request_id)

    async def seen(self, request_id: str) -> Seen:
        """A run as it is now. Raises InputError where there is none."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_SEEN, request_id)
        if row is None:
            raise InputError(f"There is no run {request_id!r}.")
        workflow, version, status, error, record = row
        return Seen(workflow, version, status, error, steps_of(record))

    async def cancel(self, request_id: str) -> None:
        """End a run that has not ended; a step under way is interrupted. Raises InputError."""
        async with self._pool.transaction() as connection:
            row = await connection.fetchrow(_LOCKED, request_id)
            if row is None:
                raise InputError(f"There is no run {request_id!r}.")
            if row["status"] not in {WorkflowStatus.QUEUED, WorkflowStatus.RUNNING}:
                return
            steps = steps_of(row["record"])
            for step in steps:
                if step.state is StepState.RUNNING:
                    step.end(StepState.CANCELLED)
            await connection.execute(_CANCEL, request_id, text_of(steps))
            await connection.execute("SELECT public.plait_cancel($1)", _lock(request_id))

    async def take(self, request_id: str) -> Run | None:
        """Take a run on, so that nobody else may write it; None where it has ended."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_TAKE, request_id)
        if row is None:
            return None
        return Run(
            id=row["id"],
            workflow=row["workflow"],
            version=row["version"],
            variables=orjson.loads(row["variables"]),
            steps=steps_of(row["record"]),
            created_at=row["created_at"],
            attempt=row["attempt"],
        )

    async def note(
        self,
        run: Run,
        status: WorkflowStatus = WorkflowStatus.RUNNING,
        error: str | None = None,
    ) -> None:
        """Write what is known of the steps and the run. Raises LostRun."""
        async with self._pool.connection() as connection:
            written = await connection.fetchval(
                _NOTE, run.id, run.attempt, text_of(run.steps), status.value, error
            )
        if not written:
            raise LostRun

    # Forgetting.

    async def ended(self, seconds: float, after: str) -> list[str]:
        """Up to 100 ids of runs that ended so long ago, from behind `after` on."""
        async with self._pool.connection() as connection:
            return [row["id"] for row in await connection.fetch(_ENDED, seconds, after)]

    async def forget(
        self,
        request_id: str,
        seconds: float,
        cleared: Callable[[list[StepRecord]], Awaitable[bool]],
    ) -> bool:
        """Delete a run that ended so long ago, once `cleared` says that its contexts are gone.

        Meanwhile nobody can resume it. Whether it was deleted.
        """
        async with self._pool.transaction() as connection:
            record = await connection.fetchval(_FORGOTTEN, request_id, seconds)
            if record is None or not await cleared(steps_of(record)):
                return False
            await connection.execute(_FORGET, request_id)
            return True

    async def forget_jobs(self, seconds: float) -> None:
        """Delete jobs that failed or were cancelled so long ago."""
        async with self._pool.transaction() as connection:
            await connection.execute("SET LOCAL search_path = plait_engine, public")
            await connection.execute(_FORGET_JOBS, seconds)


def last_saved(steps: list[StepRecord]) -> int:
    """The index of the last step after which the context is kept, -1 where there is none."""
    return max((n for n, step in enumerate(steps) if step.state is StepState.SAVED), default=-1)


async def _defer(connection: Any, request_id: str) -> None:
    lock = _lock(request_id)
    await defer(connection, JOB, {"run": request_id}, lock=lock, once=lock)


async def _refuse_crossing(connection: Any, request_id: str, crossing: Crossing) -> None:
    """Raises InputError. Nobody else starts one of these runs before the transaction has ended."""
    names, workflows = zip(*crossing, strict=True)
    await connection.execute(_CROSSING_TURN)
    other = await connection.fetchval(_CROSSING, names, workflows)
    if other is not None:
        raise InputError(
            f"The run {other!r} keeps a context under a key that the run {request_id!r} would "
            "have, too; choose another id."
        )


def _lock(request_id: str) -> str:
    return f"workflow:{request_id}"
