"""A backfill of vector sync, as `python -m bench sync` prints it, beside the embedder alone.

50,000 sentences of the demo's data, each made unlike all others, on engines of its own.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import asyncpg
import sqlalchemy as sa
from rich.table import Table

from bench.database import ROOT
from gateway import embedded
from gateway.embedding.compose import embedder_of
from gateway.schema.vector_collections import VectorCollection
from gateway.schema.vector_sync import VectorSync
from gateway.settings import Embedding
from gateway.sources.postgres import migrate
from gateway.sources.postgres.syncing.install import watch
from gateway.sources.qdrant import QdrantSource
from gateway.sync.filling import Filler
from resolvers.demo import attack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.embedded import EngineUrls
    from gateway.embedding.contract import Embedder
    from gateway.sync.figures import Figures

ITEMS = 50_000
ALONE = 10_000
"""The texts that the embedder alone is given, before the backfill and after it."""
ROWS = 1_000
"""The rows of the insert that the triggers are measured by."""
REPEATS = 20
SECONDS = 600.0
_BATCH = 256

_BODY = sa.Table(
    "bench_sync",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
_SYNC = VectorSync(
    VectorCollection("bench_sync", size=256, payload={"body": str}),
    _BODY,
    text=_BODY.c.body,
    payload={"body": _BODY.c.body},
)
_INSERT = """
INSERT INTO bench_sync (id, body)
SELECT $1 + place, body FROM unnest($2::text[]) WITH ORDINALITY AS new (body, place)
"""


@dataclass(frozen=True, slots=True)
class Backfill:
    """What was measured: `alone`, the embedder's own items a second; milliseconds of inserts."""

    figures: Figures
    seconds: float
    alone: float
    insert_ms: float
    watched_ms: float

    @property
    def share(self) -> float:
        """The backfill's speed as a share of the embedder's own."""
        return self.figures.embedded / self.seconds / self.alone


def measure(say: Callable[[str], None]) -> Backfill:
    """Bring the engines up, measure, take them down. Raises `PlaitError`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="plait-bench-")))
        say("starting PostgreSQL and Qdrant's engine")
        names = ("postgres", "qdrant")
        engines = stack.enter_context(embedded.start(folder, names=names, durable=False))
        return asyncio.run(_measure(engines.urls, say))


def table(found: Backfill) -> Table:
    """The stages, the whole and the embedder alone, for people."""
    shown = Table("backfill", title=f"vector sync, {found.figures.embedded:,} items")
    for name in ("items/s", "busy s"):
        shown.add_column(name, justify="right")
    for name, stage in found.figures.stages.items():
        shown.add_row(name, f"{stage.speed:,.0f}", f"{stage.seconds:.1f}")
    shown.add_row(
        "in all", f"{found.figures.embedded / found.seconds:,.0f}", f"{found.seconds:.1f}"
    )
    shown.add_row("the embedder alone", f"{found.alone:,.0f}", "")
    shown.caption = (
        f"{found.share:.2f} of the embedder's own rate; an insert of {ROWS:,} rows takes "
        f"{found.insert_ms:.1f} ms, and {found.watched_ms:.1f} ms where it is watched"
    )
    return shown


async def _measure(urls: EngineUrls, say: Callable[[str], None]) -> Backfill:
    await migrate.upgrade(urls.postgres, ROOT / "migrations")
    embedder = embedder_of(Embedding(), None)
    source = QdrantSource("qdrant", urls.qdrant, grpc_port=urls.qdrant_grpc_port)
    await source.open()
    connection = await asyncpg.connect(urls.postgres, timeout=10, command_timeout=SECONDS)
    try:
        await connection.execute("CREATE TABLE bench_sync (id bigint PRIMARY KEY, body text)")
        insert_ms = await _inserts(connection)
        await connection.execute(watch(_SYNC))
        watched_ms = await _inserts(connection)
        await connection.execute("TRUNCATE bench_sync, plait_sync.vector_changes")
        await connection.execute(_INSERT, 0, [*_texts("item", ITEMS)])
        say("the embedder alone")
        before = await _alone(embedder, "before")
        say(f"filling a collection with {ITEMS:,} items")
        started = time.perf_counter()
        _, figures = await Filler(_SYNC, urls.postgres, source, embedder).fill(
            lambda *_: None, repair=True
        )
        seconds = time.perf_counter() - started
        say("the embedder alone, again")
        after = await _alone(embedder, "after")
        return Backfill(figures, seconds, (before + after) / 2, insert_ms, watched_ms)
    finally:
        await connection.close()
        await source.close()
        await embedder.aclose()


async def _inserts(connection: asyncpg.Connection[asyncpg.Record]) -> float:
    """The milliseconds of the quickest of several inserts of new rows."""
    texts, took = [*_texts("insert", ROWS)], []
    for turn in range(REPEATS):
        started = time.perf_counter()
        await connection.execute(_INSERT, turn * ROWS, texts)
        took.append(time.perf_counter() - started)
    await connection.execute("TRUNCATE bench_sync")
    return min(took) * 1000


async def _alone(embedder: Embedder, mark: str) -> float:
    """The items a second of the embedder, asked as the sync asks it."""
    texts = [*_texts(mark, ALONE)]
    deadline = asyncio.get_running_loop().time() + SECONDS
    await embedder.embed([mark], deadline)
    batches = [texts[start : start + _BATCH] for start in range(0, ALONE, _BATCH)]
    started = time.perf_counter()
    for pair in zip(batches[::2], batches[1::2], strict=False):
        await asyncio.gather(*(embedder.embed(batch, deadline) for batch in pair))
    return len(batches) // 2 * 2 * _BATCH / (time.perf_counter() - started)


def _texts(mark: str, count: int) -> Iterator[str]:
    """Sentences of the demo, told apart by `mark` and number."""
    said = [usage.text.plain for usage in attack.read().usages]
    return (f"{said[number % len(said)]} ({mark} {number})" for number in range(count))
