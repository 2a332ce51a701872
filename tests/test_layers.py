"""The floors of the house hold, and the linter that holds them would notice if they did not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PLANTED = {
    "gateway/planning/steps.py": (
        "import asyncio",
        "Planning does no input or output and names no vendor",
    ),
    "gateway/errors.py": (
        "import gateway.viewer",
        "A room imports only from rooms below it",
    ),
    "gateway/viewer.py": (
        "import resolvers",
        "The engine never imports the domain",
    ),
    "gateway/sources/redis/pattern.py": (
        "import gateway.sources.postgres",
        "Adapters know nothing of each other",
    ),
    "gateway/telemetry/logs.py": (
        "import asyncpg",
        "asyncpg and Alembic only in PostgreSQL's adapter",
    ),
    "gateway/schema/selection.py": (
        "import qdrant_client",
        "qdrant_client only in Qdrant's adapter and Qdrant's embedded server",
    ),
    "gateway/documents/limits.py": (
        "import redis",
        "redis only in Redis's adapter",
    ),
    "gateway/documents/store.py": (
        "import sqlalchemy",
        "SQLAlchemy only where tables are declared, bound and asked",
    ),
    "gateway/documents/cost.py": (
        "import prometheus_client",
        "prometheus_client and OpenTelemetry only where figures and spans leave",
    ),
    "gateway/transport/graphiql.py": (
        "import tokenizers",
        "The local model's libraries only in embedding",
    ),
    "gateway/planning/variables.py": (
        "import aiohttp",
        "aiohttp only in the seam of the proxies",
    ),
    "gateway/execution/context.py": (
        "import jwt",
        "jwt and cryptography only in identity",
    ),
    "gateway/execution/walk.py": (
        "import pymongo",
        "pymongo and obstore only in context",
    ),
    "gateway/workflows/jobs.py": (
        "import procrastinate",
        "The job engine and its driver only in the worker",
    ),
    "gateway/settings/agents.py": (
        "import mcp_types",
        "The protocol of agents only in its room",
    ),
    "gateway/sources/contract.py": (
        "import gateway.sources.qdrant",
        "The contract of sources stands on errors alone",
    ),
    "resolvers/models/__init__.py": (
        "import gateway.execution",
        "The domain sees the façade only",
    ),
}


def lint(folder):
    """Runs the import linter of a checkout; gives the contracts it kept and those it broke."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    verdicts = re.findall(r"^(.+) (KEPT|BROKEN)(?: \(.*)?$", done.stdout, re.MULTILINE)
    kept = {name for name, verdict in verdicts if verdict == "KEPT"}
    broken = {name for name, verdict in verdicts if verdict == "BROKEN"}
    assert done.returncode == bool(broken), done.stdout + done.stderr
    return kept, broken


def test_the_floors_hold():
    """No room imports from a floor above its own."""
    kept, broken = lint(ROOT)
    assert not broken
    assert kept == {contract for _, contract in PLANTED.values()}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """The contracts that break in a copy of the code with every planted violation in it."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("gateway", "resolvers"):
        leave = shutil.ignore_patterns("__pycache__", "static")
        shutil.copytree(ROOT / name, copy / name, ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name, (line, _) in PLANTED.items():
        with (copy / name).open("a") as file:
            file.write(f"\n{line}\n")
    return lint(copy)[1]


@pytest.mark.parametrize("contract", [contract for _, contract in PLANTED.values()])
def test_a_planted_violation_is_caught(broken, contract):
    """Each rule can fail."""
    assert contract in broken
