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
from gateway.schema.writes import MAX_ROWS
from gateway.sources.postgres.connect import Connection, Connector
from gateway.sources.postgres.named.calls import run_call
from gateway.sources.postgres.violations import write_fault
from gateway.sources.postgres.writes import Writes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.writes import NewRow, Write
    from gateway.sources.contract import Key, Value
    from gateway.sources.postgres.named.calls import Call
    from gateway.sources.postgres.statements import Statement
    from gateway.sources.postgres.writes import Compiled

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
_LATE = "The database did not answer in time."
_GONE = "The database cannot be reached."


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
            raise SourceTimeout(_LATE) from None
        except _FAULTS as error:
            if _lost(connection) or isinstance(error, asyncpg.InternalClientError):
                raise SourceUnavailable(_GONE) from error
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
        left = min(_left(deadline), self._statement_timeout)
        return (
            f"{_BEGIN[isolation]}; SET LOCAL statement_timeout = {_millis(left)};"
            f" SET LOCAL idle_in_transaction_session_timeout = {_millis(left + _FAREWELL)}"
        )

    async def _acquire(self, deadline: float) -> Any:
        if self._waiting >= self._queue:
            raise SourceOverloaded("Too many writes wait for the database; try again later.")
        left = _left(deadline)
        self._waiting += 1
        try:
            if self._pool is None:
                self._pool = self._make_pool()
                await self._pool
            return await self._pool.acquire(timeout=min(left, self._wait))
        except TimeoutError:
            if left <= self._wait:
                raise SourceTimeout(_LATE) from None
            raise SourceOverloaded("No connection came free in time; try again later.") from None
        except OSError:
            raise SourceUnavailable(_GONE) from None
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


def _left(deadline: float) -> float:
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        raise SourceTimeout("The request's deadline has passed.")
    return left


class Session:
    """One open transaction."""

    def __init__(self, connection: Any, writes: Writes, deadline: float) -> None:
        self._connection = connection
        self._writes = writes
        self._deadline = deadline
        self.changed: frozenset[str] | None = None
        """The columns to which the last `apply` gave other values; None where it made rows."""

    async def apply(self, write: Write, viewer: tuple[Any, ...]) -> list[Key]:
        """Insert or update; the keys of the rows, in the order given, or the key's order.

        Of an insert that ignores rows that are there only those that it made.

        Raises `SourceRefused`: VERSION_CONFLICT, or FORBIDDEN where a row would leave what the
        entity's rule allows the viewer.
        """
        self.changed = None
        if write.each is not None:
            return await self._update_each(write.each, viewer)
        if write.rows is not None:
            keys = await self._insert(write, write.rows, viewer)
        elif write.key is not None:
            keys = await self._update(self._writes.update(write, viewer))
            if not keys:
                await self._explain_nothing(write, viewer)
        else:
            keys = await self._update_many(write, viewer)
        await self._check_rule(write.entity, keys, viewer)
        return keys

    async def lock(self, write: Write, viewer: tuple[Any, ...]) -> list[Key]:
        """The keys of the rows a write aims at, in their order, locked until the transaction ends.

        Raises `SourceRefused` where they are more than one write may touch.
        """
        keys = await self._keys(self._writes.lock(write, viewer))
        if len(keys) > MAX_ROWS:
            raise SourceRefused(
                f"This would touch more than {MAX_ROWS} rows; narrow `where`.",
                code=Code.BAD_USER_INPUT,
            )
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
            statement.text, *columns, *arguments, timeout=_left(self._deadline)
        )
        return [None if row[0] is None else row[0].encode() for row in found]

    async def _update_many(self, write: Write, viewer: tuple[Any, ...]) -> list[Key]:
        """Locked first, in the keys' order: thus bounded, and two of them wait, but never for ever.

        A new value may be part of the key; then the rows come in the order of the new keys.
        """
        locked = await self.lock(write, viewer)
        if not locked:
            return []
        changed = set(await self._update(self._writes.update(write, viewer, locked)))
        known = [key for key in locked if key in changed]
        return known if len(known) == len(changed) else sorted(changed)

    async def _update_each(self, writes: Sequence[Write], viewer: tuple[Any, ...]) -> list[Key]:
        """In the keys' order, too; the rows come in the order given, without those not there."""
        keys: dict[int, list[Key]] = {}
        changed: set[str] = set()
        for place in sorted(range(len(writes)), key=lambda place: writes[place].key or ()):
            keys[place] = await self.apply(writes[place], viewer)
            changed.update(self.changed or ())
        self.changed = frozenset(changed)
        return [key for place in range(len(writes)) for key in keys[place]]

    async def _update(self, compiled: Compiled) -> list[Key]:
        found = await self._keys(compiled)
        self.changed = frozenset(name for row in found for name in row[-1])
        return [row[:-1] for row in found]

    async def call(self, call: Call, arguments: Sequence[Any]) -> Value:
        """Run a named statement: its result as JSON, or null."""
        return await run_call(self._connection, call, arguments, self._deadline)

    async def _insert(
        self, write: Write, rows: Sequence[NewRow], viewer: tuple[Any, ...]
    ) -> list[Key]:
        """Rows and their children, a statement for each set of columns."""
        keys: dict[int, Key] = {}
        for places, compiled in self._writes.inserts(write, rows, viewer):
            try:
                made = await self._keys(compiled)
            except asyncpg.CardinalityViolationError:
                raise _twice() from None
            if len(made) != len(places) and not write.ignore:
                if write.conflict and write.entity.rule is not None:
                    raise _forbidden(write.entity)
                raise SourceRefused("The database left out some of these rows.")
            keys.update(zip(places, made, strict=False))
        if write.conflict and len(set(keys.values())) < len(rows) and not write.ignore:
            raise _twice()
        for nested in self._writes.children(write.entity, rows, keys):
            child_keys = await self._insert(nested.write, nested.write.rows or (), viewer)
            await self._check_rule(nested.write.entity, child_keys, viewer)
            if nested.links is not None:
                await self._fetch(nested.links(child_keys))
        return [keys[place] for place in range(len(rows)) if place in keys]

    async def _check_rule(
        self, entity: EntityInfo, keys: Sequence[Key], viewer: tuple[Any, ...]
    ) -> None:
        """Refuse rows that the write took out of what the viewer may see."""
        if entity.rule is None or not keys:
            return
        (row,) = await self._fetch(self._writes.outside(entity, keys, viewer))
        if row[0]:
            raise _forbidden(entity)

    async def _explain_nothing(self, write: Write, viewer: tuple[Any, ...]) -> None:
        """Whether an update found no row because another version of it is there."""
        expected = None if write.version is None else write.version[1]
        if expected is not None and await self.lock(write, viewer):
            raise SourceRefused(
                "The row has another version by now; read it again.", code=Code.VERSION_CONFLICT
            )

    async def _keys(self, compiled: Compiled) -> list[Key]:
        return [tuple(row) for row in await self._fetch(compiled)]

    async def _fetch(self, compiled: Compiled) -> list[Any]:
        found: list[Any] = await self._connection.fetch(
            compiled.text, *compiled.arguments, timeout=_left(self._deadline)
        )
        return found


def _twice() -> SourceRefused:
    return SourceRefused(
        "Two of the rows are the same by the key of this upsert; give each once.",
        code=Code.BAD_USER_INPUT,
    )


def _forbidden(entity: EntityInfo) -> SourceRefused:
    return SourceRefused(f"The row rule of {entity.name} does not allow this.", code=Code.FORBIDDEN)
