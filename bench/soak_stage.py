"""What the scenarios of the soak stand on: engines, gateways, a peer that can fail, and a load."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from bench import database, upstream_server
from bench.servers import free_port, running
from bench.stage import CONFIG, clean_environment
from bench.workloads import KEY
from gateway import embedded
from gateway.sources.qdrant import Distance, QdrantSource
from gateway.sources.qdrant.points import PayloadIndex, Point

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from bench.servers import Server
    from gateway.embedded import Engines

KEPT = database.ROOT / ".plait" / "soak"
"""Engines of their own: these are killed."""
ENGINES = {"postgres": "PostgreSQL", "valkey": "Valkey", "qdrant": "Qdrant"}
POINTS = 100
EDITOR = {"X-API-Key": KEY}
FLAT = 1.05
"""Memory that grew by less than a twentieth stayed as it was."""


@dataclass(frozen=True, slots=True)
class Row:
    """One promise, and what was found of it."""

    name: str
    what: str
    found: str
    promised: str
    met: bool


class Peer:
    """A service beside the gateway: Directus, and an issuer's keys. It counts what it is asked.

    `mode`: `answer`, `fail` (500) or `silent`.
    """

    def __init__(self) -> None:
        self.mode = "answer"
        self.calls = 0
        self.keys = 0
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve during the block."""
        app = web.Application()
        app.router.add_route("GET", "/jwks", self._jwks)
        app.router.add_route("*", "/{rest:.*}", self._directus)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port, shutdown_timeout=0.1).start()
        self.url = f"http://127.0.0.1:{port}"
        try:
            yield
        finally:
            await runner.cleanup()

    async def _jwks(self, _: web.Request) -> web.Response:
        self.keys += 1
        return web.json_response({"keys": [_PUBLIC]})

    async def _directus(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.calls += 1
        if self.mode == "silent":
            await asyncio.sleep(60)
        if self.mode == "fail":
            return web.Response(status=500, text="not today")
        if not request.path.startswith(upstream_server.ITEMS):
            return web.json_response({"data": {}})
        content = upstream_server.items(request.query_string.encode(), body)
        return web.Response(body=content, content_type="application/json")


_PUBLIC = {
    "kty": "RSA",
    "kid": "known",
    "alg": "RS256",
    "use": "sig",
    "e": "AQAB",
    "n": "u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0_IzW7yWR7QkrmBL7jTKEn5u-"
    "qKhbwKfBstIs-bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyehkd3qqGElvW_VDL5AaWTg0nLVkjRo9z-"
    "40RQzuVaE8AkAFmxZzow3x-VJYKdjykkJ0iT9wCS0DRTXu269V264Vf_3jvredZiKRkgwlL9xNAwxXFg0x_XFw005UWVRI"
    "kdgcKWTjpBP2dPwVZ4WWC-9aGVd-Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbcmw",
}
"""A public key; nothing is signed with it."""


@dataclass(slots=True)
class Stage:
    """What the scenarios share. `database`: the address of the bench's data."""

    engines: Engines
    database: str
    peer: Peer
    say: Callable[[str], None]
    started: int = 0

    def environment(self, **settings: str) -> dict[str, str]:
        """What a gateway is told, `settings` before all else."""
        urls = self.engines.urls
        return {
            **clean_environment(),
            "PLAIT_CONFIG": str(CONFIG),
            "POSTGRES_URL": self.database,
            "QDRANT_URL": urls.qdrant,
            "QDRANT_GRPC_PORT": str(urls.qdrant_grpc_port),
            "REDIS_URL": urls.redis,
            "DIRECTUS_URL": self.peer.url,
            "PLAIT_CACHE_PREFIX": "plait:soak",
            **settings,
        }

    @asynccontextmanager
    async def plait(self, **settings: str) -> AsyncIterator[Server]:
        """A gateway with these settings for the block."""
        self.started += 1
        port = free_port()
        server = running(
            f"plait-soak-{self.started}",
            [sys.executable, "-m", "gateway.cli", "serve"],
            port=port,
            log=KEPT / f"plait-{self.started}.log",
            environment=self.environment(PLAIT_SERVE_PORT=str(port), **settings),
        )
        started = await asyncio.to_thread(server.__enter__)
        try:
            yield started
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)

    async def restart(self, name: str) -> None:
        """Start an engine again; returns when it answers."""
        await asyncio.to_thread(self.engines.restart, name)

    async def mend(self) -> None:
        """Whatever a scenario left: every engine runs, and the peer answers."""
        self.peer.mode = "answer"
        for name, process in self.engines.processes.items():
            process.thaw()
            if not process.alive:
                await self.restart(name)


@asynccontextmanager
async def staged(say: Callable[[str], None]) -> AsyncIterator[Stage]:
    """Bring everything up, and take it down at the end. Raises as `bench.stage.staged`."""
    say("starting the engines")
    KEPT.mkdir(parents=True, exist_ok=True)
    engines = await asyncio.to_thread(embedded.start, KEPT / "engines", durable=False)
    peer = Peer()
    try:
        url = await database.prepare(engines.urls.postgres, say)
        await _fill_vectors(engines)
        async with peer.serving():
            yield Stage(engines, url, peer, say)
    finally:
        for process in engines.processes.values():
            process.thaw()
        await asyncio.to_thread(engines.stop)


async def _fill_vectors(engines: Engines) -> None:
    """A vector for each of the first trends."""
    random = Random("soak")  # noqa: S311 - repeatable, not secret
    points = [
        Point(key, [random.uniform(-1, 1) for _ in range(256)], {"category": "technology"})
        for key in range(1, POINTS + 1)
    ]
    urls = engines.urls
    source = QdrantSource("qdrant", urls.qdrant, grpc_port=urls.qdrant_grpc_port)
    await source.open()
    try:
        name = "trend_embeddings"
        await source.administration.ensure_collection(
            name, 256, Distance.COSINE, [PayloadIndex("category", "keyword")]
        )
        await source.bulk.store(name, points)
    finally:
        await source.close()


# Asking.


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it began (monotonic), its seconds, status and body; status 0: none."""

    begun: float
    seconds: float
    status: int
    body: bytes

    @property
    def whole(self) -> bool:
        """An answer without errors."""
        return self.status == web.HTTPOk.status_code and b'"errors"' not in self.body

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def session(at_once: int = 0) -> aiohttp.ClientSession:
    """A client of gateways; `at_once` bounds its connections, 0 does not."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=at_once, keepalive_timeout=60),
        timeout=aiohttp.ClientTimeout(total=30),
    )


async def post(
    client: aiohttp.ClientSession,
    url: str,
    body: str | bytes,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """POST a body as JSON. A connection that fails is an answer of status 0."""
    begun = time.monotonic()
    said = {"content-type": "application/json", **(headers or {})}
    try:
        async with client.post(url, data=body, headers=said) as response:
            content = await response.read()
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        status, content = 0, repr(error).encode()
    return Answer(begun, time.monotonic() - begun, status, content)


def asked(document: str, **variables: Any) -> str:
    """A request's body."""
    return json.dumps({"query": document, "variables": variables})


async def each(
    url: str, bodies: Iterable[str | bytes], at_once: int, headers: Mapping[str, str] | None = None
) -> list[Answer]:
    """All bodies, `at_once` under way together."""
    rest = iter(bodies)
    answers: list[Answer] = []
    async with session(at_once) as client:

        async def worker() -> None:
            for body in rest:
                answers.append(await post(client, url, body, headers))  # noqa: PERF401 - as they come

        await asyncio.gather(*(worker() for _ in range(at_once)))
    return answers


@dataclass(slots=True)
class Load:
    """So many requests a second, whatever becomes of them, to the `urls` in turn."""

    urls: list[str]
    bodies: list[str]
    rate: float = 100.0
    answers: list[Answer] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load during the block; then wait for every answer."""
        async with session() as client:
            task = asyncio.ensure_future(self._run(client))
            try:
                yield
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _run(self, client: aiohttp.ClientSession) -> None:
        under_way: set[asyncio.Task[None]] = set()
        begun, number = time.monotonic(), 0
        try:
            while True:
                url = self.urls[number % len(self.urls)]
                task = asyncio.create_task(
                    self._one(client, url, self.bodies[number % len(self.bodies)])
                )
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                number += 1
                await asyncio.sleep(max(0.0, begun + number / self.rate - time.monotonic()))
        finally:
            if under_way:
                await asyncio.wait(under_way)

    async def _one(self, client: aiohttp.ClientSession, url: str, body: str) -> None:
        self.answers.append(await post(client, url, body))

    def between(self, begin: float, end: float) -> list[Answer]:
        """What was asked in this time."""
        return [one for one in self.answers if begin <= one.begun < end]


def p99_ms(answers: Iterable[Answer]) -> float:
    """The time within which 99 of 100 were answered."""
    seconds = sorted(one.seconds for one in answers)
    return seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))] * 1000 if seconds else 0.0


def loop_ms(server: Server) -> float:
    """Processor time of the thread that the event loop runs in, so far."""
    text = Path(f"/proc/{server.pid}/task/{server.pid}/schedstat").read_text(encoding="ascii")
    return int(text.split()[0]) / 1e6
