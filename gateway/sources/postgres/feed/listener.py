"""Hears the messages of watched tables on a connection of its own, and notices any loss.

    open → listening → deaf → listening → …        each time it listens anew, subscribers get `Lost`

PostgreSQL delivers the messages of committed transactions in the order of their commits, each
once, for as long as the connection lives. So only a connection that ended, or may have, can lose
any: it is probed, and after a loss subscribers are told to read anew. Nothing is stored for them.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from weakref import WeakSet

import asyncpg

from gateway.errors import ConfigurationError, PlaitError, SourceTimeout, SourceUnavailable
from gateway.sources.changes import Loss, told_as
from gateway.sources.contract import Health
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.faults import connect_fault
from gateway.sources.postgres.feed.events import Numbering, read
from gateway.sources.postgres.feed.functions import WATCHED
from gateway.sources.postgres.feed.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from gateway.sources.contract import Budget
    from gateway.sources.postgres.connections.connect import Connection

_LOG = logging.getLogger(__name__)

CHANNEL = "plait_changes"
"""Where `plait_watch` lets tables announce their changes unless told otherwise."""
_CHANNEL = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
"""Seconds between failed attempts to connect: doubled each time, up to the second."""
_FAREWELL = 1.0
"""Seconds the connection gets to close politely."""

_CLOSED = "The change feed is closed."
_DEAF = "The change feed does not listen."
_LATE = "The change feed's connection did not answer in time."
_INDIRECT = (
    "The change feed needs a direct connection to PostgreSQL: this address is a pooler's, "
    "behind which messages get lost."
)
_STANDBY = "The change feed needs the primary server: a standby does not announce changes."


class ChangeFeed:
    """Committed changes of the watched tables of one database, for any number of subscribers.

    `database`: a DSN of the primary server itself, not of a pooler, or a function that opens a
    connection to it. `channel`: where the tables' triggers send, as given to `plait_watch`.
    `schema`: its tables go by their bare names. `queue`: events that may wait for a subscriber.

    The connection is probed each `probe_interval` and given up when it stays silent for
    `probe_timeout`; connecting may take `connect_timeout`. All are seconds.

    Raises `ConfigurationError` for a channel that `plait_watch` would refuse.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own
        self,
        database: str | Callable[[], Awaitable[Connection]],
        *,
        channel: str = CHANNEL,
        schema: str = "public",
        queue: int = 1_000,
        probe_interval: float = 5.0,
        probe_timeout: float = 2.0,
        connect_timeout: float = 5.0,
    ) -> None:
        if not _CHANNEL.fullmatch(channel):
            raise ConfigurationError(
                "A change feed's channel is lower-case letters, digits and _, at most 63."
            )
        self._connect = (
            Connector(
                database,
                application_name=f"plait {channel}",
                connect_timeout=connect_timeout,
            )
            if isinstance(database, str)
            else database
        )
        self._channel = channel
        self._schema = schema
        self._queue = queue
        self._probe_interval = probe_interval
        self._probe_timeout = probe_timeout
        self._connect_timeout = connect_timeout
        self._subscriptions: WeakSet[Subscription] = WeakSet()
        self._numbering = Numbering()
        self._connection: Connection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stir = asyncio.Event()
        self._asked: list[asyncio.Future[bool]] = []
        self._pause = _FIRST_PAUSE
        self._proved = self._connected = datetime.now(UTC)
        self._fault = _DEAF
        self._closed = False
        self._counts: Counter[str] = Counter()

    @property
    def live(self) -> bool:
        """Whether it listens: while it does not, changes go unheard until the next `Lost`."""
        return self._connection is not None

    async def open(self) -> None:
        """Start to listen. Raises `SourceUnavailable` or `ConfigurationError`; idempotent.

        Those who have subscribed before get a `Lost`, as at every connection.
        """
        if self._keeper is not None:
            return
        self._closed = False
        try:
            connection = await self._listen()
        except PlaitError:
            raise
        except Exception as error:
            raise connect_fault(error) from error
        self._keeper = asyncio.get_running_loop().create_task(self._keep(connection))

    async def close(self) -> None:
        """Stop to listen and end all subscriptions; idempotent, bounded in time."""
        self._closed = True
        keeper, self._keeper = self._keeper, None
        connection, self._connection = self._connection, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait({keeper})
        if connection is not None:
            await _part(connection)
        self._answer(heard=False)
        for subscription in tuple(self._subscriptions):
            subscription.close()

    def subscribe(self, tables: Iterable[str] | None = None) -> Subscription:
        """The events of `tables`, None for all, from this moment on.

        Names are as in `Change.table`. Iterate over what is given, and close it (`with`). Without
        a `Lost` every change that is committed from now on comes exactly once, those of a table
        in the order of their commits; after a `Lost` read everything anew. The first event is a
        `Lost` where the feed does not listen at this moment.

        Raises `SourceUnavailable` once the feed is closed.
        """
        if isinstance(tables, str):
            raise TypeError("subscribe() takes names of tables, not one name")
        if self._closed:
            raise SourceUnavailable(_CLOSED)
        wanted = None if tables is None else frozenset(tables)
        subscription = Subscription(wanted, self._queue, self._subscriptions.discard)
        self._subscriptions.add(subscription)
        return subscription

    async def watched(self, budget: Budget) -> frozenset[str]:
        """The tables whose changes are announced on the channel, read anew.

        Raises `SourceUnavailable`, `SourceTimeout` or `ConfigurationError`.
        """
        try:
            async with asyncio.timeout_at(budget.deadline):
                connection = await self._connect()
                try:
                    rows = await connection.fetch(WATCHED, self._channel)
                finally:
                    connection.terminate()
        except TimeoutError as error:
            raise SourceTimeout(_LATE) from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise connect_fault(error) from error
        return frozenset(told_as(f"{within}.{name}", self._schema) for within, name in rows)

    async def check(self, budget: Budget) -> Health:
        """Whether the connection answers a probe sent now; never raises."""
        if not self.live:
            return Health(ready=False, detail=self._fault, figures=self.figures())
        asked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        self._stir.set()
        heard = False
        with suppress(TimeoutError):
            async with asyncio.timeout_at(budget.deadline):
                heard = await asked
        return Health(ready=heard, detail="listens" if heard else _LATE, figures=self.figures())

    def figures(self) -> Mapping[str, float]:
        """Gauges: live, subscribers, sessions, queued (longest); counters: the rest."""
        return {
            "live": float(self.live),
            "subscribers": len(self._subscriptions),
            "sessions": len(self._numbering),
            "queued": max(map(len, self._subscriptions), default=0),
            "messages": self._counts["messages"],
            **{loss.value: self._counts[loss] for loss in Loss},
        }

    # The connection comes and goes.

    async def _keep(self, connection: Connection) -> None:
        """Attend to a connection until it is lost, then to another, for ever."""
        while True:
            await self._attend(connection)
            self._connection = None
            connection.terminate()
            self._answer(heard=False)
            _LOG.warning("the change feed lost its connection")
            connection = await self._reconnected()
            _LOG.info("the change feed listens again")

    async def _reconnected(self) -> Connection:
        while True:
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            try:
                return await self._listen()
            except PlaitError as error:
                self._fault = error.message
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                self._fault = connect_fault(error).message

    async def _listen(self) -> Connection:
        """A connection that listens; from its first moment on nothing is missed."""
        async with asyncio.timeout(self._connect_timeout):
            connection = await self._connect()
            try:
                await _require_direct(connection)
                self._numbering.clear()
                self._connection = connection
                connection.add_termination_listener(lambda _: self._stir.set())
                await connection.add_listener(self._channel, self._hear)
            except BaseException:
                self._connection = None
                connection.terminate()
                raise
        self._lose(Loss.CONNECTED, self._proved)
        self._proved = self._connected = datetime.now(UTC)
        return connection

    async def _attend(self, connection: Connection) -> None:
        """Probe the connection again and again; returns when it is lost."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._probe_interval):
                    await self._stir.wait()
            self._stir.clear()
            sent = datetime.now(UTC)
            try:
                async with asyncio.timeout(self._probe_timeout):
                    await connection.execute("SELECT 1")
            except Exception:  # noqa: BLE001 - whatever it is, this connection is not to be trusted
                return
            self._proved = sent
            self._pause = _FIRST_PAUSE
            self._answer(heard=True)

    def _answer(self, *, heard: bool) -> None:
        """Tell those who asked for a probe."""
        for asked in self._asked:
            if not asked.done():
                asked.set_result(heard)
        self._asked.clear()

    # Messages.

    def _hear(self, connection: object, session: int, channel: str, payload: object) -> None:
        """One message: to the subscribers of its table. Raises nothing: nobody would hear of it."""
        del channel
        if connection is not self._connection:
            return
        self._counts["messages"] += 1
        try:
            change = read(str(payload), session, self._schema)
        except ValueError:
            self._lose(Loss.UNREADABLE, self._proved)
            return
        if not self._numbering.follows(session, change.number):
            self._lose(Loss.GAP, self._connected)
        for subscription in tuple(self._subscriptions):
            if not subscription.offer(change):
                self._counts[Loss.OVERFLOW] += 1

    def _lose(self, reason: Loss, since: datetime) -> None:
        self._counts[reason] += 1
        for subscription in tuple(self._subscriptions):
            subscription.lose(since, reason)


async def _require_direct(connection: Connection) -> None:
    """Raise `ConfigurationError` where no message would arrive, or not every one."""
    row = await connection.fetchrow("SELECT pg_backend_pid(), pg_is_in_recovery()")
    if row is None or row[0] != connection.get_server_pid():
        raise ConfigurationError(_INDIRECT)
    if row[1]:
        raise ConfigurationError(_STANDBY)


async def _part(connection: Connection) -> None:
    try:
        await connection.close(timeout=_FAREWELL)
    except Exception:  # noqa: BLE001 - it was to be closed anyway
        connection.terminate()
