"""A running gateway over the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aggregates import shelf
from toy.running import Zoo, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture(scope="module")
async def library(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    """The engine over the library's tables."""
    async with running(module_database, redis_url, shelf.domain) as engine:
        await shelf.fill(engine.connection)
        yield engine
