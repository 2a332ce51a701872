"""The Directus of these tests, started once for a process that needs it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from instance import INSTALL_SECONDS, Directus, started
from seed import seed

if TYPE_CHECKING:
    from collections.abc import Iterator


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


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statement, timeout=30)
    finally:
        await connection.close()
