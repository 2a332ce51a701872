"""The stock client on the embedded engine, and how its refusals are asked about."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager, contextmanager

import grpc
import pytest
from qdrant_client import AsyncQdrantClient

_numbers = itertools.count(1)


@asynccontextmanager
async def stock_client(endpoint):
    """The client over gRPC, exactly as a user would make it."""
    port = int(endpoint.rpartition(":")[2])
    client = AsyncQdrantClient(
        host="127.0.0.1", grpc_port=port, prefer_grpc=True, check_compatibility=False
    )
    try:
        yield client
    finally:
        await client.close()


def fresh_name():
    """A collection name no other test uses."""
    return f"engine_{next(_numbers)}"


@contextmanager
def refused(status, *words):
    """The block must end with this gRPC status and one of `words`."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        yield
    error = raised.value
    assert error.code() is status, error
    assert any(one in error.details() for one in words), error.details()
