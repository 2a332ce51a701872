"""The public audit suite of GraphQL over HTTP (npm `graphql-http`) against the endpoint."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from toy_engine import ToyEngine
from toy_site import serving

if TYPE_CHECKING:
    from collections.abc import Sequence

AUDITS = Path(__file__).parent / "audits"
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite, installed outside the checkout."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: the graphql-http audits need it")
    folder = tmp_path_factory.mktemp("audits")
    for name in ("package.json", "package-lock.json", "run.mjs"):
        shutil.copy(AUDITS / name, folder)
    installed = run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    if any(code in installed.stderr for code in UNREACHABLE):
        pytest.skip("the npm registry cannot be reached: the graphql-http audits need it")
    assert installed.returncode == 0, installed.stderr
    return folder


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )


def test_every_audit_passes(audits: Path) -> None:
    """All of them: MUST, SHOULD and MAY."""
    with serving(ToyEngine()) as server:
        finished = run(["node", "run.mjs", server.url], audits)
    assert finished.returncode == 0, finished.stderr
    results = [json.loads(line) for line in finished.stdout.splitlines()]
    assert len(results) > 50
    assert [result for result in results if result["status"] != "ok"] == []


def test_the_lock_names_no_registry() -> None:
    """No registry's address may be committed."""
    lock = (AUDITS / "package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in lock
    assert '"resolved"' not in lock
