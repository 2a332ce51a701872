"""Databases with the job engine's tables, and workers over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from gateway.context.registry import datasources_of
from gateway.settings import Datasource as Settings
from gateway.settings import Secret
from gateway.sources.postgres import migrate
from gateway.sources.postgres.connections.pool import Pool
from gateway.workflows.offering import Workflows
from gateway.workflows.records import steps_of
from gateway.workflows.worker import Worker

if TYPE_CHECKING:
    from gateway.context.datasource import Datasource
    from gateway.workflows.declaring import Workflow

FreshDatabase = Callable[..., Awaitable[str]]
MIGRATIONS = Path(__file__).parents[2] / "migrations"


@pytest.fixture(scope="module")
async def url(module_database: FreshDatabase) -> str:
    """A migrated database of the module's own."""
    made = await module_database()
    await migrate.upgrade(made, MIGRATIONS)
    return made


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to it; no job and no run is left from the test before."""
    made = await asyncpg.connect(url, timeout=10)
    await made.execute(
        "SET search_path = plait_engine; TRUNCATE procrastinate_jobs, workflow_runs CASCADE; RESET ALL"
    )
    yield made
    await made.close(timeout=10)


@pytest.fixture
async def working(url: str, connection: asyncpg.Connection):
    """`await working(jobs, …)` runs a worker until the test ends; gives its task."""
    del connection  # which leaves the tables empty
    async with AsyncExitStack() as stack:

        async def start(jobs, **options) -> asyncio.Task:
            return await stack.enter_async_context(running(url, jobs, **options))

        yield start


@asynccontextmanager
async def running(url, jobs, **options) -> AsyncIterator[asyncio.Task]:
    """A worker while the block runs."""
    task = asyncio.create_task(Worker(url, jobs, **{"lease": 4.0, "poll": 0.05, **options}).run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(found: Callable[[], object], seconds: float = 20.0):
    """What `found()` gives, awaited where it must be, once that is something."""
    async with asyncio.timeout(seconds):
        while True:
            value = found()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.01)


class Bench:
    """Workflows over a database and datasources, with as many workers as a test wants."""

    def __init__(self, url: str, sources: dict[str, Datasource]):
        self.url = url
        self.sources = sources
        self.asked = []
        self._stack = AsyncExitStack()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self._stack.aclose()

    def offer(self, *workflows: Workflow, keep: float = 0.0, runners: str = "*") -> Workflows:
        """These workflows, as one process has them."""
        made = Workflows(
            Pool(self.url, name="plait-tests"),
            {one.name: one for one in workflows},
            self.sources,
            ask=lambda _: self._ask,
            runners=frozenset(runners.split()),
            keep=keep,
        )
        self._stack.push_async_callback(made.close)
        return made

    async def work(self, workflows: Workflows, **options) -> asyncio.Task:
        """A worker for them until the test ends."""
        return await self._stack.enter_async_context(
            running(self.url, [workflows.jobs()[0]], **options)
        )

    async def _ask(self, document, variables):
        self.asked.append((document, variables))
        return {"answer": 42}


@pytest.fixture
async def bench(url, connection, tmp_path, redis_url) -> AsyncIterator[Bench]:
    """Workflows over three datasources: `files`, `cache` in Redis, `rows` in PostgreSQL."""
    del connection  # which leaves the tables empty
    sources = datasources_of(
        {
            "files": Settings(type="filesystem", path=str(tmp_path / "files")),
            "cache": Settings(type="redis", url=Secret(redis_url), prefix=f"wf-{tmp_path.name}:"),
            "rows": Settings(type="postgresql", url=Secret(url), prefix=f"{tmp_path.name}:"),
        }
    )
    await sources.connect()
    try:
        async with Bench(url, dict(sources.by_name())) as made:
            yield made
    finally:
        await sources.disconnect()


async def ended(workflows: Workflows, request_id: str, seconds: float = 20.0):
    """The run's row once it has ended."""

    async def row():
        async with workflows.runs._pool.connection() as connection:
            found = await connection.fetchrow(
                "SELECT *, status::text AS status, record::text AS record "
                "FROM plait_engine.workflow_runs WHERE id = $1 AND ended_at IS NOT NULL",
                request_id,
            )
        return found and {**found, "steps": steps_of(found["record"])}

    return await until(row, seconds)
