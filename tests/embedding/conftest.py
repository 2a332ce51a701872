"""The embeddings service of these tests, and embedders of it."""

from __future__ import annotations

import asyncio
import socket

import pytest
from openai_service import DIMENSIONS, KEY, MODEL, serving

from gateway.configuration import Secret
from gateway.embedding.http import HttpEmbedder
from gateway.embedding.retrying import Retrying
from gateway.settings import Embedding


class Naps:
    """Stands for sleeping: remembers how long, and takes no time."""

    def __init__(self):
        self.taken = []

    async def __call__(self, seconds):
        self.taken.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def service():
    async with serving() as running:
        yield running


@pytest.fixture
def naps():
    return Naps()


@pytest.fixture
async def connect(service, naps):
    """Makes embedders of the service; they pause by `naps`, with the largest jitter."""
    made = []

    def make(**options):
        options = {
            "base_url": service.url,
            "model": MODEL,
            "dimensions": DIMENSIONS,
            "api_key": KEY,
            **options,
        }
        secrets = {name: Secret(options.pop(name)) for name in ("base_url", "api_key")}
        settings = Embedding(kind="http", **options, **secrets)
        retrying = Retrying(settings.attempts, sleep=naps, jitter=lambda: 1.0)
        made.append(HttpEmbedder(settings, retrying))
        return made[-1]

    yield make
    for embedder in made:
        await embedder.aclose()


@pytest.fixture
def unused_port():
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
