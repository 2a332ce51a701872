"""A table of notes, synced into a collection of the test's own, on the real engines."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest
from notes import DDL, Notes, synced

from gateway.embedding.local import LocalEmbedder
from gateway.sources.postgres import migrate
from gateway.sources.postgres.syncing.install import watch
from gateway.sources.qdrant import QdrantSource

if TYPE_CHECKING:
    from gateway.embedded import Engines

MIGRATIONS = Path(__file__).parents[2] / "migrations"
FreshDatabase = Callable[..., Awaitable[str]]

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def template(module_database: FreshDatabase) -> str:
    """The name of a migrated database with the notes' table, to copy."""
    url = await module_database()
    await migrate.upgrade(url, MIGRATIONS)
    connection = await asyncpg.connect(url, timeout=10)
    await connection.execute(DDL)
    await connection.close()
    return urlsplit(url).path.removeprefix("/")


@pytest.fixture(scope="session")
def embedder() -> Iterator[LocalEmbedder]:
    """The local model."""
    made = LocalEmbedder()
    yield made
    made.close()


@pytest.fixture
async def engine(qdrant_engines: Engines) -> AsyncIterator[QdrantSource]:
    """The vector source, open."""
    urls = qdrant_engines.urls
    source = QdrantSource("vectors", urls.qdrant, grpc_port=urls.qdrant_grpc_port)
    await source.open()
    yield source
    await source.close()


@pytest.fixture
async def notes(
    fresh_database: FreshDatabase,
    template: str,
    engine: QdrantSource,
    embedder: LocalEmbedder,
    qdrant_engines: Engines,
) -> AsyncIterator[Notes]:
    """An empty table of notes and an absent collection, watched."""
    url = await fresh_database(template)
    sync = synced(f"sync_notes_{os.getpid()}_{next(_numbers)}")
    connection = await asyncpg.connect(url, timeout=10)
    await connection.execute(watch(sync))
    urls = qdrant_engines.urls
    yield Notes(url, connection, sync, engine, embedder, urls.qdrant, urls.qdrant_grpc_port)
    await connection.close()
    await engine.administration.delete_collection(sync.name)
