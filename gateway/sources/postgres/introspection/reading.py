"""Asks a live database what it holds: one connection, one question, one deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, TypeAlias

import asyncpg
import msgspec

from gateway.errors import ConfigurationError, SourceError, SourceTimeout
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.faults import connect_fault, fault
from gateway.sources.postgres.introspection.answer import Answer, ColumnRow, TableRow
from gateway.sources.postgres.introspection.catalogue import (
    Column,
    Database,
    ForeignKey,
    Name,
    Table,
)
from gateway.sources.postgres.introspection.questions import CATALOGUE, SCHEMAS
from gateway.sources.postgres.introspection.types import Types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.postgres.connections.connect import Connection

SECONDS = 30.0

_Sort: TypeAlias = Literal["table", "view", "materialised view", "foreign table"]

_SORTS: dict[str, _Sort] = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialised view",
    "f": "foreign table",
}
_ACTIONS = {"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_IDENTITIES: dict[str, Literal["always", "by default"]] = {"a": "always", "d": "by default"}


async def read_database(
    dsn: str, schemas: Sequence[str], *, pooled: bool = False, seconds: float = SECONDS
) -> Database:
    """The tables and views of `schemas` that the role may read.

    `dsn` is an address as asyncpg takes it; `pooled` says that it is a PgBouncer in transaction
    mode; `seconds` bounds the whole. Raises `ConfigurationError` for a schema that does not exist
    and where the login is refused, else `SourceError`.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _read(dsn, schemas, pooled=pooled, seconds=seconds)
    except TimeoutError as error:
        raise SourceTimeout(f"The database did not tell what it holds within {seconds:g} s.") from (
            error
        )


async def _read(dsn: str, schemas: Sequence[str], *, pooled: bool, seconds: float) -> Database:
    connect = Connector(
        dsn, application_name="plait pull", statement_timeout=seconds, prepare=not pooled
    )
    try:
        connection = await connect()
    except TimeoutError:
        raise
    except Exception as error:
        raise connect_fault(error) from error
    try:
        known = msgspec.json.decode(await _ask(connection, SCHEMAS, (), seconds), type=list[str])
        for schema in schemas:
            if schema not in known:
                raise ConfigurationError(
                    f"--schema: there is no schema {schema!r}; there is {', '.join(known)}."
                )
        text = await _ask(connection, CATALOGUE, (list(schemas),), seconds)
    finally:
        connection.terminate()
    return _database(msgspec.json.decode(text, type=Answer), known)


async def _ask(
    connection: Connection, question: str, arguments: tuple[object, ...], seconds: float
) -> bytes:
    try:
        answer: bytes = await connection.fetchval(question, *arguments, timeout=seconds)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        found: SourceError = fault(error)
        raise found from error
    return answer


def _database(answer: Answer, schemas: Sequence[str]) -> Database:
    types = Types({row.oid: row for row in answer.types})
    return Database(
        tables=tuple(_table(row, types) for row in answer.tables if row.readable),
        barred=tuple(Name(*row.name) for row in answer.tables if not row.readable),
        schemas=tuple(schemas),
    )


def _table(row: TableRow, types: Types) -> Table:
    columns = tuple(_column(column, types) for column in row.columns if column.readable)
    names = {column.name for column in columns}
    primary = next((unique.columns for unique in row.uniques if unique.primary), ())
    return Table(
        name=Name(*row.name),
        sort=_SORTS[row.sort],
        columns=columns,
        primary=primary if names.issuperset(primary) else (),
        uniques=tuple(
            unique.columns
            for unique in row.uniques
            if not unique.primary and names.issuperset(unique.columns)
        ),
        foreign_keys=tuple(
            ForeignKey(
                columns=key.columns,
                table=Name(*key.table),
                references=key.references,
                on_delete=_ACTIONS.get(key.on_delete),
                on_update=_ACTIONS.get(key.on_update),
                comment=key.comment,
            )
            for key in row.foreign_keys
            if names.issuperset(key.columns)
        ),
        inherits=tuple(Name(*parent) for parent in row.inherits),
        barred=tuple(column.name for column in row.columns if not column.readable),
        comment=row.comment,
    )


def _column(row: ColumnRow, types: Types) -> Column:
    return Column(
        name=row.name,
        type=types.of(row.type, row.modifier, row.dimensions, row.sql),
        nullable=not row.not_null,
        default=None if row.generated else row.default or types.default(row.type),
        identity=_IDENTITIES.get(row.identity, ""),
        computed=row.default if row.generated else None,
        stored=row.generated != "v",
        comment=row.comment,
    )
