"""A gallery: paintings in PostgreSQL, their vectors in Qdrant's engine, and an engine over both.

Every value is drawn from a seed, so that a test can work out any answer from the rows itself. Some
paintings have no point, some points no painting, and some paintings are their owner's alone.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import numpy as np
from asking import Asking, built, engine_over
from ddl import ddl
from paintings import domain, metadata

from gateway.embedding.local import LocalEmbedder
from gateway.planning.arguments import PageLimits
from gateway.planning.registry import Registry
from gateway.sources.postgres.reads.candidates import KEYS_AT_ONCE, matching
from gateway.sources.postgres.source import PostgresSource
from gateway.sources.qdrant import Distance, QdrantSource
from gateway.sources.qdrant.points import Point
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from gateway.execution.engine import Engine
    from gateway.sources.contract import Batch, Budget

OWNER = Viewer(subject="olga")
SECONDS = 30.0
SIZE = 256
STYLES = ("oil", "ink", "fresco")
COUNTRIES = ("IT", "FR", "NL", None)
WORDS = ("storm", "sea", "ship", "night", "garden", "winter", "lady", "mirror", "bridge")

Row = dict[str, Any]


@dataclass(frozen=True)
class Stock:
    """All rows, and all vectors by point id."""

    artists: dict[int, Row]
    paintings: dict[int, Row]
    prints: dict[uuid.UUID, Row]
    vectors: dict[int, Any]
    print_vectors: dict[uuid.UUID, Any]

    def visible(self, viewer: Viewer) -> list[Row]:
        """The paintings a viewer sees."""
        owners = {None, viewer.subject}
        return [row for row in self.paintings.values() if row["owner"] in owners]

    def nearest(self, rows: list[Row], vector: Any) -> list[tuple[int, float]]:
        """Those of the rows that have a point, nearest by cosine first."""
        target = np.asarray(vector, np.float32)
        scored = [
            (row["id"], cosine(self.vectors[row["id"]], target))
            for row in rows
            if row["id"] in self.vectors
        ]
        return sorted(scored, key=lambda pair: -pair[1])


def cosine(one: Any, other: Any) -> float:
    """The exact cosine of two vectors."""
    length = np.linalg.norm(one) * np.linalg.norm(other)
    return float(np.dot(one.astype(np.float64), other.astype(np.float64)) / length)


def vector_of(seed: int) -> list[float]:
    """A vector that nobody made by hand."""
    made: list[float] = np.random.default_rng(seed).normal(size=SIZE).astype(np.float32).tolist()
    return made


def made(count: int, seed: int = 7) -> Stock:
    """`count` paintings and as many points, which overlap in all but a few."""
    chance = random.Random(seed)  # noqa: S311 - test data
    noise = np.random.default_rng(seed)
    found = {number: {"id": number, "country": COUNTRIES[number % 4]} for number in range(1, 9)}
    rows = {
        number: {
            "id": number,
            "title": " ".join(chance.sample(WORDS, chance.randint(1, 4))),
            "style": chance.choice(STYLES),
            "year": chance.choice([None, *range(1500, 1520)]),
            "owner": chance.choice([None, None, None, "olga", "paul"]),
            "artist_id": chance.choice([None, *found]),
        }
        for number in range(1, count + 1)
    }
    points = range(4, count + 6)
    vectors = {number: noise.normal(size=SIZE).astype(np.float32) for number in points}
    keys = [uuid.UUID(int=chance.getrandbits(128)) for _ in range(12)]
    copies = {key: {"id": key, "copies": place} for place, key in enumerate(keys)}
    others = {key: noise.normal(size=SIZE).astype(np.float32) for key in keys[2:]}
    return Stock(found, rows, copies, vectors, others)


class CountedPostgres(PostgresSource):
    """Remembers which statements it ran; `failing` is raised instead, where it is set.

    `portion` is how many keys one statement gives.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ran: list[str] = []
        self.failing: Exception | None = None
        self.portion = KEYS_AT_ONCE

    def prepare_matching(self, entity: Any, where: Any) -> Any:
        """With portions of the test's own size."""
        return matching(self.name, self._catalog, entity, where, self.portion)

    async def execute(self, prepared: Any, batch: Batch, budget: Budget) -> Any:
        """Run, and remember."""
        self.ran.append(prepared.text)
        if self.failing is not None:
            raise self.failing
        return await super().execute(prepared, batch, budget)


class CountedQdrant(QdrantSource):
    """Remembers the arguments of every call; `failing` is raised instead, where it is set."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.asked: list[Any] = []
        self.failing: Exception | None = None

    async def execute(self, prepared: Any, batch: Batch, budget: Budget) -> Any:
        """Run, and remember."""
        self.asked.append(batch.arguments[0] if batch.arguments else None)
        if self.failing is not None:
            raise self.failing
        return await super().execute(prepared, batch, budget)


@dataclass(repr=False)
class Gallery(Asking):
    """A running engine, its sources, and what is in them."""

    seconds = SECONDS
    engine: Engine
    postgres: CountedPostgres
    qdrant: CountedQdrant
    stock: Stock
    url: str


@asynccontextmanager
async def opened(
    make_database: Callable[[], Awaitable[str]], qdrant: str, count: int = 150
) -> AsyncIterator[Gallery]:
    """A gallery in a database and in collections of its own, filled."""
    url, stock = await make_database(), made(count)
    await _fill_rows(url, stock)
    api = built(domain)
    postgres = CountedPostgres("postgres", url, api.catalog, concurrency=4)
    port = int(qdrant.rpartition(":")[2])
    vectors = CountedQdrant(
        "qdrant", qdrant, grpc_port=port, timeout_seconds=SECONDS, embedder=LocalEmbedder()
    )
    sources: dict[str, Any] = {"postgres": postgres, "qdrant": vectors}
    registry = Registry({"default": sources["postgres"]}, {"default": sources["qdrant"]}, {})
    engine, groups = engine_over(api, sources, registry, PageLimits(default=50, most=500))
    try:
        await vectors.open()
        await _fill_vectors(vectors, stock)
        vectors.asked.clear()
        yield Gallery(engine, postgres, vectors, stock, url)
    finally:
        await asyncio.gather(*(group.close() for group in groups.values()))
        await postgres.close()
        await vectors.close()


async def _fill_rows(url: str, stock: Stock) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(ddl(metadata))
        for table, rows in (
            ("artists", stock.artists),
            ("paintings", stock.paintings),
            ("prints", stock.prints),
        ):
            records = [tuple(row.values()) for row in rows.values()]
            names = list(next(iter(rows.values())))
            await connection.copy_records_to_table(table, records=records, columns=names)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _fill_vectors(source: QdrantSource, stock: Stock) -> None:
    paintings_points = [
        Point(key, vector.tolist(), {"number": key}) for key, vector in stock.vectors.items()
    ]
    print_points = [Point(str(key), one.tolist(), {}) for key, one in stock.print_vectors.items()]
    for name, points in (("paintings", paintings_points), ("prints", print_points)):
        await source.administration.delete_collection(name)
        await source.administration.ensure_collection(name, SIZE, Distance.COSINE)
        await source.bulk.store(name, points)
