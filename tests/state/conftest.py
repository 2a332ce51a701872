"""Fixtures: a gateway over stored values with keys of its own, and a client beside it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis
from state.cabinet import Cabinet, cabinet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Cabinet]:
    """Over the session's Valkey, behind a prefix that no other test has."""
    async with cabinet(redis_url, f"{uuid.uuid4().hex}:") as running:
        yield running


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    """A connection of the test's own."""
    async with Redis.from_url(redis_url) as connection:
        yield connection
