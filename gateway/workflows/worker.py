"""Does jobs: procrastinate's worker, kept alive, and what it lost done again by another.

The only module that knows the job engine. A worker says every `lease / 4` seconds that it lives;
the jobs of one that has not for `lease` seconds are tried again by the others. One that cannot say
so gives its jobs up before that. A frozen one may go on later: how its tries end is not written
down where somebody else has begun another.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import procrastinate
from procrastinate import sql
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.job_context import AbortReason
from procrastinate.jobs import DeleteJobCondition, Status
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from gateway.errors import ConfigurationError
from gateway.telemetry import describe
from gateway.workflows.jobs import Attempt, TryAgain

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from procrastinate.job_context import JobContext
    from procrastinate.jobs import Job as Row

    from gateway.workflows.jobs import Job

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
"""Seconds between attempts to reach the database: doubled each time, up to the second."""

_PREPARED = "SELECT to_regprocedure('plait_engine.job_queue()') IS NOT NULL AS prepared"
_UNKNOWN = """
SELECT task_name FROM procrastinate_jobs AS job
WHERE status = 'todo' AND queue_name <> ALL(%(known)s::varchar[]) AND (
    SELECT max(at) FROM procrastinate_events WHERE job_id = job.id
) < now() - make_interval(secs => %(seconds)s) LIMIT 1
"""
"""A name of jobs that could have begun so long ago; being scheduled is an event of that moment."""
_TRY = """
FROM (
    SELECT FROM procrastinate_jobs
    WHERE id = %(job_id)s AND attempts = %(attempts)s AND status = 'doing' FOR UPDATE
) AS ours
"""
_FINISH, _RETRY = (
    sql.queries[name].rstrip().removesuffix(";") + _TRY for name in ("finish_job", "retry_job")
)
"""As procrastinate does it, but only where the try is still the one that we began."""

for _name in ("procrastinate", "psycopg.pool"):
    # They write arguments, addresses and texts of exceptions into their lines; ours say enough.
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class _GivenUpError(Exception):
    """The last try failed."""


class _Retry(BaseRetryStrategy):
    """Tries again what says so, and nothing else."""

    def get_retry_decision(self, *, exception: BaseException, job: Row) -> RetryDecision | None:
        del job
        if not isinstance(exception, TryAgain):
            return None
        moment = datetime.now(UTC) + timedelta(seconds=exception.delay)
        return RetryDecision(retry_at=moment)


class _Jobs(JobManager):
    """The table of jobs. Nothing is left of those that are `regular`: the next comes by itself."""

    def __init__(self, connector: procrastinate.PsycopgConnector, regular: Container[str]) -> None:
        super().__init__(connector)
        self._regular = regular

    async def finish_job(self, job: Row, status: Status, delete_job: bool) -> None:  # noqa: FBT001 - procrastinate's call
        """Note how a try of ours ended."""
        delete_job = delete_job or job.task_name in self._regular
        await self._on(job, _FINISH, status=status.value, delete_job=delete_job)

    async def retry_job(
        self,
        job: Row,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Have a job tried again, unless that has been done already."""
        await self._on(
            job,
            _RETRY,
            retry_at=retry_at or datetime.now(UTC),
            new_priority=priority,
            new_queue_name=queue,
            new_lock=lock,
        )

    async def _on(self, job: Row, query: str, **values: Any) -> None:
        await self.connector.execute_query_async(
            query, job_id=job.id, attempts=job.attempts, **values
        )


class Worker:
    """The worker of one process for `jobs`, over the database at `dsn`: no pooler's address.

    `concurrency`: jobs at once. `lease`: seconds of silence after which a worker is taken for
    dead. `poll`: seconds after which one looks for work of which nothing told it: a try that is
    due again, a lock that was let go.
    """

    def __init__(
        self,
        dsn: str,
        jobs: Iterable[Job],
        *,
        concurrency: int = 4,
        lease: float = 30.0,
        poll: float = 1.0,
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._concurrency = concurrency
        self._lease = lease
        self._beat = lease / 4
        self._poll = poll
        self._under_way = 0
        self._ended: dict[tuple[int, int], float] = {}
        """Tries that ended here, by the job's id and its tries before, and when."""
        self._told: list[str] = []
        """Names of jobs that are left to other workers, as the log has it."""
        self._connector = procrastinate.PsycopgConnector(
            conninfo=dsn,
            min_size=1,
            max_size=4,
            timeout=self._beat,
            kwargs={
                "application_name": "plait-worker",
                "connect_timeout": max(2, round(self._beat)),
                "options": "-c search_path=plait_engine,public -c statement_timeout=30000",
            },
        )
        self._app = procrastinate.App(connector=self._connector)
        regular = {job.name for job in self._jobs.values() if job.every}
        self._app.job_manager = _Jobs(self._connector, regular)
        for job in self._jobs.values():
            self._declare(job)

    async def run(self) -> None:
        """Do jobs until cancelled; those under way then get a quarter of the lease to finish.

        A database that is away, or has not been migrated yet, is waited for.
        """
        doing = asyncio.create_task(self._keep_working())
        try:
            await asyncio.shield(doing)
        finally:
            # `asyncio.wait_for`, by which pools connect, loses some (python/cpython#86296).
            while not doing.done():
                doing.cancel()
                await asyncio.wait({doing}, timeout=1 + self._beat * (self._under_way > 0))

    async def _keep_working(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            started = asyncio.get_running_loop().time()
            try:
                async with self._app.open_async():
                    await self._work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                _LOG.warning(
                    "the worker has no database", extra={"fields": {"error": describe(error)}}
                )
            if asyncio.get_running_loop().time() - started > self._lease:
                pause = _FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _work(self) -> None:
        if not (await self._connector.execute_query_one_async(_PREPARED))["prepared"]:
            raise ConfigurationError(
                "the database is not prepared for the jobs of this version: run `plait migrate "
                "up`, or what `plait migrate sql` prints"
            )
        recovering = asyncio.create_task(self._recovering())
        try:
            await self._app.run_worker_async(
                queues=list(self._jobs),
                concurrency=self._concurrency,
                fetch_job_polling_interval=self._poll,
                abort_job_polling_interval=self._beat,
                shutdown_graceful_timeout=self._beat,
                update_heartbeat_interval=self._beat,
                stalled_worker_timeout=self._lease,
                delete_jobs=DeleteJobCondition.SUCCESSFUL,
                install_signal_handlers=False,
            )
        finally:
            recovering.cancel()
            with suppress(asyncio.CancelledError):
                await recovering

    def _declare(self, job: Job) -> None:
        async def perform(context: JobContext, /, **arguments: Any) -> None:
            self._under_way += 1
            try:
                await self._perform(job, context, arguments)
            finally:
                self._under_way -= 1
                now = asyncio.get_running_loop().time()
                self._ended[context.job.id or 0, context.job.attempts] = now

        declare = self._app.task(name=job.name, pass_context=True, retry=_Retry())
        task: Any = declare(perform)
        if job.every:
            self._app.periodic(cron=job.every, periodic_id=job.name)(task)

    async def _perform(self, job: Job, context: JobContext, arguments: dict[str, Any]) -> None:
        """One try; tells procrastinate by exceptions what is to become of the job."""
        number = context.job.attempts + 1
        attempt = Attempt(context.job.id or 0, number, number >= job.attempts, arguments)
        try:
            if number <= job.attempts:
                await job.run(attempt)
                return
        except asyncio.CancelledError:
            if context.abort_reason() is AbortReason.USER_REQUEST:
                raise JobAborted from None
            raise TryAgain(0) from None
        except TryAgain:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            fields = {"job": job.name, "id": attempt.job_id, "attempt": number}
            _LOG.warning("a job failed", extra={"fields": {**fields, "error": describe(error)}})
            if not attempt.last:
                raise TryAgain(job.delay(number)) from None
        # The last try failed just now, or ended with its worker.
        raise _GivenUpError

    async def _recovering(self) -> None:
        """Again and again, let jobs that nobody does any more be tried again."""
        while True:
            try:
                await self._recover()
                await self._tell()
            except ConnectorException:
                _LOG.info("jobs that nobody does could not be looked for")
            await asyncio.sleep(self._beat)

    async def _recover(self) -> None:
        """Those of dead workers, and our own whose end did not reach the database."""
        manager = self._app.job_manager
        lost = list(await manager.get_stalled_jobs(seconds_since_heartbeat=self._lease))
        before = asyncio.get_running_loop().time() - self._beat
        if any(ended < before for ended in self._ended.values()):
            doing = await manager.list_jobs_async(status=Status.DOING.value)
            lost += [row for row in doing if self._ended.get(_try(row), before) < before]
        for row in lost:
            await manager.retry_job(row)
        self._ended = {key: at for key, at in self._ended.items() if at >= before}

    async def _tell(self) -> None:
        """Say once for each name that its jobs wait for a worker with other settings."""
        known = [*self._jobs, *self._told]
        for row in await self._connector.execute_query_all_async(
            _UNKNOWN, known=known, seconds=self._lease
        ):
            self._told.append(row["task_name"])
            _LOG.warning(
                "jobs named %s wait for another worker: the settings of this one do not have "
                "what they are for",
                row["task_name"],
            )


def _try(row: Row) -> tuple[int, int]:
    return row.id or 0, row.attempts
