"""Transactions: writes and the reading of what they wrote, on one connection.

Writes have a pool of their own, so that a long one never holds up the slots of the reads.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from gateway.errors import (
    Code,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.postgres.connect import speak_bytes
from gateway.sources.postgres.violations import write_fault
from gateway.sources.postgres.writes import Writes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from gateway.schema.catalog import Catalog
    from gateway.schema.writes import NewRow, Write
    from gateway.sources.contract import Key, Value
    from gateway.sources.postgres.statements import Statement
    from gateway.sources.postgres.writes import Compiled

_FAREWELL = 1.0
"""Seconds a connection gets to be clean again before it is cut off."""

MAX_TOUCHED = 10_000
"""Rows that one update or delete may touch."""


class Writer:
    """The connections that write. `size` bounds them; they are opened when they are needed."""

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        dsn: str,
        catalog: Catalog,
        *,
        size: int,
        statement_timeout: float,
        wait: float,
        prepare: bool,
    ) -> None:
        self._dsn = dsn
        self._writes = Writes(catalog)
        self._size = size
        self._statement_timeout = statement_timeout
        self._wait = wait
        self._prepare = prepare
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def close(self) -> None:
        """Close all connections within a bound; idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(2 * _FAREWELL):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    def figures(self) -> Mapping[str, float]:
        """Gauges: the pool's bound, its connections, those idle."""
        if self._pool is None:
            return {"size": self._size, "live": 0, "idle": 0}
        return {
            "size": self._size,
            "live": self._pool.get_size(),
            "idle": self._pool.get_idle_size(),
        }

    @asynccontextmanager
    async def transaction(
        self, deadline: float, isolation: str = "read_committed"
    ) -> AsyncIterator[Session]:
        """A transaction that commits when the block ends and rolls back when it raises.

        Raises `SourceError`: `SourceTimeout` at the deadline, `SourceOverloaded` where no
        connection came free in time, or what the database's answer means.
        """
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._acquire(deadline)
                try:
                    async with connection.transaction(isolation=isolation):
                        yield Session(connection, self._writes, deadline)
                finally:
                    await self._release(connection)
        except TimeoutError:
            raise SourceTimeout("The database did not answer in time.") from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise write_fault(error) from error

    async def _acquire(self, deadline: float) -> Any:
        if self._pool is None:
            self._pool = asyncpg.create_pool(
                self._dsn,
                min_size=0,
                max_size=self._size,
                init=speak_bytes,
                statement_cache_size=100 if self._prepare else 0,
                command_timeout=self._statement_timeout,
                server_settings=_SETTINGS if self._prepare else None,
            )
            await self._pool
        left = deadline - asyncio.get_running_loop().time()
        try:
            return await self._pool.acquire(timeout=min(left, self._wait))
        except TimeoutError:
            raise SourceOverloaded("No connection came free in time; try again later.") from None
        except OSError:
            raise SourceUnavailable("The database cannot be reached.") from None

    async def _release(self, connection: Any) -> None:
        pool = self._pool
        if pool is None:
            connection.terminate()
            return
        try:
            await asyncio.shield(pool.release(connection, timeout=_FAREWELL))
        except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection.terminate()


_SETTINGS = {
    "application_name": "plait-writer",
    "timezone": "UTC",
    "intervalstyle": "iso_8601",
    "jit": "off",
}


class Session:
    """One open transaction."""

    def __init__(self, connection: Any, writes: Writes, deadline: float) -> None:
        self._connection = connection
        self._writes = writes
        self._deadline = deadline

    async def apply(self, write: Write, viewer: tuple[Any, ...]) -> list[Key]:
        """Insert or update; the keys of the rows, in the order given, or the key's order.

        Raises `SourceRefused`: VERSION_CONFLICT, or FORBIDDEN where a row would leave what the
        entity's rule allows the viewer.
        """
        if write.rows:
            keys = await self._insert(write, write.rows, viewer)
        else:
            keys = await self._keys(self._writes.update(write, viewer))
            if not keys and write.version is not None:
                await self._explain_nothing(write, viewer)
        _bounded(keys)
        await self._check_rule(write, keys, viewer)
        return keys

    async def lock(self, write: Write, viewer: tuple[Any, ...]) -> list[Key]:
        """The keys of the rows a delete will take, locked until the transaction ends."""
        keys = await self._keys(self._writes.lock(write, viewer))
        _bounded(keys)
        return keys

    async def delete(self, write: Write, keys: Sequence[Key]) -> None:
        """Delete rows by key."""
        if keys:
            await self._fetch(self._writes.delete(write.entity, keys))

    async def rows(
        self, statement: Statement, keys: Sequence[Key], arguments: Sequence[Any]
    ) -> list[Value]:
        """Rows by key as this transaction sees them, in the keys' order."""
        if not keys:
            return []
        columns = tuple(zip(*keys, strict=True))
        found = await self._connection.fetch(
            statement.text, *columns, *arguments, timeout=self._left()
        )
        return [row[0] for row in found]

    async def _insert(
        self, write: Write, rows: Sequence[NewRow], viewer: tuple[Any, ...]
    ) -> list[Key]:
        """Rows and their children, a statement for each set of columns."""
        keys: dict[int, Key] = {}
        for places, compiled in self._writes.inserts(write.entity, rows, write.conflict):
            made = await self._keys(compiled)
            if len(made) != len(places):
                raise SourceRefused(
                    "Two of the rows are the same by the key of this upsert; give each once.",
                    code=Code.BAD_USER_INPUT,
                )
            keys.update(zip(places, made, strict=True))
        for nested in self._writes.children(write.entity, rows, keys):
            child_keys = await self._insert(nested.write, nested.write.rows, viewer)
            await self._check_rule(nested.write, child_keys, viewer)
            if nested.links is not None:
                await self._fetch(nested.links(child_keys))
        return [keys[place] for place in range(len(rows))]

    async def _check_rule(self, write: Write, keys: Sequence[Key], viewer: tuple[Any, ...]) -> None:
        if write.entity.rule is None or not keys:
            return
        (row,) = await self._fetch(self._writes.outside(write.entity, keys, viewer))
        if row[0]:
            raise SourceRefused(
                f"The row rule of {write.entity.name} does not allow this.", code=Code.FORBIDDEN
            )

    async def _explain_nothing(self, write: Write, viewer: tuple[Any, ...]) -> None:
        """Whether an update found no row because another version of it is there."""
        if await self._keys(self._writes.lock(write, viewer)):
            raise SourceRefused(
                "The row has another version by now; read it again.", code=Code.VERSION_CONFLICT
            )

    async def _keys(self, compiled: Compiled) -> list[Key]:
        return [
            tuple([part.decode() if type(part) is bytes else part for part in row])
            for row in await self._fetch(compiled)
        ]

    async def _fetch(self, compiled: Compiled) -> list[Any]:
        found: list[Any] = await self._connection.fetch(
            compiled.text, *compiled.arguments, timeout=self._left()
        )
        return found

    def _left(self) -> float:
        left = self._deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise SourceTimeout("The request's deadline has passed.")
        return left


def _bounded(keys: Sequence[Key]) -> None:
    if len(keys) > MAX_TOUCHED:
        raise SourceRefused(
            f"This would touch {len(keys)} rows; at most {MAX_TOUCHED} are allowed at once.",
            code=Code.BAD_USER_INPUT,
        )
