"""Runs the command line as a person does: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("POSTGRES_", "QDRANT_", "REDIS_", "PLAIT_")


@pytest.fixture
def environment():
    """What a command finds in its environment: no source, no colours, the checkout's modules."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(SOURCES)}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "TERM": "dumb"}


@pytest.fixture
def plait(tmp_path, environment):
    """`plait("migrate", "up", POSTGRES_URL=…)` runs to the end and gives the process."""

    def run(*arguments, typed="", cwd=tmp_path, **variables):
        return subprocess.run(
            [sys.executable, "-m", "gateway.cli", *arguments],
            cwd=cwd,
            env=environment | variables,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
