"""How much of the exact answer an HNSW graph finds: 10,000 items of the demo, 200 others asked.

The engine compares all points unless it is told to build a graph; see
`gateway.embedded.qdrant`. So this tells what a graph costs in hits and saves in time.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from qdrant_client import AsyncQdrantClient, models

from bench.load import LoadError
from bench.quality_measures import DEPTH, agreement
from resolvers.demo import ITEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.embedded import EngineUrls

COLLECTION = "quality_hnsw"
POINTS = 10_000
QUERIES = 200
WIDTHS = (16, 32, 64, 128, 256)
"""`hnsw_ef`: how many candidates a search keeps; more finds more and takes longer."""

# Both in KB of vectors; the defaults would leave so small a collection without a graph.
OPTIMIZERS = models.OptimizersConfigDiff(indexing_threshold=1_000)
GRAPH = models.HnswConfigDiff(m=16, ef_construct=100, full_scan_threshold=100)

CALL_SECONDS = 60
BUILD_SECONDS = 300.0
_POLL_SECONDS = 0.2
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
    """Build a graph over a part of the demo's items and ask it for the neighbours of others.

    The collection is removed at the end. Raises `LoadError` where the build does not end.
    """
    client = AsyncQdrantClient(
        url=urls.qdrant,
        grpc_port=urls.qdrant_grpc_port,
        prefer_grpc=True,
        timeout=CALL_SECONDS,
        check_compatibility=False,
    )
    try:
        points = await _items(client)
        inside, outside = points[:POINTS], points[POINTS:]
        queries = outside[:: max(1, len(outside) // QUERIES)][:QUERIES]
        say(f"building an HNSW graph over {len(inside):,} points")
        took = await _build(client, inside)
        say(f"asking it {len(queries)} times by {len(WIDTHS)} widths")
        exact, alone = await _ask(client, queries, models.SearchParams(exact=True))
        widths = []
        for ef in WIDTHS:
            found, seconds = await _ask(client, queries, models.SearchParams(hnsw_ef=ef))
            recall = fmean(map(agreement, exact, found))
            widths.append(Width(ef, recall, alone / seconds))
        return GraphQuality(len(inside), len(queries), took, tuple(widths))
    finally:
        await client.delete_collection(COLLECTION)
        await client.close()


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


async def _build(client: AsyncQdrantClient, points: Sequence[models.Record]) -> float:
    await client.delete_collection(COLLECTION)
    size = len(_vector(points[0]))
    params = models.VectorParams(size=size, distance=models.Distance.COSINE)
    await client.create_collection(COLLECTION, vectors_config=params)
    for start in range(0, len(points), _PAGE):
        part = points[start : start + _PAGE]
        batch = models.Batch(ids=[one.id for one in part], vectors=[_vector(one) for one in part])
        await client.upsert(COLLECTION, batch, wait=True)
    began = time.monotonic()
    await client.update_collection(COLLECTION, hnsw_config=GRAPH, optimizers_config=OPTIMIZERS)
    while time.monotonic() < began + BUILD_SECONDS:
        info = await client.get_collection(COLLECTION)
        if info.status == models.CollectionStatus.GREEN and info.indexed_vectors_count:
            return time.monotonic() - began
        await asyncio.sleep(_POLL_SECONDS)
    raise LoadError(f"the HNSW graph was not built within {BUILD_SECONDS:.0f} s")


async def _ask(
    client: AsyncQdrantClient, queries: Sequence[models.Record], params: models.SearchParams
) -> tuple[list[list[tuple[int, float]]], float]:
    """The ranking of each query, and the seconds that all of them took, one after another."""
    found, began = [], time.perf_counter()
    for query in queries:
        answer = await client.query_points(
            COLLECTION,
            query=_vector(query),
            search_params=params,
            limit=DEPTH,
            with_payload=False,
        )
        found.append([(int(one.id), one.score) for one in answer.points])
    return found, time.perf_counter() - began


def _vector(record: models.Record) -> list[float]:
    """The only vector of a point of the demo."""
    if not isinstance(record.vector, list):
        raise LoadError("the demo's points have no vector")
    return record.vector  # type: ignore[return-value]  # the demo's are dense, not lists of such
