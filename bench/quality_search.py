"""How good the gateway's hits are: the judged queries by vector, by words, and by both.

The demo's data, filled as `plait demo` fills them, and the gateway's own field over HTTP.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from bench import replies
from bench.database import STATEMENT_SECONDS
from bench.quality_measures import DEPTH, judged, mean, score
from bench.replies import ReplyError
from bench.servers import free_port, running
from bench.stage import CONFIG, KEPT, clean_environment
from gateway import embedded
from gateway.embedding.local import LocalEmbedder
from gateway.sources.qdrant import QdrantSource
from resolvers.demo import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bench.quality_measures import Judged, Kind, Score
    from bench.servers import Server
    from gateway.embedded import EngineUrls

FOLDER = "quality"
MODES = ("VECTOR", "TEXT", "HYBRID")
KINDS: tuple[Kind, ...] = ("plain", "named")
AT_ONCE = 8
FILL_SECONDS = 300.0
DOCUMENT = """query ($text: String!, $mode: SearchMode!, $limit: Int!) {
  searchTrends(text: $text, mode: $mode, limit: $limit) { trend { id } }
}"""


@dataclass(frozen=True, slots=True)
class ModeQuality:
    """How good one mode is: over all queries, and over those of a kind with how many there are."""

    mode: str
    whole: Score
    kinds: Mapping[Kind, Score]
    queries: int


@dataclass(frozen=True, slots=True)
class QualityStage:
    """The gateway over the demo's data; `techniques` are the codes behind each trend, by its id."""

    server: Server
    urls: EngineUrls
    techniques: Mapping[str, Sequence[str]]


@contextmanager
def staged(say: Callable[[str], None]) -> Iterator[QualityStage]:
    """Bring up engines with the demo's data and the gateway over them; take them down at the end.

    Raises `ConfigurationError` (engines, the extra `demo`), `ServerError`.
    """
    say("starting the engines of the demo")
    KEPT.mkdir(parents=True, exist_ok=True)
    with embedded.start(KEPT / FOLDER, durable=False) as engines:
        techniques = asyncio.run(_fill(engines.urls, say))
        port = free_port()
        say("starting the gateway over the demo's data")
        environment = clean_environment() | {
            "PLAIT_CONFIG": str(CONFIG),
            "PLAIT_SERVE_PORT": str(port),
            "POSTGRES_URL": engines.urls.postgres,
            "QDRANT_URL": engines.urls.qdrant,
            "QDRANT_GRPC_PORT": str(engines.urls.qdrant_grpc_port),
            "REDIS_URL": engines.urls.redis,
        }
        with running(
            "plait-quality",
            [sys.executable, "-m", "gateway.cli", "serve"],
            port=port,
            log=KEPT / "plait-quality.log",
            environment=environment,
        ) as server:
            yield QualityStage(server, engines.urls, techniques)


def evaluate(stage: QualityStage, queries: Sequence[Judged] | None = None) -> list[ModeQuality]:
    """Ask all `queries` (the judged ones) in every mode.

    Raises `ReplyError` where a reply is no answer, `ValueError` where the data lack what a query
    asks for.
    """
    asked = judged() if queries is None else queries
    grades = [one.of_trends(stage.techniques) for one in asked]
    found = []
    for mode in MODES:
        rankings = _rankings(stage.server, asked, mode)
        scores = [*map(score, rankings, grades)]
        kinds = {
            kind: mean(
                [one for one, query in zip(scores, asked, strict=True) if query.kind == kind]
            )
            for kind in KINDS
        }
        found.append(ModeQuality(mode, mean(scores), kinds, len(asked)))
    return found


def _rankings(server: Server, asked: Sequence[Judged], mode: str) -> list[list[str]]:
    bodies = [
        json.dumps(
            {"query": DOCUMENT, "variables": {"text": one.text, "mode": mode, "limit": DEPTH}}
        )
        for one in asked
    ]
    answers = replies.ask_all(server.port, server.path, bodies, at_once=AT_ONCE)
    return [ranking(json.loads(answer)) for answer in answers]


def ranking(reply: Any) -> list[str]:
    """The trends of a reply, best first. Raises `ReplyError` where it is no answer."""
    hits = (reply.get("data") or {}).get("searchTrends")
    if hits is None or reply.get("errors"):
        raise ReplyError(f"no hits: {json.dumps(reply)[:400]}")
    return [hit["trend"]["id"] for hit in hits if hit["trend"]]


async def _fill(urls: EngineUrls, say: Callable[[str], None]) -> dict[str, list[str]]:
    """Fill the engines as `plait demo` does; gives the techniques behind each trend."""
    embedder = LocalEmbedder()
    source = QdrantSource(
        "qdrant",
        urls.qdrant,
        grpc_port=urls.qdrant_grpc_port,
        timeout_seconds=FILL_SECONDS,
        embedder=embedder,
    )
    try:
        await source.open()
        await prepare(
            urls.postgres,
            embedder,
            source,
            lambda stage, done, total: say(f"filling the demo: {stage} {done:,} of {total:,}"),
        )
    finally:
        await source.close()
        embedder.close()
    connection = await asyncpg.connect(urls.postgres, command_timeout=STATEMENT_SECONDS)
    try:
        rows = await connection.fetch("SELECT id, metadata -> 'techniques' AS known FROM trends")
    finally:
        await connection.close()
    return {str(row["id"]): [one["code"] for one in json.loads(row["known"])] for row in rows}
