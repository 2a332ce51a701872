"""A database with watched tables, somebody who writes to it from outside, and a feed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from feeding import connected, listening, prepare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import asyncpg

    from gateway.sources.postgres.feed import ChangeFeed


@pytest.fixture
async def url(fresh_database: Callable[[], Awaitable[str]]) -> str:
    made = await fresh_database()
    await prepare(made)
    return made


@pytest.fixture
async def writer(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A session outside of the gateway."""
    async with connected(url) as connection:
        yield connection


@pytest.fixture
async def feed(url: str) -> AsyncIterator[ChangeFeed]:
    async with listening(url) as made:
        yield made
