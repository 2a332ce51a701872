"""Databases with the job engine's tables, and workers over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from gateway.sources.postgres import migrate
from gateway.workflows.worker import Worker

FreshDatabase = Callable[..., Awaitable[str]]
MIGRATIONS = Path(__file__).parents[2] / "migrations"


@pytest.fixture(scope="module")
async def template(module_database: FreshDatabase) -> str:
    """The name of a database with all migrations that nobody is connected to."""
    url = await module_database()
    await migrate.upgrade(url, MIGRATIONS, "0009")
    return urlsplit(url).path.removeprefix("/")


@pytest.fixture
async def url(fresh_database: FreshDatabase, template: str) -> str:
    """A migrated database of the test's own."""
    return await fresh_database(template)


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to it."""
    made = await asyncpg.connect(url, timeout=10)
    yield made
    await made.close(timeout=10)


@pytest.fixture
async def working(url: str):
    """`await working(jobs, …)` runs a worker until the test ends; gives its task."""
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
