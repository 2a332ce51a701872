"""The newsroom, up, with a database and a prefix of its own."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from subscriptions.newsroom import Newsroom, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@pytest.fixture(scope="module")
async def room(
    module_database: Callable[[], Awaitable[str]], redis_url: str
) -> AsyncIterator[Newsroom]:
    """One for all tests of a file; each uses rows of its own."""
    async with running(module_database, redis_url, f"{uuid.uuid4().hex}:") as up:
        yield up
