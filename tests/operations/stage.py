"""The whole gateway on the bundled domain, over a small data set whose every value is written out.

Rows are in `rows.sql`. Trends are embedded by the local model, one point a trend; items have
vectors made by hand, compared by dot product, so that their scores are exact.
Either collection has a point whose row is gone, and lacks one for a row that is there.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
from operations.payloads import INDEXES, fill_notes, item_payload, trend_payload
from redis.asyncio import Redis
from upstream.people import serving

from gateway.app import Application
from gateway.composition import Gateway
from gateway.embedding.local import LocalEmbedder
from gateway.settings import load
from gateway.sources.postgres.migrate import upgrade
from gateway.sources.qdrant import Distance, QdrantSource
from gateway.sources.qdrant.points import Point
from resolvers.demo.people import app as people

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from starlette.types import ASGIApp

HERE = Path(__file__).parent
MIGRATIONS = HERE.parent.parent / "migrations"
PATIENT = {
    "PLAIT_SERVE_DEADLINE_SECONDS": "60",
    "QDRANT_TIMEOUT_SECONDS": "60",
    "REDIS_SOCKET_TIMEOUT": "60",
    "PLAIT_STATE_VIEWS_READ": "*",
    "PLAIT_WORKFLOWS_READ": "admin",
    "PLAIT_STATE_BOARDS_READ": "*",
    "PLAIT_STATE_DRAFTS_READ": "*",
}
"""Settings under which no answer depends on how busy the machine is."""

KEY = "a-key-of-the-stage-for-tests-only"
CREDENTIALS = {"x-api-key": KEY}
"""What the stage's client sends: it may see and write everything."""
ADMIN = {
    "PLAIT_API_KEY_STAGE_HASH": sha256(KEY.encode()).hexdigest(),
    "PLAIT_API_KEY_STAGE_SUBJECT": "stage",
    "PLAIT_API_KEY_STAGE_ROLES": "editor admin",
}

VIEWS = {"views:trend_1": "1200", "views:trend_3": "7"}
DRAFTS = {"drafts:ann": '{"title": "Aurora", "tags": ["sky"]}', "drafts:broken": "{"}
BOARD = {"ann": 12.5, "bob": 40, "eve": 7}
TREND_TEXTS = {
    1: "Aurora over Rome. Northern lights were seen far in the south.",
    2: "Satellites fail. A solar storm disturbed satellites and navigation.",
    3: "Password stealers. Malware steals passwords saved in a browser.",
    4: "Passkeys arrive. Sign in without a password by a key on the phone.",
    5: "Marathon unter zwei Stunden. Der schnellste Marathon aller Zeiten.",
    99: "A row that was deleted after its vector was made.",
}
SIZE = 256
ITEM_VECTORS = {
    1: (1.0, 0.0, 0.0, 0.0),
    2: (0.5, 0.5, 0.0, 0.0),
    3: (0.25, 0.0, 1.0, 0.0),
    4: (0.0, 0.75, 0.0, 0.0),
    5: (0.0, 0.0, 1.0, 0.5),
    6: (0.125, 0.0, 0.0, 4.0),
    77: (0.0, 0.125, 0.0, 0.0),
}
"""The first numbers of each; the rest are zeros."""


@dataclass(frozen=True)
class Addresses:
    """Where the engines listen; `postgres` names a database of the stage's own."""

    postgres: str
    qdrant: str
    redis: str

    def environment(self) -> dict[str, str]:
        """The settings that name them."""
        return {
            "POSTGRES_URL": self.postgres,
            "QDRANT_URL": self.qdrant,
            "QDRANT_GRPC_PORT": self.qdrant.rpartition(":")[2],
            "REDIS_URL": self.redis,
        }


@dataclass(frozen=True)
class Stage:
    """A served gateway: its ASGI application, a client of it, and what is inside."""

    app: ASGIApp
    client: httpx.AsyncClient
    gateway: Gateway

    def sent(self) -> dict[str, int]:
        """How many requests each source was sent so far."""
        return {name: int(one.figures()["sent"]) for name, one in self.gateway.groups.items()}

    async def ask(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The body of the response to a POST."""
        body = {"query": query, "variables": variables, "extensions": extensions}
        response = await self.client.post("/graphql", json=body)
        answer: dict[str, Any] = response.json()
        return answer


async def fill(addresses: Addresses) -> None:
    """Migrate the database and store the data set in all three engines."""
    await upgrade(addresses.postgres, MIGRATIONS)
    connection = await asyncpg.connect(addresses.postgres, timeout=10)
    try:
        await connection.execute((HERE / "rows.sql").read_text("utf-8"), timeout=30)
        await connection.execute("ANALYZE", timeout=30)  # plans show what is estimated
    finally:
        await connection.close()
    async with Redis.from_url(addresses.redis) as client:
        await client.flushdb()
        await client.mset(VIEWS | DRAFTS)
        await client.zadd("boards:week", BOARD)
    await _fill_vectors(addresses)


async def _fill_vectors(addresses: Addresses) -> None:
    embedder = LocalEmbedder()
    until = asyncio.get_running_loop().time() + 60
    made = await embedder.embed(list(TREND_TEXTS.values()), until)
    embedder.close()
    trends = [
        Point(key, vector, trend_payload(key, text))
        for (key, text), vector in zip(TREND_TEXTS.items(), made, strict=True)
    ]
    items = [Point(key, padded(vector), item_payload(key)) for key, vector in ITEM_VECTORS.items()]
    source = QdrantSource(
        "qdrant", addresses.qdrant, grpc_port=int(addresses.qdrant.rpartition(":")[2])
    )
    await source.open()
    try:
        for name, points, distance in (
            ("trend_embeddings", trends, Distance.COSINE),
            ("item_embeddings", items, Distance.DOT),
        ):
            await source.administration.delete_collection(name)
            await source.administration.ensure_collection(
                name, len(points[0].vector), distance, INDEXES
            )
            await source.bulk.store(name, points)
    finally:
        await source.close()
    await fill_notes(addresses.qdrant)


def padded(numbers: Sequence[float]) -> list[float]:
    """A vector of the collections' size that begins with these."""
    return [*numbers, *[0.0] * (SIZE - len(numbers))]


@asynccontextmanager
async def served(
    addresses: Addresses, settings: Mapping[str, str] = PATIENT
) -> AsyncIterator[Stage]:
    """The application as `create_app` makes it, its lifespan run around the block.

    The demo's people are served beside it.
    """
    # What is asked of the engines is looked at, every time.
    uncached = {"PLAIT_CACHE_ENABLED": "false"}
    async with serving(people) as url:
        upstream = {"UPSTREAM_PEOPLE_URL": url}
        environment = {**addresses.environment(), **upstream, **ADMIN, **uncached, **settings}
        made = Gateway(load(environ=environment))
        app = Application(made)
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(
            transport=transport, base_url="http://plait", headers=CREDENTIALS
        )
        async with lifespan(app), client as to:
            yield Stage(app, to, made)


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Start an application and shut it down, as a server does."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    running = asyncio.create_task(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, inbox.get, outbox.put)
    )
    await inbox.put({"type": "lifespan.startup"})
    started = await asyncio.wait_for(outbox.get(), 60)
    if started["type"] != "lifespan.startup.complete":
        await running
        raise RuntimeError(started.get("message", "the application did not start"))
    try:
        yield
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await asyncio.wait_for(outbox.get(), 60)
        await running
