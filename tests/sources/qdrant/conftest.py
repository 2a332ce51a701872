"""A Qdrant engine of these tests' own, with an API key, to be killed and frozen; and sources."""

from __future__ import annotations

import asyncio
import itertools
import os

import pytest

from gateway.embedded import start
from gateway.sources.contract import Batch, Budget
from gateway.sources.qdrant import QdrantSource

KEY = "the-key-of-the-tests"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def own_qdrant(tmp_path_factory):
    """An engine that asks for `KEY`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "QDRANT__SERVICE__API_KEY", KEY)
        folder = tmp_path_factory.mktemp("qdrant")
        with start(folder, names=("qdrant",), durable=False) as engines:
            yield engines


@pytest.fixture(scope="module")
def connect(own_qdrant):
    """Makes sources of the engine, not open yet."""

    def make(api_key=KEY, **settings):
        urls = own_qdrant.urls
        return QdrantSource(
            "vectors", urls.qdrant, grpc_port=urls.qdrant_grpc_port, api_key=api_key, **settings
        )

    return make


@pytest.fixture
async def source(connect):
    subject = connect()
    await subject.open()
    yield subject
    await subject.close()


@pytest.fixture
def collection_name():
    """A name no other test uses."""
    return f"collection_{next(_numbers)}"


@pytest.fixture
def ask():
    """`await ask(source, prepared, *keys, arguments=(…,), seconds=10)`: execute once."""

    async def execute(source, prepared, *keys, arguments=(), seconds=10.0):
        deadline = asyncio.get_running_loop().time() + seconds
        return await source.execute(prepared, Batch(keys, arguments), Budget(deadline))

    return execute
