"""The cache's stage and its measurements: cached gateways, one without a cache, and the floor."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

from bench import cache, database
from bench.replies import HEADERS, TIMEOUT_SECONDS, ReplyError, ask, ask_all, canonical
from bench.servers import free_port, running
from bench.stage import CONFIG, KEPT, clean_environment, uvicorn_command
from gateway import embedded
from gateway.caching.answers import Want
from gateway.caching.assembly import Options, make_cache
from gateway.caching.key import entry_key
from gateway.caching.policy import Policy
from gateway.sources.redis.cache import RedisCacheStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bench.cache import CacheRow
    from bench.load import Wrk
    from bench.measure import Plan
    from bench.servers import Server
    from gateway.caching.cache import Cache
    from gateway.sources.cache import Bumped

PREFIX = "plait:bench"
REQUESTS = 150
"""Requests of one round of the partial hit, one after the other."""
INVALIDATIONS = 9
_LEASE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class CacheStage:
    """`cached` share one Redis; `floor` answers `/bytes/<n>` with so many bytes."""

    cached: Sequence[Server]
    uncached: Server
    floor: Server
    redis: str


@contextmanager
def staged(say: Callable[[str], None]) -> Iterator[CacheStage]:
    """Bring everything up, and take it down at the end. Raises as `bench.stage.staged`."""
    with ExitStack() as stack:
        say("starting the engines")
        KEPT.mkdir(parents=True, exist_ok=True)
        engines = stack.enter_context(embedded.start(KEPT / "engines", durable=False))
        url = asyncio.run(database.prepare(engines.urls.postgres, say))
        addresses = {
            "PLAIT_CONFIG": str(CONFIG),
            "POSTGRES_URL": url,
            "QDRANT_URL": engines.urls.qdrant,
            "QDRANT_GRPC_PORT": str(engines.urls.qdrant_grpc_port),
            "REDIS_URL": engines.urls.redis,
            "PLAIT_CACHE_PREFIX": f"{PREFIX}:gateways",
        }

        def start(name: str, command: list[str], port: int, given: Mapping[str, str]) -> Server:
            say(f"starting {name}")
            return stack.enter_context(
                running(
                    name,
                    [sys.executable, "-m", *command],
                    port=port,
                    log=KEPT / f"{name}.log",
                    environment={**clean_environment(), **given},
                )
            )

        def plait(name: str, **settings: str) -> Server:
            port = free_port()
            given = {**addresses, "PLAIT_SERVE_PORT": str(port), **settings}
            return start(name, ["gateway.cli", "serve"], port, given)

        port = free_port()
        yield CacheStage(
            cached=[
                plait(f"plait-cached-{number}", PLAIT_CACHE_ENABLED="true")
                for number in range(cache.GATEWAYS)
            ],
            uncached=plait("plait-uncached"),
            floor=start("floor", uvicorn_command("bench.floor:app", port), port, {}),
            redis=engines.urls.redis,
        )


class CacheMeasurer:
    """Measures what was chosen; `tell` is called with what is being done."""

    def __init__(self, wrk: Wrk, plan: Plan, tell: Callable[[str], None]) -> None:
        self._wrk = wrk
        self._plan = plan
        self._tell = tell

    def run(self, names: Sequence[str], stage: CacheStage) -> list[CacheRow]:
        """A row for each name. Raises `ReplyError` where cached and uncached answers differ."""
        rows = []
        for name in names:
            self._tell(f"the cache: {name}")
            if partial := next((one for one in cache.PARTIALS if one.name == name), None):
                rows.append(self._partial(partial, stage))
            elif name == "stampede":
                rows.append(_stampede(stage))
            elif name == "invalidation":
                rows.append(asyncio.run(_invalidation(stage.redis)))
            else:
                workload = next(one for one in cache.WORKLOADS_CACHED if one.name == name)
                rows.append(self._full(workload, stage))
        return rows

    def _full(self, workload: cache.CacheWorkload, stage: CacheStage) -> CacheRow:
        ours, body = stage.cached[0], workload.body
        answer = _same(body, ours, stage.uncached)
        floor = replace(stage.floor, path=f"/bytes/{len(answer)}")
        found: dict[Server, list[float]] = {ours: [], floor: []}
        for server in found:
            self._load(server, body, self._plan.warm_up)
        for _ in range(self._plan.rounds):
            for server, rates in found.items():
                rates.append(self._load(server, body, self._plan.seconds))
        title = f"{workload.of} fully cached, {len(answer) / 1000:.0f} kB"
        return cache.against_floor(workload.name, title, median(found[ours]), median(found[floor]))

    def _load(self, server: Server, body: str, seconds: int) -> float:
        return self._wrk.run(server.url, [body], seconds=seconds, connections=32).rps

    def _partial(self, workload: cache.CachePartial, stage: CacheStage) -> CacheRow:
        ours, uncached = stage.cached[0], stage.uncached
        bodies = workload.bodies()
        _same(next(bodies), ours, uncached)
        found: dict[Server, list[float]] = {ours: [], uncached: []}
        for _ in range(self._plan.rounds):
            asked = list(islice(bodies, REQUESTS))
            for server, rates in found.items():
                rates.append(_one_by_one(server, asked))
        return workload.row(median(found[ours]), median(found[uncached]))


def _same(body: str, ours: Server, theirs: Server) -> bytes:
    """The answer, which must be the same from both, and again."""
    answers = [ask(server.port, server.path, body) for server in (theirs, ours, ours)]
    if len(set(map(canonical, answers))) > 1:
        raise ReplyError(f"a cached answer differs: {body[:200]}")
    return answers[0]


def _one_by_one(server: Server, bodies: Sequence[str]) -> float:
    """Requests a second over one connection. Raises `ReplyError`."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)
    begun = time.perf_counter()
    try:
        for body in bodies:
            connection.request("POST", server.path, body, HEADERS)
            response = connection.getresponse()
            content = response.read()
            if response.status != http.client.OK or b'"errors"' in content:
                raise ReplyError(f"status {response.status}: {content[:400]!r}")
    finally:
        connection.close()
    return len(bodies) / (time.perf_counter() - begun)


def _stampede(stage: CacheStage) -> CacheRow:
    """Everybody asks at once for what was never asked before; who of them asked the source?"""
    body = json.dumps({"query": "{ trends(first: 41, orderBy: [{score: DESC}]) { nodes { id } } }"})
    before = _calls(stage)
    each = cache.READERS // cache.GATEWAYS
    with ThreadPoolExecutor(cache.GATEWAYS) as pool:
        asked = [
            pool.submit(ask_all, one.port, one.path, [body] * each, at_once=each)
            for one in stage.cached
        ]
        answers = {canonical(answer) for one in asked for answer in one.result()}
    if len(answers) != 1:
        raise ReplyError("the readers of one moment got different answers")
    return cache.of_stampede(_calls(stage) - before)


def _calls(stage: CacheStage) -> int:
    """How often the caches of all gateways asked their source."""
    total = 0
    for server in stage.cached:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)
        connection.request("GET", "/health/ready")
        figures = json.loads(connection.getresponse().read())["sources"]["cache"]["figures"]
        connection.close()
        total += figures["miss"] + figures["bypass"]
    return total


class CountingStore(RedisCacheStore):
    """Counts the round trips of invalidations."""

    trips = 0

    async def bump(self, tags: Sequence[str], node: str) -> Bumped:
        """As of the store."""
        self.trips += 1
        return await super().bump(tags, node)


async def _invalidation(redis: str) -> CacheRow:
    """A tag of so many entries, invalidated while another node holds a lease too."""
    stores = [CountingStore("bench", redis, prefix=f"{PREFIX}:tags", timeout=5.0) for _ in range(2)]
    caches = [make_cache(Options(early_refresh=0.0), store) for store in stores]
    try:
        for one in caches:
            await one.open()
        times = []
        for number in range(INVALIDATIONS):
            for one in caches:
                await _fill(one, number)
            begun = time.perf_counter()
            await caches[0].invalidate(["Bench"])
            times.append((time.perf_counter() - begun) * 1000)
        return cache.of_invalidation(median(times), stores[0].trips // INVALIDATIONS)
    finally:
        for one in caches:
            await one.close()


async def _fill(one: Cache, number: int) -> None:
    """Put every entry into memory and Redis, and wait until memory may be served from."""
    async with asyncio.timeout(_LEASE_SECONDS):
        while not one.leased:  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.01)

    async def load(places: Sequence[int], _deadline: float) -> list[bytes]:
        return [b'"%d"' % number for _ in places]

    policy = Policy(max_age=600.0)
    for start in range(0, cache.TAGGED, 500):
        wants = [
            Want(entry_key(b"bench", (), (key,)), ("Bench", f"Bench:{key}"))
            for key in range(start, start + 500)
        ]
        deadline = asyncio.get_running_loop().time() + 30
        await one.fetch(wants, policy, load, deadline)
