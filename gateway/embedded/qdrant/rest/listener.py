"""The REST port: open from the start, while what serves it is loaded with the first connection.

The models of qdrant_client take two seconds and 50 MB that a process asked by gRPC alone would
spend for nothing. A thread of its own, so that bodies are parsed beside gRPC's event loop.
"""

from __future__ import annotations

import select
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn

    from gateway.embedded.qdrant.rpc import Threads
    from gateway.embedded.qdrant.shards import Shards

_BACKLOG = 256
_MAX_CONNECTIONS = 512
_GRACE_SECONDS = 2


class RestListener:
    """Listens from its making until `close`."""

    def __init__(
        self, host: str, port: int, shards: Shards, threads: Threads, key: str | None
    ) -> None:
        """Open the port. Raises `OSError` when it is taken."""
        self._socket = socket.create_server((host, port), backlog=_BACKLOG)
        self._shards, self._threads, self._key = shards, threads, key
        self._bell, self._ear = socket.socketpair()
        self._stopping = threading.Lock()
        self._server: uvicorn.Server | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._serve, name="rest", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Refuse new connections, let calls under way end for two seconds."""
        with self._stopping:
            self._stopped = True
            if self._server is not None:
                self._server.should_exit = True
        self._bell.close()
        self._thread.join()
        self._ear.close()
        self._socket.close()

    def _serve(self) -> None:
        readable, _, _ = select.select([self._socket, self._ear], [], [])
        if self._ear in readable:
            return
        server = self._load()
        with self._stopping:
            if self._stopped:
                return
            self._server = server
        server.run(sockets=[self._socket])

    def _load(self) -> uvicorn.Server:
        import uvicorn  # noqa: PLC0415 - loaded for those who ask by REST

        from gateway.embedded.qdrant.rest.application import application  # noqa: PLC0415 - likewise

        return uvicorn.Server(
            uvicorn.Config(
                application(self._shards, self._threads, self._key),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=_MAX_CONNECTIONS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
