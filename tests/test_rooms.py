"""What a gateway does not use it does not load: rooms, vendors, and what libraries bring along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

ALONE = """
import sys

import gateway.serving.run
from gateway.app import Application
from gateway.composition import Gateway
from gateway.settings import load

gateway = Gateway(load(environ={"POSTGRES_URL": "postgresql://u@127.0.0.1:1/d"}))
Application(gateway)
assert not list(gateway.jobs())

unused = {
    "aiohttp", "alembic", "argon2", "cryptography", "grpc", "h2", "httpx", "httpx2", "jwt", "numpy",
    "obstore", "opentelemetry", "procrastinate", "prometheus_client", "pydantic", "pygments",
    "mcp", "pymongo", "qdrant_client", "redis", "rich", "typer", "tokenizers",
    "gateway.cli", "gateway.embedded", "gateway.embedding.http", "gateway.mcp", "gateway.scaffold",
    "gateway.sync", "gateway.sources.qdrant", "gateway.sources.redis", "gateway.transport.metrics",
    "gateway.workflows.worker",
}
print(*sorted(unused & sys.modules.keys()))
"""

LEFT_OUT = """
import sys
from importlib import import_module

import gateway.sources.redis
from gateway.sources.qdrant.wire.loading import session_class

session_class()
unused = {"opentelemetry", "rich", "pygments", "httpx._main", "h2"}
print(*sorted(unused & sys.modules.keys()))
for name in ["opentelemetry.sdk.metrics", "httpx._main", "h2.connection"]:
    import_module(name)
"""


def printed(program: str) -> str:
    """What a new interpreter prints that runs `program` in the repository."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_over_postgresql_alone_no_other_adapter_is_loaded() -> None:
    """The bundled domain with nothing but its database: no other vendor, no room of others.

    But for the adapters that say, for Directus and the upstream it names, that these are not set.
    """
    assert printed(ALONE) == ""


def test_libraries_bring_along_only_what_is_used() -> None:
    """With Redis and Qdrant too, what they would load just because it is installed stays out.

    Others may import it afterwards.
    """
    assert printed(LEFT_OUT) == ""
