"""The stock client on the embedded engine, and how its refusals are asked about."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager, contextmanager

import grpc
import pytest
from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import UnexpectedResponse

_numbers = itertools.count(1)
_STATUSES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ALREADY_EXISTS,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    501: grpc.StatusCode.UNIMPLEMENTED,
}


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


@asynccontextmanager
async def rest_client(url):
    """The client over REST."""
    client = AsyncQdrantClient(url=url, timeout=30, check_compatibility=False)
    try:
        yield client
    finally:
        await client.close()


def fresh_name():
    """A collection name no other test uses."""
    return f"engine_{next(_numbers)}"


@contextmanager
def refused(status, *words):
    """The block must end with this gRPC status, or REST's for it, and one of `words`."""
    with pytest.raises((grpc.aio.AioRpcError, UnexpectedResponse)) as raised:
        yield
    error = raised.value
    if isinstance(error, UnexpectedResponse):
        assert _STATUSES[error.status_code] is status, error
        message = error.structured()["status"]["error"]
    else:
        assert error.code() is status, error
        message = error.details()
    assert any(one in message for one in words), message
