"""The vector workloads' run: engines with the points, the gateway, and the bare client in turn."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import replies, vectors_data
from bench.figures import Figure, medians
from bench.load import GRACE_SECONDS, LoadError
from bench.replies import ReplyError
from bench.servers import free_port, running
from bench.stage import CONFIG, KEPT, clean_environment
from bench.vectors import CONNECTIONS
from bench.vectors_figures import Lag, VectorRow
from bench.vectors_server import PATH
from bench.workloads import CLIENT, PLAIT
from gateway import embedded
from resolvers.demo import TRENDS as COLLECTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.load import Wrk
    from bench.measure import Plan
    from bench.servers import Server
    from bench.vectors import VectorWorkload
    from gateway.embedded import EngineUrls

FOLDER = "vectors"
"""Where the engines of these workloads keep their data, beside those of the others."""


@dataclass(frozen=True, slots=True)
class VectorStage:
    """The gateway over the points, and where the engine is."""

    server: Server
    urls: EngineUrls


@contextmanager
def staged(say: Callable[[str], None]) -> Iterator[VectorStage]:
    """Bring the engines and the gateway up, loaded; and take them down whatever happens.

    Raises `ConfigurationError` (engines), `ServerError`. `say` is told what is being done.
    """
    say("starting the engines of the vector workloads")
    KEPT.mkdir(parents=True, exist_ok=True)
    with embedded.start(KEPT / FOLDER, durable=False) as engines:
        url = asyncio.run(vectors_data.prepare(engines.urls, say))
        port = free_port()
        say("starting the gateway over the points")
        environment = clean_environment() | {
            "PLAIT_CONFIG": str(CONFIG),
            "PLAIT_SERVE_PORT": str(port),
            "POSTGRES_URL": url,
            "QDRANT_URL": engines.urls.qdrant,
            "QDRANT_GRPC_PORT": str(engines.urls.qdrant_grpc_port),
            "REDIS_URL": engines.urls.redis,
        }
        with running(
            "plait-vectors",
            [sys.executable, "-m", "bench.vectors_server"],
            port=port,
            log=KEPT / "plait-vectors.log",
            environment=environment,
        ) as server:
            yield VectorStage(server, engines.urls)


@dataclass(frozen=True, slots=True)
class VectorMeasurer:
    """Runs a plan over both sides. `tell` hears what is done, `step` is called after each load."""

    wrk: Wrk
    plan: Plan
    tell: Callable[[str], None]
    step: Callable[[], None]

    def run(self, workload: VectorWorkload, stage: VectorStage) -> VectorRow:
        """The medians of both sides and the longest block of the gateway's loop.

        Raises `ReplyError` where gateway and client find different points, `LoadError`.
        """
        self.tell(f"{workload.name}: comparing what is found")
        compare(workload, stage)
        self._gateway(workload, stage, self.plan.warm_up, watch=True)
        ours, theirs, lags = [], [], []
        for turn in range(self.plan.rounds):
            self.tell(f"{workload.name}: round {turn + 1}, {PLAIT}")
            figure, lag = self._gateway(workload, stage, self.plan.seconds)
            ours.append(figure)
            lags.append(lag)
            self.step()
            self.tell(f"{workload.name}: round {turn + 1}, {CLIENT}")
            theirs.append(_figure(workload, ask_client(workload, stage, self.plan.seconds)))
            self.step()
        return VectorRow(workload, medians(ours), medians(theirs), Lag.worst(lags))

    def _gateway(
        self, workload: VectorWorkload, stage: VectorStage, seconds: int, *, watch: bool = False
    ) -> tuple[Figure, Lag]:
        server = stage.server
        _lag(server)
        before = server.cpu_seconds()
        measured = self.wrk.run(
            server.url, workload.bodies(), seconds=seconds, connections=CONNECTIONS, watch=watch
        )
        used = server.cpu_seconds() - before
        figure = Figure(
            workload=workload.name,
            server=PLAIT,
            rps=measured.rps,
            p50_ms=measured.p50_ms,
            p99_ms=measured.p99_ms,
            rss_mb=server.rss_mb(),
            cpu_ms=used / measured.requests * 1000,
        )
        return figure, _lag(server)


def compare(workload: VectorWorkload, stage: VectorStage) -> None:
    """Raise `ReplyError` unless the gateway finds what the client finds, each with its rows."""
    found = ask_client(workload, stage, 0)["found"]
    answers = replies.ask_all(
        stage.server.port, stage.server.path, workload.bodies(), at_once=CONNECTIONS
    )
    for answer, ids in zip(answers, found, strict=True):
        check_hits(json.loads(answer), ids)


def check_hits(reply: Any, ids: Sequence[int]) -> None:
    """Raise `ReplyError` unless a reply has the hits `ids` in order, joined with their rows."""
    hits = (reply.get("data") or {}).get("searchTrends")
    if hits is None:
        raise ReplyError(f"no hits: {json.dumps(reply)[:400]}")
    if [int(hit["id"]) for hit in hits] != list(ids):
        raise ReplyError(f"the client finds {ids[:5]}…, the gateway {[h['id'] for h in hits[:5]]}…")
    for hit in hits:
        row = hit["trend"]
        topic = vectors_data.topic_of(int(hit["id"]))
        if row is None or row["id"] != hit["id"] or row["topic"]["id"] != str(topic):
            raise ReplyError(f"hit {hit['id']} has the wrong row: {row}")


def ask_client(workload: VectorWorkload, stage: VectorStage, seconds: int) -> dict[str, Any]:
    """What the bare client measured and found, from a process of its own. Raises `LoadError`."""
    asked = {
        "url": stage.urls.qdrant,
        "grpc_port": stage.urls.qdrant_grpc_port,
        "collection": COLLECTION,
        "searches": workload.searches(),
        "seconds": seconds,
        "connections": CONNECTIONS,
    }
    try:
        run = subprocess.run(
            [sys.executable, "-m", "bench.vectors_client"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=seconds + 2 * GRACE_SECONDS,
            check=False,
            env=clean_environment(),
        )
    except subprocess.TimeoutExpired:
        raise LoadError("the bare client did not end in time") from None
    if run.returncode:
        raise LoadError(f"the bare client failed: {run.stderr[-400:]}")
    measured: dict[str, Any] = json.loads(run.stdout)
    return measured


def _figure(workload: VectorWorkload, measured: dict[str, Any]) -> Figure:
    names = ("rps", "p50_ms", "p99_ms", "rss_mb", "cpu_ms")
    return Figure(workload.name, CLIENT, **{name: measured[name] for name in names})


def _lag(server: Server) -> Lag:
    return Lag(**json.loads(replies.ask(server.port, PATH, "")))
