"""The stage: the engines, the loaded database and all servers, up together, loaded in turn."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import database
from bench.servers import free_port, running
from bench.workloads import FLOOR, PLAIT, STRAWBERRY
from gateway import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bench.servers import Server
    from bench.workloads import ServerName, Workload

KEPT = database.ROOT / ".plait" / "bench"
"""Where engines, logs and scripts of the bench live between runs."""

CONFIG = Path(__file__).with_name("plait.toml")
_OURS = (
    *("PLAIT_", "POSTGRES_", "QDRANT_", "REDIS_"),
    *("DATASOURCE_", "UPSTREAM_", "DIRECTUS_", "BENCH_"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers that are compared, and `ungrouped`: Plait without group-commit reads.

    `proxies` are those with `upstream` behind them. `database`: the address of the data.
    """

    servers: Mapping[ServerName, Server]
    proxies: Mapping[ServerName, Server]
    ungrouped: Server
    upstream: Server
    database: str

    def asked(self, workload: Workload) -> Mapping[ServerName, Server]:
        """The servers that a workload is for."""
        return self.proxies if workload.proxies else self.servers


@contextmanager
def staged(say: Callable[[str], None]) -> Iterator[Stage]:
    """Bring everything up, and take it down at the end whatever happens.

    Raises `ConfigurationError` (engines), `ServerError`. `say` is told what is being done.
    """
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
        }

        def start(name: str, command: list[str], port: int, **environment: str) -> Server:
            say(f"starting {name}")
            return stack.enter_context(
                running(
                    name,
                    [sys.executable, "-m", *command],
                    port=port,
                    log=KEPT / f"{name}.log",
                    environment=clean_environment() | environment,
                )
            )

        def plait(name: str, **settings: str) -> Server:
            port = free_port()
            environment = addresses | {"PLAIT_SERVE_PORT": str(port)} | settings
            return start(name, ["gateway.cli", "serve"], port, **environment)

        def uvicorn(name: str, app: str, **environment: str) -> Server:
            port = free_port()
            return start(name, uvicorn_command(app, port), port, **environment)

        floor = uvicorn(FLOOR, "bench.floor:app")
        upstream = uvicorn("upstream", "bench.upstream_server:app")
        yield Stage(
            servers={
                PLAIT: plait(PLAIT),
                STRAWBERRY: uvicorn(
                    STRAWBERRY, "bench.strawberry_server:app", BENCH_DATABASE_URL=url
                ),
                FLOOR: floor,
            },
            proxies={
                PLAIT: plait(
                    "plait-upstream",
                    PLAIT_RESOLVERS="bench.upstream_domain",
                    UPSTREAM_SERVICE_URL=upstream.url,
                    DIRECTUS_URL=upstream.url.removesuffix(upstream.path),
                ),
                STRAWBERRY: uvicorn(
                    "strawberry-upstream",
                    "bench.upstream_peer:app",
                    BENCH_DATABASE_URL=url,
                    BENCH_UPSTREAM_URL=upstream.url.removesuffix(upstream.path),
                ),
                FLOOR: floor,
            },
            upstream=upstream,
            ungrouped=plait("plait-ungrouped", PLAIT_GROUPING_ENABLED="false"),
            database=url,
        )


def uvicorn_command(app: str, port: int) -> list[str]:
    """One uvicorn process on loopback with its fast loop and parser, silent about requests."""
    return [
        "uvicorn",
        app,
        "--host=127.0.0.1",
        f"--port={port}",
        "--loop=uvloop",
        "--http=httptools",
        "--no-access-log",
        "--log-level=warning",
    ]


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of ours: the bench decides them all."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return kept | {"PYTHONPATH": str(database.ROOT)}
