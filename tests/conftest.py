"""Fixtures of every test: the real engines, started once per session on free loopback ports."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from gateway.embedded import Engines, start

pytest.register_assert_rewrite("sources.contract")

# A shell that starts us in the background has these ignored, and what we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

FreshDatabase = Callable[..., Awaitable[str]]

_numbers = itertools.count(1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests run in one process; those of `tests/directus` too, which share an instance."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - only where it is used

    class Scheduling(LoadFileScheduling):
        """Files, but for the folder of tests that start a Directus."""

        def _split_scope(self, nodeid: str) -> str:
            folder = "tests/directus"
            return folder if nodeid.startswith(f"{folder}/") else super()._split_scope(nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests and fixtures run on asyncio, what the gateway serves on."""
    return "asyncio"


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """PostgreSQL and Valkey of this session, shared: never kill or freeze these.

    A test that harms an engine starts its own with `gateway.embedded.start`.
    """
    folder = Path(tempfile.mkdtemp(prefix="plait-tests-"))
    try:
        with start(folder, names=("postgres", "valkey"), durable=False) as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def qdrant_engines() -> Iterator[Engines]:
    """Qdrant's engine of this session; apart, for most tests can do without its second of start."""
    folder = Path(tempfile.mkdtemp(prefix="plait-tests-"))
    try:
        with start(folder, names=("qdrant",), durable=False) as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_url(engines: Engines) -> str:
    """The superuser's URL of the database `plait`; leave it as it is, and use `fresh_database`."""
    return engines.urls.postgres


@pytest.fixture(scope="session")
def redis_url(engines: Engines) -> str:
    """Database 0 of the session's Valkey, shared: choose key names of your own."""
    return engines.urls.redis


@pytest.fixture(scope="session")
def qdrant_endpoint(qdrant_engines: Engines) -> str:
    """`http://127.0.0.1:port` of the engine, which speaks gRPC."""
    return qdrant_engines.urls.qdrant


@pytest.fixture
async def fresh_database(postgres_url: str) -> AsyncIterator[FreshDatabase]:
    """`await fresh_database()` makes an empty database and returns its URL; dropped at the end.

    `await fresh_database(template="name")` copies one that nobody is connected to.
    """
    async with _databases(postgres_url) as make:
        yield make


@pytest.fixture(scope="module")
async def module_database(postgres_url: str) -> AsyncIterator[FreshDatabase]:
    """As `fresh_database`, with databases that live as long as the module's tests."""
    async with _databases(postgres_url) as make:
        yield make


@asynccontextmanager
async def _databases(url: str) -> AsyncIterator[FreshDatabase]:
    async with AsyncExitStack() as stack:

        async def make(template: str = "template0") -> str:
            name = f"test_{os.getpid()}_{next(_numbers)}"
            await _execute(url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
            stack.push_async_callback(_execute, url, f'DROP DATABASE "{name}" WITH (FORCE)')
            return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))

        yield make


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statement, timeout=30)
    finally:
        await connection.close()
