"""Every root field of the bundled domain, while each of its sources refuses and quotes secrets."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

import httpx
from audit.every_field import requests
from audit.hostile import CANARY, refusing
from operations.stage import lifespan

from gateway.app import create_app
from gateway.domain import load_schema
from gateway.settings import load

if TYPE_CHECKING:
    import pytest

KEY = "k" * 40
HARMLESS = {"BAD_USER_INPUT", "FORBIDDEN"}
"""Codes of what never got as far as a source."""


def settings(port: int) -> dict[str, str]:
    """All sources there, each with credentials that hold the canary."""
    at = f"http://127.0.0.1:{port}"
    namespaces = {
        f"PLAIT_STATE_{name}_{right}": "*"
        for name in ("VIEWS", "BOARDS", "DRAFTS")
        for right in ("READ", "WRITE")
    }
    return namespaces | {
        "POSTGRES_URL": f"postgresql://{CANARY}:{CANARY}@127.0.0.1:{port}/{CANARY}",
        "REDIS_URL": f"redis://:{CANARY}@127.0.0.1:{port}/0",
        "QDRANT_URL": at,
        "QDRANT_PREFER_GRPC": "false",
        "QDRANT_API_KEY": CANARY,
        "UPSTREAM_PEOPLE_URL": f"{at}/graphql",
        "UPSTREAM_PEOPLE_AUTHORIZATION": f"Bearer {CANARY}",
        "DIRECTUS_URL": at,
        "DIRECTUS_TOKEN": CANARY,
        "PLAIT_EMBEDDING_KIND": "http",
        "PLAIT_EMBEDDING_ATTEMPTS": "1",
        "PLAIT_EMBEDDING_BASE_URL": at,
        "PLAIT_EMBEDDING_MODEL": "m",
        "PLAIT_EMBEDDING_DIMENSIONS": "256",
        "PLAIT_EMBEDDING_API_KEY": CANARY,
        "PLAIT_API_KEY_AUDIT_HASH": hashlib.sha256(KEY.encode()).hexdigest(),
        "PLAIT_API_KEY_AUDIT_SUBJECT": "audit",
        "PLAIT_API_KEY_AUDIT_ROLES": "editor admin",
    }


async def test_no_failure_tells_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is asked: a typed error, and neither it nor a line of the log has the canary."""
    caplog.set_level(logging.INFO)
    codes = {}
    async with refusing() as port:
        known = load(environ=settings(port))
        app = create_app(known)
        async with (
            lifespan(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://gateway", timeout=30
            ) as client,
        ):
            for name, document in requests(load_schema(known)._schema):
                answer = await client.post(
                    "/graphql", json={"query": document}, headers={"x-api-key": KEY}
                )
                assert CANARY not in answer.text, (name, answer.text)
                codes[name] = {
                    error["extensions"]["code"] for error in answer.json().get("errors", ())
                }
            ready = await client.get("/health/ready")
            assert CANARY not in ready.text
    assert CANARY not in caplog.text
    assert not any(CANARY in str(vars(record)) for record in caplog.records)
    assert "INTERNAL_SERVER_ERROR" not in set().union(*codes.values())
    assert "GRAPHQL_VALIDATION_FAILED" not in set().union(*codes.values())
    reached = [name for name, found in codes.items() if found - HARMLESS]
    assert len(reached) > 110  # of some 140
