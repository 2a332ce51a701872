"""Writes the demo's vectors into the vector engine and records them in the catalogue."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gateway.sources.qdrant.points import PayloadIndex, Point
from resolvers import models
from resolvers.demo.dataset import (
    ITEMS,
    TRENDS,
    Dataset,
    Item,
    Progress,
    Trend,
    item_text,
    trend_text,
)
from resolvers.demo.rows import Connection, copy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resolvers.demo.cluster import Vectors

SECONDS = 300.0
"""The longest that the filling of one collection may take."""

_CHUNK = 1_000
_COMMON_INDEXES = (
    PayloadIndex("category", "keyword"),
    PayloadIndex("source", "keyword"),
    PayloadIndex("language", "keyword"),
)


class VectorStore(Protocol):
    """What is asked of the vector engine; `gateway.sources.qdrant`'s administration offers it."""

    async def ensure_collection(
        self,
        name: str,
        size: int,
        *,
        payload_indexes: Iterable[PayloadIndex] = (),
        model: str | None = None,
        deadline: float | None = None,
    ) -> bool:
        """Create the collection unless it exists; True if created."""

    async def upsert(
        self,
        collection: str,
        points: Iterable[Point],
        *,
        size: int | None = None,
        chunk_size: int = 500,
        deadline: float | None = None,
    ) -> int:
        """Store points, replacing those with the same ids; returns how many."""

    async def count(self, collection: str, *, deadline: float | None = None) -> int:
        """How many points the collection holds."""

    async def delete_collection(self, name: str, *, deadline: float | None = None) -> bool:
        """Remove the collection with its points; False when there was none."""


@dataclass(frozen=True, slots=True)
class Part:
    """One collection's worth of points: row keys, vectors, payloads and the texts behind them."""

    collection: str
    table: str
    indexes: tuple[PayloadIndex, ...]
    ids: Sequence[int]
    vectors: Vectors
    payloads: Sequence[dict[str, Any]]
    texts: Sequence[str]

    def batches(self, size: int = _CHUNK) -> Iterator[list[Point]]:
        """The points, `size` at a time."""
        for start in range(0, len(self.ids), size):
            part = slice(start, start + size)
            rows = self.vectors[part].tolist()
            found = zip(self.ids[part], rows, self.payloads[part], strict=True)
            yield [Point(key, vector, payload) for key, vector, payload in found]


def vectors(dataset: Dataset) -> tuple[Part, Part]:
    """The points of the two collections; a point's id is its row's key."""
    trends, items = dataset.trends, dataset.items
    return (
        Part(
            TRENDS,
            models.trends.name,
            (
                *_COMMON_INDEXES,
                PayloadIndex("state", "keyword"),
                PayloadIndex("score", "float"),
                PayloadIndex("lastUpdated", "datetime"),
            ),
            [trend.id for trend in trends],
            dataset.trend_vectors,
            [_trend_payload(trend) for trend in trends],
            [trend_text(trend.topic.title, trend.topic.summary) for trend in trends],
        ),
        Part(
            ITEMS,
            models.processed_items.name,
            (*_COMMON_INDEXES, PayloadIndex("publishedAt", "datetime")),
            [item.id for item in items],
            dataset.item_vectors,
            [_item_payload(item) for item in items],
            [item_text(item.usage.text.plain) for item in items],
        ),
    )


async def is_stored(connection: Connection, store: VectorStore, model: str) -> bool:
    """Whether both collections are ready, of this model, and hold the points they should."""
    known = await connection.fetch(
        "SELECT name, vector_size, point_count FROM collections "
        "WHERE name = ANY($1) AND status = 'ready' AND embedding_model = $2",
        [TRENDS, ITEMS],
        model,
    )
    if len(known) != len((TRENDS, ITEMS)):
        return False
    deadline = asyncio.get_running_loop().time() + SECONDS
    for row in known:
        # A collection that the engine lost is made anew, empty, so that it can be counted.
        await store.ensure_collection(
            row["name"], row["vector_size"], model=model, deadline=deadline
        )
        if await store.count(row["name"], deadline=deadline) != row["point_count"]:
            return False
    return True


async def store_all(
    connection: Connection, store: VectorStore, dataset: Dataset, progress: Progress
) -> None:
    """Fill both collections anew and record every point.

    Raises what the store raises; the collection is then recorded as failed.
    """
    for part in vectors(dataset):
        await _store(connection, store, part, dataset.model, progress)


async def _store(
    connection: Connection, store: VectorStore, part: Part, model: str, progress: Progress
) -> None:
    collection, job = await _begin(connection, part, model)
    done = 0

    def told(stored: int) -> None:
        nonlocal done
        done = stored
        progress(part.collection, stored, len(part.ids))

    try:
        await _upsert(store, part, model, told)
    except Exception as error:
        await _fail(connection, collection, job, done, type(error).__name__)
        raise
    await _finish(connection, part, collection, job, model)


async def _upsert(store: VectorStore, part: Part, model: str, told: Callable[[int], None]) -> None:
    deadline = asyncio.get_running_loop().time() + SECONDS
    size = part.vectors.shape[1]
    await store.delete_collection(part.collection, deadline=deadline)
    await store.ensure_collection(
        part.collection, size, payload_indexes=part.indexes, model=model, deadline=deadline
    )
    stored = 0
    told(stored)
    for batch in part.batches():
        stored += await store.upsert(
            part.collection, batch, size=size, chunk_size=len(batch), deadline=deadline
        )
        told(stored)


async def _begin(connection: Connection, part: Part, model: str) -> tuple[int, Any]:
    collection = await connection.fetchval(
        "INSERT INTO collections (name, vector_size, distance, embedding_model, status) "
        "VALUES ($1, $2, 'cosine', $3, 'syncing') ON CONFLICT (name) DO UPDATE "
        "SET vector_size = excluded.vector_size, embedding_model = excluded.embedding_model, "
        "status = 'syncing' RETURNING id",
        part.collection,
        part.vectors.shape[1],
        model,
    )
    job = await connection.fetchval(
        "INSERT INTO embedding_jobs (collection_id, status, total, attempts, started_at) "
        "VALUES ($1, 'running', $2, 1, clock_timestamp()) RETURNING id",
        collection,
        len(part.ids),
    )
    return collection, job


async def _finish(
    connection: Connection, part: Part, collection: int, job: Any, model: str
) -> None:
    embedded_at = await connection.fetchval("SELECT clock_timestamp()")
    entries = [
        {
            "collection_id": collection,
            "point_id": str(key),
            "entity_type": part.table,
            "entity_id": str(key),
            "content_hash": hashlib.sha256(text.encode()).hexdigest(),
            "model": model,
            "embedded_at": embedded_at,
        }
        for key, text in zip(part.ids, part.texts, strict=True)
    ]
    async with connection.transaction():
        await connection.execute("DELETE FROM vector_metadata WHERE collection_id = $1", collection)
        await copy(connection, models.vector_metadata, entries)
        await connection.execute(
            "UPDATE collections SET status = 'ready', point_count = $2 WHERE id = $1",
            collection,
            len(entries),
        )
        await connection.execute(
            "UPDATE embedding_jobs SET status = 'succeeded', done = total, "
            "finished_at = clock_timestamp() WHERE id = $1",
            job,
        )


async def _fail(connection: Connection, collection: int, job: Any, done: int, name: str) -> None:
    await connection.execute("UPDATE collections SET status = 'failed' WHERE id = $1", collection)
    await connection.execute(
        "UPDATE embedding_jobs SET status = 'failed', done = $2, last_error = $3, "
        "finished_at = clock_timestamp() WHERE id = $1",
        job,
        done,
        name,
    )


def _trend_payload(trend: Trend) -> dict[str, Any]:
    standing = trend.standing
    return {
        "category": trend.topic.category.value,
        "state": standing.state.value,
        "source": models.ItemSource.MITRE_ATTACK.value,
        "language": "en",
        "score": standing.score,
        "velocity": standing.velocity,
        "topicId": trend.topic.id,
        "firstSeen": standing.first_seen.isoformat(),
        "lastUpdated": standing.last_updated.isoformat(),
    }


def _item_payload(item: Item) -> dict[str, Any]:
    published = item.usage.published
    payload = {
        "category": item.category.value,
        "source": models.ItemSource.MITRE_ATTACK.value,
        "language": "en",
        "topicId": item.topic,
        "user": item.usage.user,
        "technique": item.usage.technique,
    }
    if published:
        payload["publishedAt"] = published.moment.isoformat()
    return payload
