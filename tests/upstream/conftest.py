"""The people service, and a gateway in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from upstream import joined, people

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase
    from upstream.joined import Joined
    from upstream.people import People


@pytest.fixture(scope="module")
async def database(module_database: FreshDatabase) -> str:
    """One with the zoo's rows."""
    url = await module_database()
    connection = await asyncpg.connect(url)
    try:
        await joined.fill(connection)
    finally:
        await connection.close()
    return url


@pytest.fixture
async def service() -> AsyncIterator[People]:
    async with people.running() as one:
        yield one


@pytest.fixture
async def gateway(service: People) -> AsyncIterator[Joined]:
    async with joined.running(service, joined.joined()) as one:
        yield one
