"""Backfills of vector sync, as `python -m bench sync` prints them, beside the embedder alone.

50,000 sentences of the demo's data, each made unlike all others, on engines of its own: once by the
local model, which takes the processors from all engines, and by services elsewhere, over HTTP.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import asyncpg
import sqlalchemy as sa

from bench.database import ROOT
from bench.servers import Server
from bench.sync_report import Backfill, Inserts
from bench.sync_service import DIMENSIONS, serving
from bench.vectors_server import Probe
from gateway import embedded
from gateway.embedding.compose import embedder_of
from gateway.schema.vectors.collections import VectorCollection
from gateway.schema.vectors.sync import VectorSync
from gateway.settings import Embedding, Secret
from gateway.sources.postgres import migrate
from gateway.sources.postgres.syncing.install import watch
from gateway.sources.qdrant import QdrantSource
from gateway.sync.filling import Filler
from resolvers.demo import attack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gateway.embedded import EngineUrls
    from gateway.embedding.contract import Embedder

ITEMS, QUICK = 50_000, 5_000
SERVICES = (2_000, 5_000)
"""Items a second of embedders that are not on this machine: a usual one, and a quick one."""
ALONE = 10_240
"""The texts that the embedder alone is given, before the backfill and after it."""
ROWS = 1_000
"""The rows of the insert that the triggers are measured by."""
REPEATS = 20
SECONDS = 600.0
_BATCH = 512
_TICK_SECONDS = 0.005
"""Of the event loop's probe: a wake-up costs 70 µs, in a backfill that takes that long for an item,
and the blocks that are looked for last twice as long as this.
"""

_BODY = sa.Table(
    "bench_sync",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
_SYNC = VectorSync(
    VectorCollection("bench_sync", size=DIMENSIONS, payload={"body": str}),
    _BODY,
    text=_BODY.c.body,
    payload={"body": _BODY.c.body},
)
_INSERT = """
INSERT INTO bench_sync (id, body)
SELECT $1 + place, body FROM unnest($2::text[]) WITH ORDINALITY AS new (body, place)
"""


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where everything is measured."""

    postgres: str
    source: QdrantSource
    processes: Mapping[str, Server]
    say: Callable[[str], None]


def measure(say: Callable[[str], None], items: int = ITEMS) -> tuple[list[Backfill], Inserts]:
    """Bring the engines up, measure, take them down. Raises `PlaitError`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="plait-bench-")))
        say("starting PostgreSQL and Qdrant's engine")
        names = ("postgres", "qdrant")
        engines = stack.enter_context(embedded.start(folder, names=names, durable=False))
        processes = {
            shown: Server(shown, engines.processes[name].pid, 0)
            for shown, name in (("PostgreSQL", "postgres"), ("the vector engine", "qdrant"))
        }
        return asyncio.run(_measure(engines.urls, processes, say, items))


async def _measure(
    urls: EngineUrls, processes: Mapping[str, Server], say: Callable[[str], None], items: int
) -> tuple[list[Backfill], Inserts]:
    await migrate.upgrade(urls.postgres, ROOT / "migrations")
    source = QdrantSource("qdrant", urls.qdrant, grpc_port=urls.qdrant_grpc_port)
    await source.open()
    connection = await asyncpg.connect(urls.postgres, timeout=10, command_timeout=SECONDS)
    try:
        await connection.execute("CREATE TABLE bench_sync (id bigint PRIMARY KEY, body text)")
        bare_ms = await _inserts(connection)
        await connection.execute(watch(_SYNC))
        watched_ms = await _inserts(connection)
        await connection.execute("TRUNCATE bench_sync, plait_sync.vector_changes")
        await connection.execute(_INSERT, 0, [*_texts("item", items)])
        stage = _Stage(urls.postgres, source, processes, say)
        local = embedder_of(Embedding(), None)
        found = [await _backfill(stage, "by the local model, on the same processors", local)]
        for rate in SERVICES:
            with serving(rate) as url:
                service = embedder_of(_elsewhere(url, rate), None)
                name = f"by a service of {rate:,} items/s, over HTTP"
                found.append(await _backfill(stage, name, service))
        return found, Inserts(ROWS, bare_ms, watched_ms)
    finally:
        await connection.close()
        await source.close()


def _elsewhere(url: str, rate: int) -> Embedding:
    """A service: to the sync each is another model, so that it embeds every row anew."""
    return Embedding(
        kind="http",
        base_url=Secret(url),
        model=f"elsewhere-{rate}",
        dimensions=DIMENSIONS,
    )


async def _backfill(stage: _Stage, name: str, embedder: Embedder) -> Backfill:
    """Fill the collection anew: a repair, since another model made what is there."""
    ours, probe = Server("the gateway", os.getpid(), 0), Probe(_TICK_SECONDS)
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)  # both as a gateway that has started does
    try:
        stage.say("the embedder alone")
        before = await _alone(embedder, "before")
        stage.say(f"filling a collection {name}")
        spent = _spent(stage.processes, ours)
        async with probe.running():
            started = time.perf_counter()
            filler = Filler(_SYNC, stage.postgres, stage.source, embedder)
            _, figures = await filler.fill(lambda *_: None, repair=True)
            seconds = time.perf_counter() - started
        lag = probe.take()
        cpu = {one: now - spent[one] for one, now in _spent(stage.processes, ours).items()}
        stage.say("the embedder alone, again")
        alone = (before + await _alone(embedder, "after")) / 2
    finally:
        await embedder.aclose()
    return Backfill(name, figures, seconds, alone, cpu, lag["busiest_ms"], lag["longest_ms"])


def _spent(engines: Mapping[str, Server], ours: Server) -> dict[str, float]:
    """The processor seconds of the gateway's process, the engines, and the model's process."""
    own = time.process_time()
    found = {name: server.cpu_seconds() for name, server in engines.items()}
    model = ours.cpu_seconds() - own - sum(found.values())
    return {"the gateway": own, **found, "the model": max(0.0, model)}


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
