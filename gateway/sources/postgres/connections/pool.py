"""A small pool of connections for the gateway's own tables: read and write, a call at a time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from gateway.errors import PlaitError, SourceUnavailable
from gateway.sources.postgres.connections.connect import Connection, Connector
from gateway.sources.postgres.faults import connect_fault, fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_FAREWELL = 1.0
"""Seconds that connections get to close politely."""


class Pool:
    """Connections to `dsn`, opened when they are needed, at most `size`.

    `timeout`: seconds for connecting, for a statement, and for waiting for a connection. Values of
    json and jsonb come and go as text.
    """

    def __init__(self, dsn: str, *, name: str, size: int = 4, timeout: float = 10.0) -> None:
        self._connect = Connector(
            dsn,
            application_name=name,
            read_only=False,
            statement_timeout=timeout,
            connect_timeout=timeout,
            command_timeout=timeout,
            cached=50,
            as_bytes=False,
        )
        self._size = size
        self._timeout = timeout
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection for the block; one whose call was cut off is thrown away.

        Raises SourceError for what PostgreSQL or the way to it refuses.
        """
        pool = await self._open()
        try:
            connection = await pool.acquire(timeout=self._timeout)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise connect_fault(error) from error
        try:
            yield connection
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not isinstance(error, asyncpg.PostgresError):
                connection.terminate()
            raise fault(error) from error
        except PlaitError:
            raise
        except BaseException:
            connection.terminate()
            raise
        finally:
            await pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """A connection in a transaction, which commits when the block ends without an error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        """Close all connections within a bound; idempotent."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(_FAREWELL):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    async def _open(self) -> asyncpg.Pool[asyncpg.Record]:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    min_size=0,
                    max_size=self._size,
                    connect=self._connected,
                    connection_class=Connection,
                    reset=_nothing,
                )
        if self._pool is None:
            raise SourceUnavailable("The connections were closed.")
        return self._pool

    async def _connected(self, *_: Any, **__: Any) -> Connection:
        """A new connection; opening one runs to its end though its caller may leave."""
        opening = asyncio.ensure_future(self._connect())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_unwanted)
            raise


def _unwanted(opening: asyncio.Future[Connection]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().terminate()


async def _nothing(_: Any) -> None:
    """No session state is ever set, so none is reset: it would be a round trip."""
