"""Whether the live database takes the named statements, and gives what their headers promise.

Every statement is prepared, never run. That is done at start-up; where the database is down then,
at a statement's first use.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import asyncpg

from gateway.errors import Code, SourceRefused
from gateway.schema.named.binding import NamedSql
from gateway.schema.named.statement import DECLARED
from gateway.sources.postgres.faults import fault
from gateway.sources.postgres.named.calls import whole_call
from gateway.sources.postgres.rights import Lack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from gateway.schema.catalog import Catalog, ColumnInfo
    from gateway.schema.named.statement import NamedStatement
    from gateway.sources.postgres.connections.connect import Connection
    from gateway.sources.postgres.named.calls import Call
    from gateway.sources.postgres.reads.statements import Statements

_LOG = logging.getLogger(__name__)

_AGAIN = 5.0
"""Seconds after which a statement that did not fit is checked anew."""
_SAME = {
    "varchar": "text",
    "bpchar": "text",
    "name": "text",
    "int2": "int4",
    "float4": "float8",
}
"""Types of results that are as good as the declared one."""


class Checks:
    """What is known about the named statements of one database. `connect` opens a connection."""

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], statements: Statements
    ) -> None:
        self._connect = connect
        self._statements = statements
        self._sound: set[NamedStatement] = set()
        self._unsound: dict[NamedStatement, float] = {}
        self._one = asyncio.Lock()

    async def all(
        self, catalog: Catalog, source: str, deadline: float
    ) -> tuple[list[str], list[Lack]]:
        """A line for everything wrong with the statements bound to `source`; what writes lack.

        Each names the file, the line and, where PostgreSQL tells it, the column. Raises
        `SourceError` where the database does not answer.
        """
        bindings = (field.binding for field in catalog.fields.values())
        found = {
            binding.settled(): None
            for binding in bindings
            if isinstance(binding, NamedSql) and binding.source == source
        }
        return await self._check(found, deadline) if found else ([], [])

    async def ensure(self, statement: NamedStatement, deadline: float) -> None:
        """Raises `SourceRefused` where a statement does not fit; logs why, for the operator."""
        if statement in self._sound:
            return
        try:
            async with asyncio.timeout_at(deadline), self._one:
                now = asyncio.get_running_loop().time()
                if statement not in self._sound and self._unsound.get(statement, now) <= now:
                    lines, _ = await self._check((statement,), deadline)
                    for line in lines:
                        _LOG.error("%s", line)
        except TimeoutError as error:
            raise fault(error) from error
        if statement not in self._sound:
            raise SourceRefused(
                "The SQL of this field does not fit the database.", code=Code.CONFIGURATION
            )

    async def _check(
        self, statements: Iterable[NamedStatement], deadline: float
    ) -> tuple[list[str], list[Lack]]:
        lines: list[str] = []
        lacks: list[Lack] = []
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._connect()
                try:
                    for statement in statements:
                        whole = whole_call(self._statements, statement, self)
                        wrong = await _misfits(connection, whole)
                        lack = None if wrong else await _barred(connection, statement)
                        if lack is not None and statement.read_only:
                            wrong = [lack.line]
                        elif lack is not None:
                            lacks.append(lack)
                        lines += wrong
                        self._note(statement, sound=not wrong)
                finally:
                    connection.terminate()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise fault(error) from error
        return lines, lacks

    def _note(self, statement: NamedStatement, *, sound: bool) -> None:
        if sound:
            self._sound.add(statement)
            self._unsound.pop(statement, None)
        else:
            self._unsound[statement] = asyncio.get_running_loop().time() + _AGAIN


async def _misfits(connection: Connection, whole: Call) -> list[str]:
    """What PostgreSQL says against a statement, or what its result lacks, a line each."""
    statement = whole.named
    try:
        prepared = await _prepared(connection, statement.sql.text)
    except asyncpg.PostgresError as error:
        return [_line(statement, error, placed=True)]
    given = [(one.name, one.type.name) for one in prepared.get_attributes()]
    if statement.mode == "execute":
        return []
    if statement.value is not None:
        wrong = _value_misfits(statement.value, given)
    else:
        wrong = [line for info in statement.columns for line in _column_misfits(info, given)]
    if wrong:
        return [f"{statement.name}: {line}" for line in wrong]
    try:
        await _prepared(connection, whole.text)
    except asyncpg.PostgresError as error:
        return [_line(statement, error, placed=False)]
    return []


async def _barred(connection: Connection, statement: NamedStatement) -> Lack | None:
    """What the role may not use of what a statement names: tables, columns, functions.

    PostgreSQL tells the first as it plans, from version 16 on; of what is no query it tells none.
    """
    try:
        async with connection.transaction():
            await connection.execute(f"EXPLAIN (GENERIC_PLAN) {statement.sql.text}")
    except asyncpg.InsufficientPrivilegeError as error:
        what = f"a right ({error.message})"
        return Lack(statement.name, what, _line(statement, error, placed=False))
    except asyncpg.PostgresError:  # that it is no query, or an older server
        pass
    return None


async def _prepared(connection: Connection, text: str) -> Any:
    """Prepare within a transaction, so that it works behind PgBouncer, too; leave no name."""
    async with connection.transaction():
        return await connection.prepare(text, name="")


def _line(statement: NamedStatement, error: asyncpg.PostgresError, *, placed: bool) -> str:
    if _is_absent(error):
        raise error
    place = ""
    position = getattr(error, "position", None)
    if placed and position:
        line, column = statement.sql.line_and_column(int(position) - 1)
        place = f"{line}:{column}: "
    hint = getattr(error, "hint", None)
    says = f"{error.message or error} ({error.sqlstate})"
    return f"{statement.name}:{place or ' '}{says}{f' Hint: {hint}' if hint else ''}"


def _is_absent(error: asyncpg.PostgresError) -> bool:
    """Whether the answer is about the connection, not about the statement."""
    return (error.sqlstate or "")[:2] in {"08", "53", "57"}


def _value_misfits(info: ColumnInfo, given: list[tuple[str, str]]) -> list[str]:
    if len(given) != 1:
        return [f"fetchval needs a statement of one column; this one has {len(given)}."]
    return _mismatch(info, f"column {given[0][0]}", given[0][1])


def _column_misfits(info: ColumnInfo, given: list[tuple[str, str]]) -> list[str]:
    name = info.column.name
    types = [type_ for column, type_ in given if column == name]
    if not types:
        has = ", ".join(column for column, _ in given) or "none"
        return [f"the statement gives no column {name}; it has {has}."]
    if len(types) > 1:
        return [f"the statement gives {len(types)} columns {name}."]
    return _mismatch(info, f"column {name}", types[0])


def _mismatch(info: ColumnInfo, what: str, given: str) -> list[str]:
    wanted = info.column.info.get(DECLARED)
    base = given.removesuffix("[]")
    if wanted is None or wanted == given.replace(base, _SAME.get(base, base)):
        return []
    return [f"{what} is {given}, but {wanted} is declared; cast it, or declare it so."]
