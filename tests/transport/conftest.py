"""Fixtures of transport's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from toy_engine import ToyEngine
from toy_site import client_of, site_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx


@pytest.fixture
async def engine() -> ToyEngine:
    return ToyEngine()


@pytest.fixture
async def client(engine: ToyEngine) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(site_of(engine)) as client:
        yield client
