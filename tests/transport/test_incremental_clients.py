"""The clients that read answers in parts (npm), against the whole gateway."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from npm import install, run
from operations.stage import PATIENT, Addresses, fill
from subscriptions.newsroom import running
from subscriptions.speaking import served, until

from gateway.app import create_app
from gateway.settings import load

if TYPE_CHECKING:
    from conftest import FreshDatabase

CLIENTS = Path(__file__).parent / "clients"
DEFERRED = """query Deferred {
    trends(first: 2, orderBy: {id: ASC}) { nodes { id ... @defer { title topic { title } } } }
    ... @defer { topics(first: 1, orderBy: {id: ASC}) { nodes { id title } } }
}"""
STREAMED = """query Streamed {
    trends(first: 3, orderBy: {id: ASC}) { nodes @stream(initialCount: 1) { id title } }
}"""
WITHOUT_STREAM = ("apollo 3",)
"""It knows `@defer` only."""


def plain(value: Any) -> Any:
    """A value without the names of types, which Apollo Client asks for by itself."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name != "__typename"}
    return value


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(CLIENTS, tmp_path_factory.mktemp("clients"))


async def test_clients_put_the_parts_together(
    clients: Path, fresh_database: FreshDatabase, qdrant_endpoint: str, redis_url: str
) -> None:
    """Each emits something before it is whole, and at the end what a whole answer would be."""
    redis = f"{redis_url.rpartition('/')[0]}/8"
    addresses = Addresses(await fresh_database(), qdrant_endpoint, redis)
    await fill(addresses)
    queries = {"defer": DEFERRED, "stream": STREAMED}
    app = create_app(load(environ={**PATIENT, **addresses.environment()}))
    async with served(app) as server:
        whole = {}
        for kind, query in queries.items():
            async with server.session.post(server.url, json={"query": query}) as response:
                whole[kind] = (await response.json())["data"]
        command = ["node", "run.mjs", server.url, json.dumps(queries)]
        finished = await asyncio.to_thread(run, command, clients)
    assert finished.returncode == 0, finished.stderr
    told: list[dict[str, Any]] = [json.loads(line) for line in finished.stdout.splitlines()]
    assert len(told) == 12
    for one in told:
        client, kind, emitted = one["client"], one["kind"], plain(one["emitted"])
        if kind == "stream" and client in WITHOUT_STREAM:
            continue
        assert one["failure"] is None, (client, kind, one["failure"])
        assert emitted[-1] == whole[kind], (client, kind)
        assert emitted[0] != whole[kind], (client, kind)


async def test_apollo_subscribes_over_http(
    clients: Path, fresh_database: FreshDatabase, redis_url: str
) -> None:
    """Events as they come and an end; refusals as errors; who leaves is not served any more."""
    async with running(fresh_database, redis_url, f"{uuid.uuid4().hex}:") as room:
        command = ["node", "subscribe.mjs", room.server.url]
        finished = await asyncio.to_thread(run, command, clients)
        figures = room.gateway.subscriptions.figures
        await until(lambda: figures()["subscriptions"] == 0)
    assert finished.returncode == 0, finished.stderr
    told = {
        (line["client"], line["operation"]): line
        for line in map(json.loads, finished.stdout.splitlines())
    }
    assert len(told) == 8
    for client in ("apollo 3", "apollo 4"):
        events = told[client, "events"]
        assert [data["countdown"] for data in events["heard"]] == [3, 2, 1]
        assert events["end"] == "complete"
        assert "Sign in" in told[client, "refused"]["end"]
        assert (
            "400" in told[client, "invalid"]["end"] or "nothing" in told[client, "invalid"]["end"]
        )
        assert told[client, "left"]["end"] == "left"


def test_the_lock_names_no_registry() -> None:
    """No registry's address may be committed."""
    lock = (CLIENTS / "package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in lock
    assert '"resolved"' not in lock
