"""Relay's compiler and runtime (npm) over the schema and the whole gateway, without React."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from npm import install, run
from operations.stage import ADMIN, CREDENTIALS, PATIENT, Addresses, fill
from subscriptions.speaking import served

from gateway.app import create_app
from gateway.settings import load

if TYPE_CHECKING:
    from conftest import FreshDatabase

RELAY = Path(__file__).parent / "relay"
SCHEMA = Path(__file__).parents[2] / "schema.graphql"
TRENDS = "{ trends(orderBy: {id: ASC}) { nodes { id title topic { title } } } }"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program beside the artifacts that the compiler makes of it and of the committed schema."""
    folder = install(RELAY, tmp_path_factory.mktemp("relay"))
    shutil.copy(SCHEMA, folder)
    for made in ("src", "__generated__"):
        (folder / made).mkdir()
    shutil.move(folder / "trends.js", folder / "src")
    done = run(["node", "node_modules/relay-compiler/cli.js"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


async def test_relay_pages_refetches_and_changes(
    compiled: Path, fresh_database: FreshDatabase, qdrant_endpoint: str, redis_url: str
) -> None:
    """A connection grows page by page; `node(nodeId:)` and mutations change what the store holds."""
    redis = f"{redis_url.rpartition('/')[0]}/10"
    addresses = Addresses(await fresh_database(), qdrant_endpoint, redis)
    await fill(addresses)
    app = create_app(load(environ={**PATIENT, **ADMIN, **addresses.environment()}))
    async with served(app) as server:
        async with server.session.post(server.url, json={"query": TRENDS}) as response:
            whole = (await response.json())["data"]["trends"]["nodes"]
        command = ["node", "src/trends.js", server.url, json.dumps(CREDENTIALS)]
        finished = await asyncio.to_thread(run, command, compiled)
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    shown = [{name: one[name] for name in ("id", "title", "topic")} for one in told["paged"]]
    assert shown == whole
    pages = range(2, len(whole) + 2, 2)
    assert told["pages"] == [min(page, len(whole)) for page in pages]
    assert told["renamed"] == "Renamed"
    assert told["identifierField"] == "nodeId"
    assert told["refetched"] == "Elsewhere"
    more = ["trendsPageQuery"] * (len(told["pages"]) - 1)
    assert told["asked"] == ["trendsQuery", *more, "trendsRenameMutation", "trendsOneQuery"]


def test_the_lock_names_no_registry() -> None:
    """No registry's address may be committed."""
    lock = (RELAY / "package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in lock
    assert '"resolved"' not in lock
