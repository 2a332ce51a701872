"""A gateway over Qdrant's engine alone, served over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from hashlib import sha256

import httpx
import uvicorn

from gateway.app import create_app
from gateway.embedding.local import LocalEmbedder
from gateway.settings import load
from gateway.sources.qdrant import QdrantSource

ROLES = ("admin", "editor", "guest")


def key_of(role):
    """The API key of somebody with this role."""
    return f"the-key-of-the-{role}-of-these-tests"


def environment(url, **settings):
    """The settings of a gateway over the engine at this address."""
    found = {
        "PLAIT_RESOLVERS": "points_domain",
        "QDRANT_URL": url,
        "QDRANT_GRPC_PORT": url.rpartition(":")[2],
        "QDRANT_TIMEOUT_SECONDS": "60",
        "PLAIT_SERVE_DEADLINE_SECONDS": "60",
        "PLAIT_LIMITS_MAX_BODY_BYTES": str(1 << 28),
    }
    for role in ROLES:
        found[f"PLAIT_API_KEY_{role.upper()}_HASH"] = sha256(key_of(role).encode()).hexdigest()
        found[f"PLAIT_API_KEY_{role.upper()}_SUBJECT"] = role
        found[f"PLAIT_API_KEY_{role.upper()}_ROLES"] = role
    return found | settings


class Site:
    """A served gateway, and a client of it."""

    def __init__(self, client, source):
        self.client = client
        self.source = source

    async def ask(self, query, variables=None, role="admin"):
        """The body of the answer to a POST, as somebody with this role; None for nobody."""
        headers = {} if role is None else {"x-api-key": key_of(role)}
        body = {"query": query, "variables": variables}
        response = await self.client.post("/graphql", json=body, headers=headers)
        return response.json()

    async def data(self, query, variables=None, role="admin"):
        """The data of an answer that must be without errors."""
        answer = await self.ask(query, variables, role)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def refused(self, query, variables=None, role="admin"):
        """The code and the message of the one error of an answer."""
        answer = await self.ask(query, variables, role)
        (error,) = answer["errors"]
        return error["extensions"]["code"], error["message"]


@asynccontextmanager
async def served(url, **settings):
    """A gateway on a free port, and a source of the test's own to the same engine."""
    source = QdrantSource(
        "own",
        url,
        grpc_port=int(url.rpartition(":")[2]),
        timeout_seconds=60,
        embedder=LocalEmbedder(),
    )
    # Before the application, which gives its sources little time for loading their libraries.
    await source.open()
    app = create_app(load(environ=environment(url, **settings)))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        while not server.started:
            assert not running.done()
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=address, timeout=120) as client:
            yield Site(client, source)
    finally:
        await source.close()
        server.should_exit = True
        await running
        listener.close()
