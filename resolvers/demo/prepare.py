"""The whole preparation of the demo: migrate, compute, load, store; a second run does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from gateway.sources.postgres import migrate
from resolvers.demo import points, rows
from resolvers.demo.dataset import build

if TYPE_CHECKING:
    from gateway.embedding.contract import Embedder
    from resolvers.demo.dataset import Progress

MIGRATIONS = Path(__file__).parents[2] / "migrations"

_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What there is now, and whether this run had to write it."""

    version: str
    counts: rows.Counts
    wrote_rows: bool
    wrote_vectors: bool


async def prepare(
    postgres_url: str, embedder: Embedder, store: points.VectorStore, progress: Progress
) -> Summary:
    """Make database and vector engine ready for the demo; less than 30 s, or next to nothing.

    Rows and vectors of this version are left alone; what is missing, half done or of an older
    version is written anew. `progress(stage, done, total)` is called from the event loop.
    Raises `ConfigurationError` (packages missing, a database that is not the demo's), what the
    embedder and the store raise, and asyncpg's errors.
    """
    progress("migrate", 0, 1)
    await migrate.upgrade(postgres_url, MIGRATIONS)
    progress("migrate", 1, 1)
    connection = await asyncpg.connect(
        postgres_url, timeout=_CONNECT_SECONDS, command_timeout=rows.SECONDS
    )
    try:
        has_rows = await rows.is_loaded(connection, embedder.model)
        has_vectors = has_rows and await points.is_stored(connection, store, embedder.model)
        if not has_vectors:
            dataset = await build(embedder, progress)
            if not has_rows:
                await rows.load(connection, dataset, progress)
            await points.store_all(connection, store, dataset, progress)
        return Summary(
            rows.version(embedder.model),
            await rows.count(connection),
            wrote_rows=not has_rows,
            wrote_vectors=not has_vectors,
        )
    finally:
        await connection.close(timeout=_CONNECT_SECONDS)
