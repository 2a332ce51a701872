"""Transactions: writes and the reading of what they wrote, on one connection.

Writes have a pool of their own, so that a long one never holds up the slots of the reads.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from gateway.errors import (
    SourceOverloaded,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.postgres.connections.connect import Connection, Connector
from gateway.sources.postgres.faults import GONE, LATE
from gateway.sources.postgres.writes.session import Session, seconds_left
from gateway.sources.postgres.writes.statements import Writes
from gateway.sources.postgres.writes.violations import write_fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from gateway.schema.catalog import Catalog

_STATEMENTS = 100
"""Statements that each connection keeps prepared."""
_FAREWELL = 1.0
"""Seconds a connection gets to be clean again before it is cut off."""

_BEGIN = {
    level: f"BEGIN ISOLATION LEVEL {level.replace('_', ' ').upper()}"
    for level in ("read_committed", "repeatable_read", "serializable")
}
_FAULTS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # The server's farewell was read, but not yet that the connection is gone.
    asyncpg.InternalClientError,
    OSError,  # a TimeoutError among them
)


class Writer:
    """The connections that write. `size` bounds them; they are opened when they are needed.

    At most `queue` transactions wait for one of them, each at most `wait` seconds.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        dsn: str,
        catalog: Catalog,
        *,
        size: int,
        statement_timeout: float,
        wait: float,
        prepare: bool,
        queue: int = 1_000,
    ) -> None:
        self._connect = Connector(
            dsn,
            application_name="plait-writer",
            read_only=False,
            statement_timeout=statement_timeout,
            command_timeout=statement_timeout,
            prepare=prepare,
            cached=_STATEMENTS,
            as_bytes=False,
        )
        self._writes = Writes(catalog)
        self._size = size
        self._statement_timeout = statement_timeout
        self._wait = wait
        self._queue = queue
        self._waiting = 0
        self._ending: set[asyncio.Future[None]] = set()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def close(self) -> None:
        """Close all connections within a bound; idempotent."""
        pool, self._pool = self._pool, None
        if self._ending:
            await asyncio.wait(self._ending, timeout=2 * _FAREWELL)
        if pool is not None:
            try:
                async with asyncio.timeout(2 * _FAREWELL):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    def figures(self) -> Mapping[str, float]:
        """Gauges: the pool's bound, its connections, those idle, transactions that wait."""
        pool = self._pool
        return {
            "size": self._size,
            "live": pool.get_size() if pool else 0,
            "idle": pool.get_idle_size() if pool else 0,
            "waiting": self._waiting,
        }

    @asynccontextmanager
    async def transaction(
        self, deadline: float, isolation: str | None = "read_committed"
    ) -> AsyncIterator[Session]:
        """A transaction that commits when the block ends and rolls back when it raises.

        Without an `isolation` there is none: every statement commits by itself.
        Raises `SourceError`: `SourceTimeout` at the deadline, `SourceOverloaded` where no
        connection came free in time, or what the database's answer means. Where the deadline
        passes during the commit, nobody knows whether it took place.
        """
        connection = await self._acquire(deadline)
        committed = False
        try:
            async with asyncio.timeout_at(deadline):
                if isolation is not None:
                    await connection.execute(self._begin(deadline, isolation) + connection.local)
                yield Session(connection, self._writes, deadline)
                if isolation is not None:
                    await connection.execute("COMMIT")
            committed = True
        except TimeoutError:
            raise SourceTimeout(LATE) from None
        except _FAULTS as error:
            if _lost(connection) or isinstance(error, asyncpg.InternalClientError):
                raise SourceUnavailable(GONE) from error
            raise write_fault(error) from error
        finally:
            ending = asyncio.ensure_future(self._put_back(connection, clean=committed))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            # Whoever waits for the answer waits for this only as long as there is time.
            left = deadline - asyncio.get_running_loop().time()
            await asyncio.wait([ending], timeout=max(0.0, left))

    def _begin(self, deadline: float, isolation: str) -> str:
        """Opens a transaction that the server itself ends, should nobody be there to do so."""
        left = min(seconds_left(deadline), self._statement_timeout)
        return (
            f"{_BEGIN[isolation]}; SET LOCAL statement_timeout = {_millis(left)};"
            f" SET LOCAL idle_in_transaction_session_timeout = {_millis(left + _FAREWELL)}"
        )

    async def _acquire(self, deadline: float) -> Any:
        if self._waiting >= self._queue:
            raise SourceOverloaded("Too many writes wait for the database; try again later.")
        left = seconds_left(deadline)
        self._waiting += 1
        try:
            if self._pool is None:
                self._pool = self._make_pool()
                await self._pool
            return await self._pool.acquire(timeout=min(left, self._wait))
        except TimeoutError:
            if left <= self._wait:
                raise SourceTimeout(LATE) from None
            raise SourceOverloaded("No connection came free in time; try again later.") from None
        except OSError:
            raise SourceUnavailable(GONE) from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise write_fault(error) from error
        finally:
            self._waiting -= 1

    def _make_pool(self) -> asyncpg.Pool[asyncpg.Record]:
        opens: Any = self._open  # its stubs know no function without a DSN
        return asyncpg.create_pool(
            min_size=0,
            max_size=self._size,
            connect=opens,
            connection_class=Connection,
            reset=_reset,
        )

    async def _open(self, *_: Any, **__: Any) -> Connection:
        """A connection for the pool, whose own arguments say nothing new."""
        return await self._connect()

    async def _put_back(self, connection: Any, *, clean: bool) -> None:
        """Give a connection back fit for use, or not at all."""
        pool = self._pool
        if _lost(connection):
            return
        try:
            async with asyncio.timeout(_FAREWELL):
                if not clean:
                    await connection.execute("ROLLBACK")
                if pool is not None:
                    await pool.release(connection, timeout=_FAREWELL)
                    return
        except _FAULTS:
            pass
        if not _lost(connection):
            connection.terminate()


async def _reset(connection: Any) -> None:
    """Undo what statements did to a session; behind a pooler there is no session of ours."""
    if not connection.pooled:
        await connection.execute(connection.get_reset_query())


def _lost(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the pool has taken it back already
        return True


def _millis(seconds: float) -> int:
    return max(1, round(seconds * 1000))
