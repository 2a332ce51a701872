"""The vector workloads' data: 100,000 trends with a point each, of 256 dimensions.

The same on every run: 1,000 topics of the bench's own generator, trends round about them, and
points that lie around a centre for each topic, as texts on one subject do. Kept between runs; a
digest of what decides the content stands in the database's comment, written last.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import asyncpg
import numpy as np

from bench import data
from bench.database import ROOT, STATEMENT_SECONDS, url_of
from gateway.sources.postgres.migrate import upgrade
from gateway.sources.qdrant import QdrantSource
from gateway.sources.qdrant.points import PayloadIndex, Point
from resolvers.demo import TRENDS as COLLECTION
from resolvers.models import TrendCategory, TrendState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.data import Row
    from gateway.embedded import EngineUrls

POINTS = 100_000
SIZE = 256
SPREAD = 0.8
"""How far points lie from their topic's centre, where the centres are 1 from the middle."""

NAME = "vectors"
LOAD_SECONDS = 600.0
INDEXES = (PayloadIndex("category", "keyword"), PayloadIndex("score", "float"))

_CHUNK = 1_000
_SEED = 20_261_122
_CATEGORIES = [category.value for category in TrendCategory]
_SEEN = datetime(2026, 1, 1, tzinfo=UTC)
_STATES = [state.value for state in TrendState]


def topic_of(trend: int) -> int:
    """The topic of a trend, both numbered from 1."""
    return 1 + trend % data.TOPICS


def category_of(trend: int) -> str:
    """The category of a trend, as it is stored: a 21st or so of all trends share it."""
    return _CATEGORIES[trend * 7 % len(_CATEGORIES)]


def score_of(trend: int) -> float:
    """The score of a trend, from 0 to 999, spread evenly over every category."""
    return float(trend * 389 % 1_000)


def trends(count: int = POINTS) -> Iterator[Row]:
    """The rows of the trends, in the order of `data.COLUMNS["trends"]`."""
    random = Random(_SEED)  # noqa: S311 - repeatable, not secret
    for number in range(1, count + 1):
        yield (
            number,
            topic_of(number),
            number,
            f"Trend {number} of topic {topic_of(number)}",
            "A summary of the length that a summary has, of a trend that the bench made up.",
            category_of(number),
            _STATES[number % len(_STATES)],
            score_of(number),
            data.ITEMS_PER_TOPIC,
            round(random.uniform(-3, 3), 3),
            _SEEN,
            _SEEN,
        )


def vectors(first: int, count: int) -> NDArray[np.float32]:
    """The vectors of `count` trends from number `first` on, a row each, of length 1.

    Any part of them comes out as it does within the whole.
    """
    centres = _centres()
    numbers = range(first, first + count)
    mine = centres[[topic_of(number) - 1 for number in numbers]]
    return _unit(mine + SPREAD * _rows(1, numbers))


def payload(trend: int) -> dict[str, Any]:
    """What is stored with a trend's point."""
    return {
        "category": category_of(trend),
        "state": _STATES[trend % len(_STATES)],
        "score": score_of(trend),
        "topicId": topic_of(trend),
        "language": "en",
    }


def digest(root: Path = ROOT) -> str:
    """What the content hangs on: the generators and the migrations, as one hash."""
    hashed = hashlib.sha256()
    versions = sorted((root / "migrations/versions").glob("*.py"))
    for path in [root / "bench/data.py", root / "bench/vectors_data.py", *versions]:
        hashed.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return hashed.hexdigest()


async def prepare(urls: EngineUrls, say: Callable[[str], None]) -> str:
    """The address of the loaded database; loads rows and points where they are not up to date.

    `say` is told what takes time: about half a minute at the first run. Raises as `upgrade` and
    `gateway.sources.qdrant` do.
    """
    expected = digest()
    url = url_of(urls.postgres, NAME)
    admin = await asyncpg.connect(urls.postgres, command_timeout=STATEMENT_SECONDS)
    try:
        found = await admin.fetchval(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1", NAME
        )
        if found == expected:
            return url
        await admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {NAME}")
        say("creating the tables")
        await upgrade(url, ROOT / "migrations")
        await _load_rows(url, say)
        await _load_points(urls, say)
        await admin.execute(f"COMMENT ON DATABASE {NAME} IS '{expected}'")
    finally:
        await admin.close()
    return url


async def _load_rows(url: str, say: Callable[[str], None]) -> None:
    connection = await asyncpg.connect(url, command_timeout=STATEMENT_SECONDS)
    try:
        for table, rows in (("topics", data.rows("topics")), ("trends", trends())):
            say(f"loading {table}")
            await connection.copy_records_to_table(
                table, records=rows, columns=data.COLUMNS[table], timeout=STATEMENT_SECONDS
            )
        say("analysing")
        await connection.execute("VACUUM (FREEZE, ANALYZE)")
    finally:
        await connection.close()


async def _load_points(urls: EngineUrls, say: Callable[[str], None]) -> None:
    source = QdrantSource(
        "qdrant", urls.qdrant, grpc_port=urls.qdrant_grpc_port, timeout_seconds=LOAD_SECONDS
    )
    try:
        await source.open()
        store = source.administration
        await store.delete_collection(COLLECTION)
        await store.ensure_collection(COLLECTION, SIZE, payload_indexes=INDEXES)
        for first in range(1, POINTS + 1, _CHUNK):
            say(f"loading points: {first - 1:,} of {POINTS:,}")
            await source.bulk.store(COLLECTION, list(points(first, _CHUNK)))
    finally:
        await source.close()


def points(first: int, count: int) -> Iterator[Point]:
    """The points of `count` trends from number `first` on."""
    for number, vector in enumerate(vectors(first, count).tolist(), first):
        yield Point(number, vector, payload(number))


@cache
def _centres() -> NDArray[np.float32]:
    return _rows(0, range(1, data.TOPICS + 1))


def _rows(stream: int, numbers: Sequence[int]) -> NDArray[np.float32]:
    """A vector of length 1 for each number: normal noise, seeded by the number alone."""
    drawn = [np.random.default_rng((_SEED, stream, one)).standard_normal(SIZE) for one in numbers]
    return _unit(np.asarray(drawn, dtype=np.float32))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
