"""Sources that are silent, that fail, or that are full."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from bench.soak_stage import EDITOR, ENGINES, POINTS, Row, asked, each, p99_ms, post, session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from bench.servers import Server
    from bench.soak_stage import Answer, Stage

DEADLINE = 2.1
OPEN_MS = 10.0
CALLS = 1.2
REFUSED_MS = 100.0
REQUESTS = 500
MUTATIONS = 20
MEND_SECONDS = 15.0
STATE = {"PLAIT_STATE_VIEWS_READ": "*"}

QUERY = """query ($id: ID!) {
  trend(id: $id) { title views article { title } similar(first: 1) { score } }
  trendFacets(key: CATEGORY) { value count }
}"""
_CREATE = 'mutation { createArticle(input: {title: "x"}) { id } }'
_OWN: Mapping[str, Callable[[Any], Any]] = {
    "postgres": lambda data: data.pop("trend"),
    "valkey": lambda data: data["trend"].pop("views"),
    "qdrant": lambda data: (data["trend"].pop("similar"), data.pop("trendFacets")),
    "directus": lambda data: data["trend"].pop("article"),
}
"""What is taken from an answer that a source does not contribute to."""
_FIELDS = {
    "postgres": "query ($id: ID!) { trend(id: $id) { title } }",
    "valkey": "query ($id: ID!) { trend(id: $id) { views } }",
    "qdrant": "query ($id: ID!) { trend(id: $id) { similar(first: 1) { score } } }",
}


@asynccontextmanager
async def _silent(stage: Stage, source: str) -> AsyncIterator[None]:
    """A source that takes requests and says nothing, for the block."""
    if source == "directus":
        stage.peer.mode = "silent"
    else:
        stage.engines.processes[source].freeze()
    try:
        yield
    finally:
        await stage.mend()


async def deadlines(stage: Stage) -> AsyncIterator[Row]:
    """Each source in turn says nothing; its fields fail in time, the others are there."""
    async with stage.plait(**STATE) as server:
        body = asked(QUERY, id="5")
        whole = await _mended(server, body)
        for source in _OWN:
            async with _silent(stage, source):
                answers = await each(server.url, [body] * 8, 4)
            wanted = _without(source, whole)
            intact = all(
                answer.body and _without(source, answer.json()["data"]) == wanted
                for answer in answers
                if answer.status
            )
            worst = max(answer.seconds for answer in answers)
            yield Row(
                "deadlines",
                f"{ENGINES.get(source, 'Directus')} is silent",
                f"answered in {worst:.2f} s, other fields {'intact' if intact else 'harmed'}",
                "≤ 2.1 s, intact",
                worst <= DEADLINE and intact and all(answer.status for answer in answers),
            )
            await _mended(server, body)


def _without(source: str, data: Any) -> Any:
    """The data but for what comes from the source."""
    rest = json.loads(json.dumps(data))
    try:
        _OWN[source](rest)
    except (KeyError, TypeError, AttributeError):
        return None
    return rest


async def _mended(server: Server, body: str) -> Any:
    """The data, once every source answers again."""
    end = time.monotonic() + MEND_SECONDS
    async with session() as client:
        while True:
            answer = await post(client, server.url, body)
            if answer.whole:
                return answer.json()["data"]
            if time.monotonic() > end:
                raise TimeoutError(f"not mended: {answer.body[:200]!r}")
            await asyncio.sleep(0.05)


async def breaker(stage: Stage) -> AsyncIterator[Row]:
    """A source of which every call fails is called little, and costs nobody time."""
    article = "query ($id: ID!) { trend(id: $id) { article { title } } }"
    async with stage.plait(**STATE) as server:
        bodies = [asked(article, id=str(number + 1)) for number in range(REQUESTS)]
        stage.peer.mode, stage.peer.calls = "fail", 0
        answers = await each(server.url, bodies, 8)
        calls = stage.peer.calls / len(answers)
        yield Row(
            "breaker",
            f"Directus fails, {REQUESTS} requests",
            f"{calls:.2f} calls a request",
            "≤ 1.2",
            calls <= CALLS,
        )
        yield _open("Directus", await each(server.url, bodies, 1))
        stage.peer.mode = "answer"
        await _mended(server, bodies[0])
        stage.peer.mode, stage.peer.calls = "fail", 0
        await each(server.url, [asked(_CREATE)] * MUTATIONS, 1, EDITOR)
        retried = max(0, stage.peer.calls - MUTATIONS)
        yield Row("breaker", f"{MUTATIONS} mutations of it", f"{retried} retries", "0", not retried)
        stage.peer.mode = "answer"
        for source, fields in _FIELDS.items():
            bodies = [asked(fields, id=str(number + 1)) for number in range(POINTS)]
            await _mended(server, bodies[0])
            async with _silent(stage, source):
                await each(server.url, bodies[:40], 8)
                answers = await each(server.url, bodies * 2, 1)
            yield _open(f"{ENGINES[source]} is silent", answers)


def _open(what: str, answers: list[Answer]) -> Row:
    """What requests take while a breaker is open; one in a hundred may be the one that tries."""
    p99 = p99_ms(answers)
    return Row(
        "breaker", f"{what}: p99 while it is open", f"{p99:.1f} ms", "< 10 ms", p99 < OPEN_MS
    )


async def pool(stage: Stage) -> AsyncIterator[Row]:
    """All connections of PostgreSQL wait for a lock, and the line behind them is full."""
    document = "query ($t: String!) { trends(where: {title: {eq: $t}}) { nodes { id } } }"
    settings = {"POSTGRES_POOL_SIZE": "4", "PLAIT_GROUPING_MAX_WAITING": "32"}
    async with stage.plait(**settings) as server, session() as client:
        await post(client, server.url, asked(document, t="first"))
        holder = await asyncpg.connect(stage.database)
        try:
            async with holder.transaction():
                await holder.execute("LOCK TABLE trends IN ACCESS EXCLUSIVE MODE")
                waiting = [
                    asyncio.ensure_future(post(client, server.url, asked(document, t=str(number))))
                    for number in range(64)
                ]
                await asyncio.sleep(0.5)
                answers = [
                    await post(client, server.url, asked(document, t=f"late {number}"))
                    for number in range(50)
                ]
        finally:
            await holder.close()
        await asyncio.gather(*waiting)
    refused = [answer for answer in answers if b"SOURCE_OVERLOADED" in answer.body]
    worst = max((answer.seconds for answer in refused), default=0.0) * 1000
    yield Row(
        "pool",
        "PostgreSQL's pool and line are full",
        f"{len(refused)} of {len(answers)} refused, within {worst:.0f} ms",
        "≤ 100 ms",
        len(refused) == len(answers) and worst <= REFUSED_MS,
    )
