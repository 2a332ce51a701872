"""Databases with all migrations for the tests of what the migrations make."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from gateway.sources.postgres import migrate

FreshDatabase = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def migrations_folder() -> Path:
    """The repository's migrations."""
    return Path(__file__).parents[2] / "migrations"


@pytest.fixture(scope="module")
async def migrated_template(module_database: FreshDatabase, migrations_folder: Path) -> str:
    """The name of a database with all migrations that nobody is connected to."""
    url = await module_database()
    await migrate.upgrade(url, migrations_folder)
    return urlsplit(url).path.removeprefix("/")


@pytest.fixture
async def migrated_url(fresh_database: FreshDatabase, migrated_template: str) -> str:
    """The URL of a migrated database of the test's own."""
    return await fresh_database(migrated_template)


@pytest.fixture
async def connection(migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to that database."""
    connection = await asyncpg.connect(migrated_url, timeout=10)
    yield connection
    await connection.close(timeout=10)
