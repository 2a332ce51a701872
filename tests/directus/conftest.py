"""The Directus of these tests, started once for a process that needs it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from instance import INSTALL_SECONDS, Directus, started
from seed import seed
from writing import engine

from gateway.sources.directus.credentials import StaticToken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from newsroom import Newsroom


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test is the first to need Directus may have to wait until it is installed."""
    for item in items:
        if "directus" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(INSTALL_SECONDS + 300))


@pytest.fixture(scope="session")
def directus(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directus]:
    """A running Directus with what `seed` put there; skips where npm is absent.

    Shared by a process's tests: write only items of your own, and remove them.
    """
    name = f"directus_{os.getpid()}"
    asyncio.run(_execute(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE template0'))
    try:
        database = urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
        with started(database, tmp_path_factory.mktemp("directus")) as running:
            with running.client() as client:
                seed(client)
            yield running
    finally:
        asyncio.run(_execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def newsroom(directus: Directus) -> AsyncIterator[Newsroom]:
    """As the admin, who may do everything."""
    async with engine(directus.url, StaticToken(directus.token)) as newsroom:
        yield newsroom


@pytest.fixture
async def admin(directus: Directus) -> AsyncIterator[httpx.AsyncClient]:
    """What is really there; articles of these tests, which are about trends from 5000, go again."""
    headers = {"authorization": f"Bearer {directus.token}"}
    async with httpx.AsyncClient(base_url=directus.url, headers=headers, timeout=30) as client:
        yield client
        mine = {"query": {"filter": {"trend_id": {"_gte": 5000}}, "limit": -1}}
        await client.request("DELETE", "/items/articles", json=mine)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statement, timeout=30)
    finally:
        await connection.close()
