"""What a domain asks for and the settings or the installation lack is told at start-up."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gateway.agreement import check_bound
from gateway.domain import load_api
from gateway.settings import load

if TYPE_CHECKING:
    import pytest

SOURCES = {
    "POSTGRES_HOST": "h",
    "QDRANT_URL": "http://h",
    "REDIS_URL": "redis://h",
    "DIRECTUS_URL": "http://h",
    "UPSTREAM_PEOPLE_URL": "http://h",
}


def told(**more: str) -> list[str]:
    """What is missing for the bundled domain."""
    settings = load(environ={"PLAIT_CONFIG": "", **SOURCES, **more})
    return check_bound(settings, load_api(settings))


def test_a_model_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A production install has no local model: whoever searches by text needs a service."""
    assert told() == []
    monkeypatch.setitem(sys.modules, "wordllama", None)  # as where it is not installed
    (line,) = told()
    assert "embedding.kind (PLAIT_EMBEDDING_KIND)" in line
    service = {"PLAIT_EMBEDDING_MODEL": "m", "PLAIT_EMBEDDING_DIMENSIONS": "3"}
    service["PLAIT_EMBEDDING_BASE_URL"] = "http://h/v1"
    assert told(PLAIT_EMBEDDING_KIND="http", **service) == []
