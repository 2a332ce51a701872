"""Dedicated connections: one operation at a time each, statements prepared once per connection.

A pool's acquire and release cost several times what the statement itself does (118 µs of CPU
against 32); here picking a slot is a `list.pop`. What a slot goes through:

    opening → idle ⇄ busy → mending → idle      a cancelled statement was acknowledged
                 ↘      ↘          ↘
                   gone    gone       gone      the connection is closed; another is opened

Only what was never sent is tried again: a connection found closed is replaced before use, and one
that is lost in mid-statement fails that statement with `SourceUnavailable`. Reads could be
repeated, but a statement that crashes its server would then crash it twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg

from gateway.errors import SourceError, SourceTimeout, SourceUnavailable
from gateway.sources.breaker import ProbedBreaker
from gateway.sources.postgres.faults import GONE, LATE, connect_fault, fault, fault_on

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from gateway.sources.postgres.connections.connect import Connection, Connector

_CLOSED = "The gateway is shutting down."

_MENDING, _FAREWELL = 1.0, 1.0
"""Seconds to acknowledge that a statement was cancelled, and to close a connection politely."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
"""Seconds between failed attempts to connect: doubled each time, up to the second."""
_SEEN_PER_STATEMENT = 4
"""Texts remembered as seen, for each statement a slot may keep prepared."""

_OUTDATED = (
    asyncpg.InvalidCachedStatementError,  # a table has changed since it was prepared
    asyncpg.OutdatedSchemaCacheError,
    asyncpg.InvalidSQLStatementNameError,  # the server has forgotten it
)

_ANSWERED = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""Failures after which the connection is as good as before, if it is still open."""


class _Slot:
    """A connection and what is prepared on it, least recently used first."""

    __slots__ = ("connection", "statements")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.statements: OrderedDict[str, Any] = OrderedDict()


class Slots:
    """Up to `size` connections, opened as they are needed, that run one statement at a time each.

    `connect` opens one. `prepare`: keep repeated statements prepared where a connection allows it,
    at most `statements_per_slot` on each; off, nothing named is left on the server. Deadlines are
    absolute, in the event loop's clock.

    All `run` verbs raise `SourceError`: `SourceTimeout` at the deadline (the statement is
    cancelled on the server), `SourceUnavailable`, or what the server's answer means. `breaker`:
    open while the server is silent to whoever would log in, too.
    """

    def __init__(
        self,
        connect: Connector,
        size: int,
        *,
        prepare: bool = True,
        statements_per_slot: int = 256,
    ) -> None:
        self._connect = connect
        self.breaker = ProbedBreaker(connect.knock)
        self._size = size
        self._prepare = prepare
        self._statements_per_slot = statements_per_slot
        self._live: set[_Slot] = set()
        self._idle: list[_Slot] = []
        self._opening = self._mending = self._names = 0
        self._waiters: dict[asyncio.Future[_Slot | SourceError], None] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause = self._retry_at = 0.0
        self._fault: SourceError = SourceUnavailable(GONE)
        self._closed = False
        self._emptied: asyncio.Event | None = None
        self._counts = {"opened": 0, "lost": 0, "timeouts": 0, "prepared": 0}

    async def open(self) -> None:
        """Open the first connection. Raises `SourceUnavailable` or `ConfigurationError`."""
        if self._live:
            return
        self._closed = False
        try:
            connection = await self._connect()
        except Exception as error:
            raise connect_fault(error) from error
        self._join(connection)

    async def run(self, text: str, arguments: Sequence[Any], deadline: float) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in await self._run("fetch", text, arguments, deadline)]

    async def run_value(self, text: str, arguments: Sequence[Any], deadline: float) -> Any:
        """The first column of the first row, None where there is no row."""
        return await self._run("fetchval", text, arguments, deadline)

    async def run_rows(
        self, text: str, arguments: Sequence[Any], deadline: float
    ) -> list[asyncpg.Record]:
        """All rows."""
        rows: list[asyncpg.Record] = await self._run("fetch", text, arguments, deadline)
        return rows

    async def close(self, grace: float = 5.0) -> None:
        """Close what is idle, give what is busy `grace` seconds, cut off the rest; idempotent."""
        self._closed = True
        await self.breaker.close()
        self._fail_waiters(SourceUnavailable(_CLOSED))
        for task in self._tasks:
            task.cancel()
        while self._idle:
            self._give(self._idle.pop())
        if self._live:
            self._emptied = asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), grace)
        for slot in self._live:
            slot.connection.terminate()
        self._live.clear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)

    def figures(self) -> Mapping[str, float]:
        """Gauges: size, live, idle, opening, mending, waiting; counters: the rest."""
        return {
            "size": self._size,
            "live": len(self._live),
            "idle": len(self._idle),
            "opening": self._opening,
            "mending": self._mending,
            "waiting": len(self._waiters),
            "breaker_open": float(self.breaker.open),
            **self._counts,
        }

    # One statement.

    async def _run(self, verb: str, text: str, arguments: Sequence[Any], deadline: float) -> Any:
        loop = asyncio.get_running_loop()
        if self.breaker.open:
            raise SourceUnavailable(GONE)
        if deadline <= loop.time():
            raise SourceTimeout(LATE)
        slot = self._at_hand() or await self._awaited(deadline)
        try:
            if slot.connection.local:
                result = await self._run_local(slot, verb, text, arguments, deadline)
            elif (statement := slot.statements.get(text)) is None:
                result = await self._run_fresh(slot, verb, text, arguments, deadline)
            else:
                slot.statements.move_to_end(text)
                try:
                    ask = getattr(statement, verb)
                    result = await ask(*arguments, timeout=deadline - loop.time())
                except _OUTDATED:
                    slot.statements.clear()
                    ask = getattr(slot.connection, verb)
                    result = await ask(text, *arguments, timeout=deadline - loop.time())
        except Exception as error:
            found = fault_on(error, slot.connection)
            self._settle(slot, error, found)
            raise found from error
        except BaseException:
            self._mend(slot)
            raise
        self._give(slot)
        return result

    async def _run_fresh(
        self, slot: _Slot, verb: str, text: str, arguments: Sequence[Any], deadline: float
    ) -> Any:
        """Run a text that this slot has not prepared: what is repeated is prepared first."""
        loop = asyncio.get_running_loop()
        if not (self._prepare and slot.connection.prepares and self._is_repeated(text)):
            ask = getattr(slot.connection, verb)
            return await ask(text, *arguments, timeout=deadline - loop.time())
        self._names += 1
        statement = await slot.connection.prepare(
            text, name=f"plait_{self._names}", timeout=deadline - loop.time()
        )
        self._counts["prepared"] += 1
        slot.statements[text] = statement
        if len(slot.statements) > self._statements_per_slot:
            slot.statements.popitem(last=False)
        return await getattr(statement, verb)(*arguments, timeout=deadline - loop.time())

    async def _run_local(
        self, slot: _Slot, verb: str, text: str, arguments: Sequence[Any], deadline: float
    ) -> Any:
        """Run a text in a transaction of its own, which pins what the session does not."""
        connection, loop = slot.connection, asyncio.get_running_loop()
        begin = f"BEGIN READ ONLY{connection.local}"
        await connection.execute(begin, timeout=deadline - loop.time())
        result = await getattr(connection, verb)(text, *arguments, timeout=deadline - loop.time())
        await connection.execute("COMMIT", timeout=deadline - loop.time())
        return result

    def _is_repeated(self, text: str) -> bool:
        """Whether `text` was run before, on any slot; remembers it."""
        if text in self._seen:
            self._seen.move_to_end(text)
            return True
        self._seen[text] = None
        if len(self._seen) > self._statements_per_slot * _SEEN_PER_STATEMENT:
            self._seen.popitem(last=False)
        return False

    def _settle(self, slot: _Slot, error: Exception, found: SourceError) -> None:
        """Decide what becomes of a slot whose statement failed."""
        if isinstance(found, SourceTimeout):
            self._counts["timeouts"] += 1
            self.breaker.suspect()
        answered = isinstance(error, _ANSWERED) and not slot.connection.local
        if answered and not isinstance(found, SourceTimeout | SourceUnavailable):
            self._give(slot)
        else:
            self._mend(slot)

    # Slots come and go.

    def _at_hand(self) -> _Slot | None:
        """An idle slot with a living connection; the one used last, for it is warm."""
        while self._idle:
            slot = self._idle.pop()
            if not slot.connection.is_closed():
                return slot
            self._lose(slot)
        return None

    async def _awaited(self, deadline: float) -> _Slot:
        """The next slot that comes free or is opened."""
        if self._closed:
            raise SourceUnavailable(_CLOSED)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[_Slot | SourceError] = loop.create_future()
        self._waiters[waiter] = None
        timer = loop.call_at(deadline, _answer, waiter, SourceTimeout(LATE))
        self._replenish()
        try:
            given = await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and isinstance(slot := waiter.result(), _Slot):
                self._give(slot)
            raise
        finally:
            timer.cancel()
            self._waiters.pop(waiter, None)
        if isinstance(given, SourceError):
            if isinstance(given, SourceTimeout):
                self.breaker.suspect()
            raise type(given)(given.message, code=given.code, extensions=given.details)
        if given.connection.is_closed():
            self._lose(given)
            return await self._awaited(deadline)
        return given

    def _give(self, slot: _Slot) -> None:
        """A slot is free: for the one who waits longest, or idle."""
        if self._closed:
            self._spawn(self._part(slot))
            return
        while self._waiters:
            waiter = next(iter(self._waiters))
            del self._waiters[waiter]
            if not waiter.done():
                waiter.set_result(slot)
                return
        self._idle.append(slot)

    def _join(self, connection: Connection) -> None:
        self._counts["opened"] += 1
        self._pause = self._retry_at = 0.0
        slot = _Slot(connection)
        self._live.add(slot)
        self._give(slot)

    def _lose(self, slot: _Slot) -> None:
        """A connection is dead: forget it, and open another where one is waited for."""
        self._counts["lost"] += 1
        self._forget(slot)
        self._replenish()

    def _forget(self, slot: _Slot) -> None:
        self._live.discard(slot)
        if self._emptied is not None and not self._live:
            self._emptied.set()

    def _replenish(self) -> None:
        """Open connections for those who wait, as many as may be; fail them where none can be."""
        wanted = min(len(self._waiters), self._size - len(self._live)) - self._opening
        if wanted <= 0 or self._closed:
            return
        if asyncio.get_running_loop().time() >= self._retry_at:
            for _ in range(wanted):
                self._opening += 1
                self._spawn(self._open_one())
        elif not self._live and not self._opening:
            self._fail_waiters(self._fault)

    async def _open_one(self) -> None:
        try:
            connection = await self._connect()
        except Exception as error:  # noqa: BLE001  # it becomes the waiters' error
            self._opening -= 1
            self._rest(fault(error))
        except BaseException:
            self._opening -= 1
            raise
        else:
            self._opening -= 1
            self._join(connection)

    def _rest(self, found: SourceError) -> None:
        """Connecting failed: pause before the next attempt, and let nobody wait for nothing."""
        now = asyncio.get_running_loop().time()
        if now >= self._retry_at:
            self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._retry_at = now + self._pause
        self._fault = found
        if not self._live and not self._opening:
            self._fail_waiters(found)

    def _fail_waiters(self, found: SourceError) -> None:
        for waiter in self._waiters:
            _answer(waiter, found)
        self._waiters.clear()

    def _mend(self, slot: _Slot) -> None:
        if slot.connection.is_closed():
            self._lose(slot)
        else:
            self._mending += 1
            self._spawn(self._probe(slot))

    async def _probe(self, slot: _Slot) -> None:
        """Wait until the server has let go of a cancelled statement, or give up the connection.

        The second probe is for a cancellation that came late and hit the first.
        """
        connection = slot.connection
        probe = "ROLLBACK" if connection.local else "SELECT 1"
        try:
            async with asyncio.timeout(_MENDING):
                try:
                    await connection.execute(probe, timeout=_MENDING)
                except asyncpg.QueryCanceledError:
                    await connection.execute(probe, timeout=_MENDING)
        except Exception:  # noqa: BLE001  # whatever it is, this connection is not to be trusted
            connection.terminate()
        except BaseException:
            connection.terminate()
            raise
        finally:
            self._mending -= 1
            if connection.is_closed():
                self._lose(slot)
            else:
                self._give(slot)

    async def _part(self, slot: _Slot) -> None:
        try:
            await slot.connection.close(timeout=_FAREWELL)
        except Exception:  # noqa: BLE001  # it was to be closed anyway
            slot.connection.terminate()
        finally:
            self._forget(slot)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _answer(waiter: asyncio.Future[_Slot | SourceError], answer: SourceError) -> None:
    if not waiter.done():
        waiter.set_result(answer)
