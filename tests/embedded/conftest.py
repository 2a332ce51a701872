"""Fixtures of the embedded engines' tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("embedded.life", "embedded.qdrant_calls")

from embedded.qdrant_calls import rest_client, stock_client  # noqa: E402 - after its registration


@pytest.fixture
def folder(tmp_path):
    """A data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture(scope="module", params=["grpc", "rest"])
def qdrant_wire(request, qdrant_endpoint, qdrant_rest_url):
    """`async with qdrant_wire() as client`: the stock client, over each of the two protocols."""
    over = {"grpc": (stock_client, qdrant_endpoint), "rest": (rest_client, qdrant_rest_url)}
    make, address = over[request.param]
    return lambda: make(address)


@pytest.fixture
async def client(qdrant_wire):
    """The stock client, over each of the two protocols."""
    async with qdrant_wire() as stock:
        yield stock


@pytest.fixture
async def grpc_client(qdrant_endpoint):
    """The stock client over gRPC, which can say what JSON cannot."""
    async with stock_client(qdrant_endpoint) as stock:
        yield stock
