"""A PostgreSQL database as a source: compiles asks to SQL and runs them on dedicated slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import SourceError
from gateway.sources.contract import Health
from gateway.sources.postgres.agreement import disagreements
from gateway.sources.postgres.connect import connector
from gateway.sources.postgres.named.calls import Call, compile_call
from gateway.sources.postgres.named.checks import Checks
from gateway.sources.postgres.slots import Slots
from gateway.sources.postgres.statements import Statements
from gateway.sources.postgres.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from gateway.schema import asks
    from gateway.schema.catalog import Catalog
    from gateway.schema.shapes import PageShape
    from gateway.sources.contract import Batch, Budget, Value
    from gateway.sources.postgres.statements import Statement
    from gateway.sources.postgres.writer import Session


class PostgresSource:
    """One database; `catalog` is the schema whose entities live in it.

    `concurrency` is the number of slots: connections, each running one statement at a time.
    `writers` bounds the connections that write, `wait` the seconds to wait for one of them.
    """

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
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self._catalog = catalog
        self._statements = Statements(name, catalog)
        connect = connector(dsn, statement_timeout=statement_timeout, pooled=not prepare)
        self._slots = Slots(connect, concurrency, prepare=prepare)
        self._checks = Checks(connect, self._statements)
        self._writer = Writer(
            dsn,
            catalog,
            size=writers,
            statement_timeout=statement_timeout,
            wait=wait,
            prepare=prepare,
        )

    def prepare_rows(self, row: asks.Row, shapes: Mapping[int, PageShape]) -> Statement:
        """Rows by key, compiled. Pure."""
        return self._statements.by_key(row, shapes)

    def prepare_page(
        self, connection: asks.Connection, shapes: Mapping[int, PageShape]
    ) -> Statement:
        """A connection, compiled. Pure."""
        return self._statements.page(connection, shapes)

    def prepare_named(self, named: asks.Named, shapes: Mapping[int, PageShape]) -> Call:
        """A named statement, compiled. Pure."""
        return compile_call(self._statements, named, shapes, self._checks)

    async def open(self) -> None:
        """Open the first connection. Raises `SourceUnavailable` or `ConfigurationError`."""
        await self._slots.open()

    async def verify(self, source: str, budget: Budget) -> list[str]:
        """What the live tables of entities bound to `source` contradict, a line each.

        Then what is wrong with the named statements bound to it.
        """
        lines = await disagreements(self._slots, self._catalog, source, budget.deadline)
        return lines or await self._checks.all(self._catalog, source, budget.deadline)

    async def close(self) -> None:
        """Close the connections; idempotent, bounded in time."""
        await self._writer.close()
        await self._slots.close()

    async def check(self, budget: Budget) -> Health:
        """One trivial statement; never raises. `figures`: those of the slots."""
        try:
            await self._slots.run_value("select 1", (), budget.deadline)
        except SourceError as error:
            return Health(ready=False, detail=error.message, figures=self._slots.figures())
        return Health(ready=True, detail="answers", figures=self._slots.figures())

    async def execute(self, prepared: Statement, batch: Batch, budget: Budget) -> Sequence[Value]:
        """Run a statement: one value per key in their order, or the one value of a page."""
        if isinstance(prepared, Call):
            await self._checks.ensure(prepared.named, budget.deadline)
            value = await self._slots.run_value(prepared.text, batch.arguments, budget.deadline)
            return (prepared.checked(value),)
        if not prepared.by_key:
            value = await self._slots.run_value(prepared.text, batch.arguments, budget.deadline)
            return (value,)
        columns = tuple(zip(*batch.keys, strict=True))
        return await self._slots.run(prepared.text, (*columns, *batch.arguments), budget.deadline)

    def transaction(
        self, deadline: float, isolation: str | None
    ) -> AbstractAsyncContextManager[Session]:
        """A transaction on a connection of the writers'; see `Writer.transaction`."""
        return self._writer.transaction(deadline, isolation)

    def describe(self, prepared: Statement) -> Mapping[str, Any]:
        """The SQL text; of a named statement its file, and what reads the rows it wrote."""
        if not isinstance(prepared, Call):
            return {"sql": prepared.text}
        rows = {"rows": prepared.rows.text} if prepared.rows else {}
        return {"file": prepared.named.name, "sql": prepared.text, **rows}
