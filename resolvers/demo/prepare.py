"""The whole preparation of the demo: migrate, compute, load, embed; a second run does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from gateway.sources.postgres import migrate
from gateway.sync.filling import Filler
from resolvers.demo import rows
from resolvers.demo.dataset import build
from resolvers.items import ITEM_SYNC
from resolvers.trends import TREND_SYNC

if TYPE_CHECKING:
    from gateway.embedding.contract import Embedder
    from gateway.sync.filling import Engine
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
    postgres_url: str, embedder: Embedder, engine: Engine, progress: Progress
) -> Summary:
    """Make database and vector engine ready for the demo; less than 30 s, or next to nothing.

    Rows and vectors of this version are left alone; what is missing, half done or of an older
    version is written anew. `progress(stage, done, total)` is called from the event loop.
    Raises `ConfigurationError` (packages missing, a database that is not the demo's), what the
    embedder and the engine raise, and asyncpg's errors.
    """
    progress("migrate", 0, 1)
    await migrate.upgrade(postgres_url, MIGRATIONS)
    progress("migrate", 1, 1)
    connection = await asyncpg.connect(
        postgres_url, timeout=_CONNECT_SECONDS, command_timeout=rows.SECONDS
    )
    try:
        has_rows = await rows.is_loaded(connection, embedder.model)
        if not has_rows:
            await rows.load(connection, await build(embedder, progress), progress)
        counts = await rows.count(connection)
    finally:
        await connection.close(timeout=_CONNECT_SECONDS)
    filled = 0
    for sync in (TREND_SYNC, ITEM_SYNC):
        filler = Filler(sync, postgres_url, engine, embedder)
        _, figures = await filler.fill(progress, repair=True)
        filled += figures.done
    return Summary(
        rows.version(embedder.model), counts, wrote_rows=not has_rows, wrote_vectors=filled > 0
    )
