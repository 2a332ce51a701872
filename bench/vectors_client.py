"""The bare client: the same searches by `AsyncQdrantClient` alone, as many under way at once.

`python -m bench.vectors_client` reads one JSON object: the engine's addresses, the collection, the
searches, `connections`, and the `seconds` to ask for (0: only once). It prints one object: the ids
`found` by each search, and what it measured.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import uvloop
from qdrant_client import AsyncQdrantClient, models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT_SECONDS = 30


async def load(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Ask every search once, then all of them in turn for `seconds`."""
    client = AsyncQdrantClient(
        url=asked["url"],
        grpc_port=asked["grpc_port"],
        prefer_grpc=True,
        timeout=TIMEOUT_SECONDS,
        check_compatibility=False,
    )
    searches = [prepared(asked["collection"], one) for one in asked["searches"]]
    try:
        found = [await client.query_points(**one) for one in searches]
        measured = {}
        if asked["seconds"]:
            measured = await _round(client, searches, asked["seconds"], asked["connections"])
    finally:
        await client.close()
    return {**measured, "found": [_in_order(one.points) for one in found]}


def _in_order(points: Sequence[models.ScoredPoint]) -> list[Any]:
    """The ids of hits, as the gateway has them: those of equal score by id."""
    return [point.id for point in sorted(points, key=lambda point: (-point.score, point.id))]


def prepared(collection: str, search: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `query_points`, built once: only the call itself is measured."""
    must: list[models.Condition] = []
    if search.get("category"):
        value = models.MatchValue(value=search["category"])
        must.append(models.FieldCondition(key="category", match=value))
    if search.get("least") is not None:
        above = models.Range(gte=search["least"])
        must.append(models.FieldCondition(key="score", range=above))
    return {
        "collection_name": collection,
        "query": search["vector"],
        "query_filter": models.Filter(must=must) if must else None,
        "limit": search["limit"],
        "with_payload": False,
    }


async def _round(
    client: AsyncQdrantClient, searches: Sequence[dict[str, Any]], seconds: float, connections: int
) -> dict[str, Any]:
    turn = count()
    times: list[float] = []
    used = time.process_time()
    began = time.perf_counter()

    async def one_after_another() -> None:
        while (start := time.perf_counter()) < began + seconds:
            await client.query_points(**searches[next(turn) % len(searches)])
            times.append(time.perf_counter() - start)

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one_after_another())
    took, used = time.perf_counter() - began, time.process_time() - used
    times.sort()
    return {
        "rps": len(times) / took,
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[len(times) * 99 // 100] * 1000,
        "cpu_ms": used / len(times) * 1000,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(load(asked)), sys.stdout)
