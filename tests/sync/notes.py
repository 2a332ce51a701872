"""What the tests of vector sync fill a collection from, and what they ask."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gateway.schema.vectors.collections import VectorCollection
from gateway.schema.vectors.sync import VectorSync
from gateway.sync.filling import Filler
from gateway.sync.pipeline import Options

if TYPE_CHECKING:
    import asyncpg

    from gateway.sources.qdrant import QdrantSource

DDL = """
CREATE TABLE notes (
    id bigint PRIMARY KEY,
    title text NOT NULL,
    body text,
    score double precision NOT NULL DEFAULT 0,
    seen integer NOT NULL DEFAULT 0
)
"""

table = sa.Table(
    "notes",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text),
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("seen", sa.Integer, nullable=False),
)


def synced(name: str, **options: Any) -> VectorSync:
    """The declaration: title and body are embedded, title and score are stored with it."""
    given: dict[str, Any] = {
        "text": table.c.title + sa.func.coalesce(" " + table.c.body, ""),
        "payload": {"title": table.c.title, "score": table.c.score},
        "indexed": ("title", "score"),
        **options,
    }
    collection = VectorCollection(name, size=256, payload={"title": str, "score": float})
    return VectorSync(collection, table, **given)


@dataclass(frozen=True, slots=True)
class Notes:
    """The table, behind `connection`, and its collection."""

    url: str
    connection: asyncpg.Connection
    sync: VectorSync
    engine: QdrantSource
    embedder: Any
    engine_url: str = ""
    engine_port: int = 0

    def having(self, **other: Any) -> Notes:
        """The same with other parts."""
        return replace(self, **other)

    def filler(self, changed: Any = None, **options: Any) -> Filler:
        """What fills the collection."""
        with_ = Options(**options)
        return Filler(self.sync, self.url, self.engine, self.embedder, with_, changed=changed)

    async def add(self, *titles: str, first: int = 1) -> None:
        """Notes with these titles, numbered from `first`, in one statement."""
        await self.connection.execute(
            "INSERT INTO notes (id, title) SELECT n + $1 - 1, title "
            "FROM unnest($2::text[]) WITH ORDINALITY AS new (title, n)",
            first,
            titles,
        )

    async def due(self) -> list[str]:
        """The keys that wait, in their order."""
        found = await self.connection.fetch(
            "SELECT key FROM plait_sync.vector_changes WHERE NOT failed ORDER BY revision"
        )
        return [row["key"] for row in found]

    async def points(self) -> dict[int | str, dict[str, Any]]:
        """The payloads of all points, by id."""
        ids = [one async for page in self.engine.bulk.ids(self.sync.name, 10) for one in page]
        found = await self.engine.administration.run(
            lambda client: client.retrieve(self.sync.name, ids), None
        )
        return {one.id: one.payload for one in found}

    async def nearest(self, text: str) -> int | str | None:
        """The id of the point that is nearest to a text."""
        deadline = asyncio.get_running_loop().time() + 10
        (vector,) = await self.embedder.embed([text], deadline)
        found = await self.engine.administration.run(
            lambda client: client.query_points(self.sync.name, vector.tolist(), limit=1), None
        )
        return found.points[0].id if found.points else None

    async def jobs(self) -> list[dict[str, Any]]:
        """The collection's embedding jobs, oldest first."""
        found = await self.connection.fetch(
            "SELECT jobs.* FROM embedding_jobs AS jobs JOIN collections ON collection_id = "
            "collections.id WHERE name = $1 ORDER BY jobs.created_at",
            self.sync.name,
        )
        return [dict(row) for row in found]


class Watched:
    """An embedder that remembers what it was asked, and lets a test step in before it answers."""

    def __init__(self, embedder: Any, before: Any = None, model: str | None = None) -> None:
        self._embedder = embedder
        self._before = before
        self.model = model or embedder.model
        self.dimensions = embedder.dimensions
        self.max_chars = embedder.max_chars
        self.asked: list[str] = []

    async def embed(self, texts: list[str], deadline: float) -> list[list[float]]:
        """See `Embedder.embed`."""
        self.asked += texts
        if self._before is not None:
            await self._before(texts)
        found: list[list[float]] = await self._embedder.embed(texts, deadline)
        return found
