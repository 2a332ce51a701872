"""The life of the process: take the directory, serve whom it lets in until told to stop, close."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from contextlib import closing
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

import grpc
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.administration import COLLECTION_CALLS, HEALTH_CALLS
from gateway.embedded.qdrant.groups import GROUP_CALLS
from gateway.embedded.qdrant.queries import QUERY_CALLS
from gateway.embedded.qdrant.reads import READ_CALLS
from gateway.embedded.qdrant.rpc import Threads, servicer
from gateway.embedded.qdrant.shards import Shards
from gateway.embedded.qdrant.writes import WRITE_CALLS
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.embedded.qdrant.rpc import Call

KEY_VARIABLE = "QDRANT__SERVICE__API_KEY"
"""The environment variable that a real Qdrant server reads its API key from."""
_REFUSAL = "Must provide an API key"
_HOST = "127.0.0.1"
_GRACE_SECONDS = 2.0
_MAX_CALLS = 1_024
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second process on the port must fail, not share it silently
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", -1),
)
_CHANGES = (
    *WRITE_CALLS.values(),
    *(COLLECTION_CALLS[name] for name in ("Create", "Delete")),
)


def run(directory: Path, port: int) -> int:
    """Serve the collections in `directory` on 127.0.0.1:`port`; returns the exit status.

    Prints `ready` on standard output once it serves; 0 when stopped by SIGTERM or SIGINT, 1 with
    one line on standard error when the directory or the port cannot be had.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        shards = Shards(directory)
    except ConfigurationError as error:
        return _refuse(error.message)
    try:
        return asyncio.run(_serve(shards, port))
    finally:
        shards.close()


async def _serve(shards: Shards, port: int) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with closing(Threads(_CHANGES)) as threads:
        server = _server(shards, threads, os.environ.get(KEY_VARIABLE))
        try:
            server.add_insecure_port(f"{_HOST}:{port}")
        except RuntimeError:
            return _refuse(f"port {port} of {_HOST} cannot be opened; choose a free one")
        await server.start()
        gc.freeze()  # what is here stays: no collection need look at it again
        gc.set_threshold(10_000, 20, 50)
        print("ready", flush=True)  # noqa: T201 - the sign its starter waits for
        await stop.wait()
        await server.stop(_GRACE_SECONDS)
    return 0


def _server(shards: Shards, threads: Threads, key: str | None) -> grpc.aio.Server:
    server = grpc.aio.server(
        interceptors=[_KeyRequired(key)] if key else None,
        options=_OPTIONS,
        maximum_concurrent_rpcs=_MAX_CALLS,
    )
    services: tuple[tuple[Any, type, dict[str, Call]], ...] = (
        (
            pb.add_PointsServicer_to_server,
            pb.PointsServicer,
            READ_CALLS | WRITE_CALLS | QUERY_CALLS | GROUP_CALLS,
        ),
        (pb.add_CollectionsServicer_to_server, pb.CollectionsServicer, COLLECTION_CALLS),
        (pb.add_QdrantServicer_to_server, pb.QdrantServicer, HEALTH_CALLS),
        (pb.add_SnapshotsServicer_to_server, pb.SnapshotsServicer, {}),
    )
    for add, base, calls in services:
        add(servicer(base, calls, shards, threads), server)
    return server


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201 - the last word of a process that cannot start
    return 1


class _KeyRequired(grpc.aio.ServerInterceptor):
    """Answers UNAUTHENTICATED to calls without the right `api-key`."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._refusal: Any = grpc.unary_unary_rpc_method_handler(_unauthenticated)

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Let a call through to its procedure, or to the refusal."""
        given = str(dict(handler_call_details.invocation_metadata or ()).get("api-key", ""))
        if compare_digest(given.encode(), self._key.encode()):
            return await continuation(handler_call_details)
        return self._refusal


async def _unauthenticated(_request: Any, context: Any) -> Any:
    return await context.abort(grpc.StatusCode.UNAUTHENTICATED, _REFUSAL)
