"""How much of the exact answer an HNSW graph finds: 10,000 items of the demo, 200 others asked.

The embedded Qdrant compares all points. So its engine builds the graph in a folder of its own:
this tells what a graph costs in hits and saves in time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import qdrant_edge as edge
from qdrant_client import AsyncQdrantClient, models

from bench.load import LoadError
from bench.quality_measures import DEPTH, agreement
from resolvers.demo import ITEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.embedded import EngineUrls

POINTS = 10_000
QUERIES = 200
WIDTHS = (16, 32, 64, 128, 256)
"""`hnsw_ef`: how many candidates a search keeps; more finds more and takes longer."""

# Both in KB of vectors; the defaults would leave so small a collection without a graph.
OPTIMIZERS = edge.EdgeOptimizersConfig(indexing_threshold=1_000)
GRAPH = edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=100)

CALL_SECONDS = 60
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Width:
    """What a search of one width finds of the exact ten, and how many times faster it is."""

    ef: int
    recall: float
    speedup: float


@dataclass(frozen=True, slots=True)
class GraphQuality:
    """The graph: seconds its build took, and what it finds by width."""

    points: int
    queries: int
    build_seconds: float
    widths: tuple[Width, ...]


async def evaluate(urls: EngineUrls, say: Callable[[str], None]) -> GraphQuality:
    """Build a graph over a part of the demo's items and ask it for the neighbours of others."""
    client = AsyncQdrantClient(
        url=urls.qdrant,
        grpc_port=urls.qdrant_grpc_port,
        prefer_grpc=True,
        timeout=CALL_SECONDS,
        check_compatibility=False,
    )
    try:
        points = await _items(client)
    finally:
        await client.close()
    inside, outside = points[:POINTS], points[POINTS:]
    queries = outside[:: max(1, len(outside) // QUERIES)][:QUERIES]
    with TemporaryDirectory() as folder:
        say(f"building an HNSW graph over {len(inside):,} points")
        shard, took = _build(Path(folder) / "shard", inside)
        say(f"asking it {len(queries)} times by {len(WIDTHS)} widths")
        exact, alone = _ask(shard, queries, edge.SearchParams(exact=True))
        widths = []
        for ef in WIDTHS:
            found, seconds = _ask(shard, queries, edge.SearchParams(hnsw_ef=ef))
            widths.append(Width(ef, fmean(map(agreement, exact, found)), alone / seconds))
        shard.close()
    return GraphQuality(len(inside), len(queries), took, tuple(widths))


async def _items(client: AsyncQdrantClient) -> list[models.Record]:
    """All of the demo's items, in an order that has nothing to do with what they say."""
    found: list[models.Record] = []
    offset: Any = None
    while True:
        page, offset = await client.scroll(
            ITEMS, limit=_PAGE, offset=offset, with_payload=False, with_vectors=True
        )
        found += page
        if offset is None:
            break
    # Ids follow ATT&CK's random identifiers already: their order is as good as a shuffle.
    return found


def _build(folder: Path, points: Sequence[models.Record]) -> tuple[edge.EdgeShard, float]:
    """A shard of the points with their graph, and the seconds that this took."""
    params = edge.EdgeVectorParams(size=len(_vector(points[0])), distance=edge.Distance.Cosine)
    folder.mkdir()
    config = edge.EdgeConfig(vectors={"": params}, hnsw_config=GRAPH, optimizers=OPTIMIZERS)
    shard = edge.EdgeShard.create(str(folder), config)
    stored = [edge.Point(one.id, _vector(one), {}) for one in points]
    shard.update(edge.UpdateOperation.upsert_points(stored))
    began = time.monotonic()
    shard.optimize()
    if not shard.info().indexed_vectors_count:
        raise LoadError("the HNSW graph was not built")
    return shard, time.monotonic() - began


def _ask(
    shard: edge.EdgeShard, queries: Sequence[models.Record], params: edge.SearchParams
) -> tuple[list[list[tuple[int, float]]], float]:
    """The ranking of each query, and the seconds that all of them took, one after another."""
    found, began = [], time.perf_counter()
    for query in queries:
        nearest = edge.Query.Nearest(_vector(query), None)
        answer = shard.query(edge.QueryRequest(limit=DEPTH, query=nearest, params=params))
        found.append([(int(one.id), one.score) for one in answer])
    return found, time.perf_counter() - began


def _vector(record: models.Record) -> list[float]:
    """The only vector of a point of the demo."""
    if not isinstance(record.vector, list):
        raise LoadError("the demo's points have no vector")
    return record.vector  # type: ignore[return-value]  # the demo's are dense, not lists of such
