"""A served gateway finds a trend by its new text within seconds, whoever changed it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from hashlib import sha256

import asyncpg
import httpx
import pytest
import uvicorn

from gateway import embedded
from gateway.app import create_app
from gateway.settings import load

KEY = "the-key-of-an-editor-of-these-tests"
SECONDS = 30
FOUND = "query ($text: String!) { searchTrends(text: $text, limit: 1) { id trend { title } } }"
INSERT = """mutation ($topic: ID!, $title: String!, $rank: Int!) {
  insertTrend(input: {topicId: $topic, rank: $rank, title: $title, summary: "", category: SCIENCE,
    state: EMERGING, score: 1, firstSeen: "2026-01-01T00:00:00Z",
    lastUpdated: "2026-01-02T00:00:00Z"}) { id version }
}"""
UPDATE = """mutation ($id: ID!, $title: String!, $version: Int!) {
  updateTrend(id: $id, version: $version, set: {title: $title}) { version }
}"""


@pytest.fixture(scope="module")
def own_engine(tmp_path_factory):
    """Qdrant's engine for the collections of the bundled domain, which others use as well."""
    folder = tmp_path_factory.mktemp("sync")
    with embedded.start(folder, names=("qdrant",), durable=False) as engines:
        yield engines.urls


@asynccontextmanager
async def served(**settings):
    """A client of a gateway on a free port, and its key."""
    found = {
        "PLAIT_JOBS_INSIDE": "true",
        "PLAIT_API_KEY_EDITOR_HASH": sha256(KEY.encode()).hexdigest(),
        "PLAIT_API_KEY_EDITOR_SUBJECT": "editor",
        "PLAIT_API_KEY_EDITOR_ROLES": "editor",
        **settings,
    }
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(load(environ=found))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        while not server.started:
            assert not running.done()
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(
            base_url=address, headers={"x-api-key": KEY}, timeout=SECONDS
        ) as client:
            yield client
    finally:
        server.should_exit = True
        await running
        listener.close()


async def _data(client, query, **variables):
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    body = answer.json()
    assert "errors" not in body, body["errors"]
    return body["data"]


async def _until(client, text, wanted):
    """Ask until the nearest trend is the wanted one, for as long as a person would wait."""
    import time; print('ASK', text, time.time())
    async with asyncio.timeout(SECONDS):
        while True:
            answer = await client.post(
                "/graphql", json={"query": FOUND, "variables": {"text": text}}
            )
            hits = (answer.json().get("data") or {}).get("searchTrends")
            if hits is not None and [hit["id"] for hit in hits] == wanted:
                import time; print('FOUND', text, time.time())
                return hits
            await asyncio.sleep(0.05)


async def test_an_edited_trend_is_found_by_its_new_text(
    fresh_database, template, redis_url, own_engine
):
    """Inserted and edited by mutation, changed by plain SQL, deleted: the search follows."""
    url = await fresh_database(template)
    async with served(
        POSTGRES_URL=url,
        REDIS_URL=redis_url,
        QDRANT_URL=own_engine.qdrant,
        QDRANT_GRPC_PORT=str(own_engine.qdrant_grpc_port),
        PLAIT_SERVE_DEADLINE_SECONDS="30",
    ) as client:
        topic = await _data(
            client, 'mutation { insertTopic(input: {title: "t", category: SCIENCE}) { id } }'
        )
        made = []
        for rank, title in enumerate(("bread from sour dough", "orbits of comets"), 1):
            variables = {"topic": topic["insertTopic"]["id"], "title": title, "rank": rank}
            made.append((await _data(client, INSERT, **variables))["insertTrend"])
        bread, comets = made
        await _until(client, "baking a loaf", [bread["id"]])
        await _until(client, "astronomy", [comets["id"]])

        new = {"title": "violins and cellos of an orchestra", "version": bread["version"]}
        await _data(client, UPDATE, id=bread["id"], **new)
        hits = await _until(client, "classical music", [bread["id"]])
        assert hits[0]["trend"]["title"] == new["title"]

        await _execute(
            url, "UPDATE trends SET title = 'a goal in the last minute' WHERE id = $1", comets
        )
        await _until(client, "football match", [comets["id"]])
        await _execute(url, "DELETE FROM trends WHERE id = $1", comets)
        await _until(client, "football match", [bread["id"]])


async def _execute(url, statement, trend):
    connection = await asyncpg.connect(url, timeout=10)
    await connection.execute(statement, int(trend["id"]))
    await connection.close()
