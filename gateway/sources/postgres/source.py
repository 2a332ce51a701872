"""A PostgreSQL database as a source: compiles asks to SQL and runs them on dedicated slots."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from gateway.errors import Code, ConfigurationError, SourceError, SourceTimeout, SourceUnavailable
from gateway.schema import asks
from gateway.sources.changes import told_as
from gateway.sources.contract import Health
from gateway.sources.postgres.agreement import disagreements
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.connections.replica import Reads
from gateway.sources.postgres.connections.slots import Slots
from gateway.sources.postgres.faults import GONE
from gateway.sources.postgres.feed.functions import WATCHED
from gateway.sources.postgres.feed.listener import CHANNEL
from gateway.sources.postgres.feed.tending import TendedFeed
from gateway.sources.postgres.named.calls import Call, compile_call
from gateway.sources.postgres.named.checks import Checks
from gateway.sources.postgres.reads.candidates import Estimate, estimated, matching, ranked_by_words
from gateway.sources.postgres.reads.statements import Statements
from gateway.sources.postgres.writes.writer import Writer
from gateway.telemetry.places import place_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.lists.shapes import PageShape, WhereShape
    from gateway.sources.contract import Batch, Budget, MatchingRows, Value
    from gateway.sources.postgres.reads.statements import Statement
    from gateway.sources.postgres.rights import Lack
    from gateway.sources.postgres.writes.session import Session
    from gateway.telemetry.places import Place

_LOG = logging.getLogger(__name__)

_PORTS = {"postgres": 5_432, "postgresql": 5_432}


class PostgresSource:
    """One database; `catalog` is the schema whose entities live in it.

    `concurrency` is the number of slots: connections, each running one statement at a time.
    `writers` bounds the connections that write, `wait` the seconds to wait for one of them.

    `replica`: the address of a standby, for what only reads. `direct`: that of the server itself,
    where `dsn` leads to a pooler. `change_feed`: whether to hear of changed rows; `auto` where
    tables are watched when the source is opened.
    """

    changes: TendedFeed | None

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        dsn: str,
        catalog: Catalog,
        *,
        concurrency: int = 20,
        prepare: bool = True,
        statement_timeout: float = 30.0,
        writers: int = 10,
        wait: float = 30.0,
        replica: str | None = None,
        direct: str | None = None,
        change_feed: Literal["auto", "on", "off"] = "off",
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self.place = _place(dsn, alone=replica is None)
        self._catalog = catalog
        self._statements = Statements(name, catalog)
        connect = Connector(dsn, statement_timeout=statement_timeout, prepare=prepare)
        self._slots = Slots(connect, concurrency, prepare=prepare)
        self._further: list[str] = []
        self._barred: list[Lack] = []
        self._replica: Reads | None = None
        if replica is not None:
            standby = Connector(replica, statement_timeout=statement_timeout, prepare=prepare)
            own = Slots(standby, concurrency, prepare=prepare)
            self._replica = Reads(name, own, self._slots)
        self._reads: Slots | Reads = self._replica or self._slots
        self.changes = None
        if change_feed != "off":
            tables = {told_as(one.table.fullname) for one in catalog.entities.values()}
            address = direct or dsn
            self.changes = TendedFeed(name, address, tables, self._watched, change_feed)
        self._checks = Checks(connect, self._statements)
        self._writer = Writer(
            dsn,
            catalog,
            size=writers,
            statement_timeout=statement_timeout,
            wait=wait,
            prepare=prepare,
        )

    def prepare(
        self,
        ask: asks.Row | asks.Connection | asks.Related | asks.Named,
        shapes: Mapping[int, PageShape],
    ) -> Statement:
        """What is asked, compiled. Pure."""
        if isinstance(ask, asks.Named):
            return compile_call(self._statements, ask, shapes, self._checks)
        return self._statements.of(ask, shapes)

    def prepare_marked(
        self, ask: asks.Row | asks.Connection, shapes: Mapping[int, PageShape]
    ) -> Statement | None:
        """Rows or a page that say which rows of others they show; None: of none. Pure."""
        return self._statements.marked(ask, shapes)

    def prepare_matching(self, entity: EntityInfo, where: WhereShape | None) -> MatchingRows:
        """The keys of the rows that a `where` and the entity's rule let through. Pure."""
        return matching(self.name, self._catalog, entity, where)

    def prepare_ranked_by_words(self, entity: EntityInfo, where: WhereShape | None) -> Statement:
        """The same rows by full text, best first. Pure."""
        return ranked_by_words(self.name, self._catalog, entity, where)

    async def open(self) -> None:
        """Open the first connections. Raises `SourceUnavailable` or `ConfigurationError`."""
        if self._replica is not None:
            await self._replica.open()
        try:
            await self._slots.open()
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.name}: {error.message}") from error
        finally:
            if self.changes is not None:
                await self.changes.open()

    async def verify(self, source: str, budget: Budget) -> list[str]:
        """What the live tables of entities bound to `source` contradict, a line each.

        Rights to read that the role lacks among it. Then what is wrong with the named statements
        bound to it. What writes lack is logged.
        """
        lines, self._further, self._barred = await disagreements(
            self._slots, self._catalog, source, budget.deadline, self._replica
        )
        for line in self._further:
            _LOG.warning("%s", line)
        if not lines:
            lines, barred = await self._checks.all(self._catalog, source, budget.deadline)
            self._barred += barred
        for lack in self._barred:
            _LOG.warning("%s", lack.line, extra={"fields": {"code": Code.FORBIDDEN.value}})
        return lines

    async def close(self) -> None:
        """Close the connections; idempotent, bounded in time."""
        if self.changes is not None:
            await self.changes.close()
        if self._replica is not None:
            await self._replica.close()
        await self._writer.close()
        await self._slots.close()

    async def check(self, budget: Budget) -> Health:
        """One trivial statement; never raises. `figures`: those of the slots."""
        try:
            await self._slots.run_value("select 1", (), budget.deadline)
        except SourceError as error:
            return Health(ready=False, detail=error.message, figures=self._slots.figures())
        return Health(ready=True, detail="answers", figures=self._slots.figures())

    def figures(self) -> Mapping[str, float]:
        """Those of the slots, and with their part before them those of the other parts."""
        parts: dict[str, Any] = {"": self._slots, "writer_": self._writer}
        parts |= {"replica_": self._replica} if self._replica is not None else {}
        parts |= {"changes_": self.changes} if self.changes is not None else {}
        return {
            f"{part}{name}": value
            for part, own in parts.items()
            for name, value in own.figures().items()
        }

    async def parts(self, budget: Budget) -> Mapping[str, Health]:
        """The health of what the source can do without; never raises.

        `replica`, `changes`; at the last start: `labels` where its enums had some that the API
        lacks, `writes` where the role lacked rights to write.
        """
        found: dict[str, Health] = {}
        if self._replica is not None:
            fault = await self._replica.check(budget.deadline)
            detail, figures = fault or "answers", self._replica.figures()
            found["replica"] = Health(fault is None, detail, figures, required=False)
        if self._further:
            found["labels"] = Health(ready=False, detail="; ".join(self._further), required=False)
        if self._barred:
            lacks = "; ".join(f"{one.who} lacks {one.what}" for one in self._barred)
            found["writes"] = Health(ready=False, detail=lacks, required=False)
        heard = await self.changes.check(budget) if self.changes is not None else None
        if heard is not None:
            found["changes"] = heard
        return found

    @property
    def primary(self) -> Primary | None:
        """The same source, read from the primary alone; None where there is no replica."""
        return None if self._replica is None else Primary(self)

    async def execute(self, prepared: Statement, batch: Batch, budget: Budget) -> Sequence[Value]:
        """Run a statement: one value per key in their order, or the one value of a page."""
        return await self._execute(self._reads, prepared, batch, budget)

    async def execute_on_primary(
        self, prepared: Statement, batch: Batch, budget: Budget
    ) -> Sequence[Value]:
        """The same, as fresh as what was written last."""
        return await self._execute(self._slots, prepared, batch, budget)

    async def _execute(
        self, slots: Slots | Reads, prepared: Statement, batch: Batch, budget: Budget
    ) -> Sequence[Value]:
        if isinstance(prepared, Call):
            await self._checks.ensure(prepared.named, budget.deadline)
            value = await slots.run_value(prepared.text, batch.arguments, budget.deadline)
            return (prepared.checked(value),)
        if not prepared.by_key:
            value = await slots.run_value(prepared.text, batch.arguments, budget.deadline)
            return (estimated(value) if isinstance(prepared, Estimate) else value,)
        columns = tuple(zip(*batch.keys, strict=True))
        return await slots.run(prepared.text, (*columns, *batch.arguments), budget.deadline)

    @asynccontextmanager
    async def transaction(self, deadline: float, isolation: str | None) -> AsyncIterator[Session]:
        """A transaction on a connection of the writers'; see `Writer.transaction`."""
        if self._slots.breaker.open:
            raise SourceUnavailable(GONE)
        try:
            async with self._writer.transaction(deadline, isolation) as session:
                yield session
        except SourceTimeout:
            self._slots.breaker.suspect()
            raise

    def describe(self, prepared: Statement) -> Mapping[str, Any]:
        """The SQL text; of a named statement its file, and what reads the rows it wrote."""
        if not isinstance(prepared, Call):
            return {"sql": prepared.text}
        rows = {"rows": prepared.rows.text} if prepared.rows else {}
        return {"file": prepared.named.name, "sql": prepared.text, **rows}

    async def _watched(self, budget: Budget) -> frozenset[str]:
        """The tables whose changes are announced."""
        rows = await self._slots.run_rows(WATCHED, (CHANNEL,), budget.deadline)
        return frozenset(told_as(f"{row['schema']}.{row['name']}") for row in rows)


def _place(dsn: str, *, alone: bool) -> Place:
    """Where a database is; of one with a replica its name alone."""
    told = place_of(dsn, _PORTS, named=True)
    names = told if alone else told.keys() & {"db.namespace"}
    return {"db.system.name": "postgresql", **{name: told[name] for name in names}}


class Primary:
    """A source with a replica, as those see it who must see what was just written.

    It is opened, closed and checked with the whole.
    """

    def __init__(self, whole: PostgresSource) -> None:
        self.name = whole.name
        self.concurrency = whole.concurrency
        self.place = whole.place
        self.execute = whole.execute_on_primary
        self.describe = whole.describe
        self.check = whole.check

    async def open(self) -> None:
        """Nothing: the whole source is opened."""

    async def close(self) -> None:
        """Nothing: the whole source is closed."""
