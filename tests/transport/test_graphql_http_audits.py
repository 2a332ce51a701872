"""The public audit suite of GraphQL over HTTP (npm `graphql-http`) against the endpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from npm import install, run
from toy_engine import ToyEngine
from toy_site import serving

AUDITS = Path(__file__).parent / "audits"


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite, installed outside the checkout."""
    return install(AUDITS, tmp_path_factory.mktemp("audits"))


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
