"""Connections as the slots want them: a pinned session, JSON and text as bytes.

A connection finds out by itself whether a pooler such as PgBouncer stands in between, and what
that allows: a pooler in transaction mode gives every transaction whichever server session is free,
so that neither session settings nor named statements last, unless it keeps track of them.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg

from gateway.sources.postgres.connections.times import speak_times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    _Driver = asyncpg.Connection[asyncpg.Record]
else:
    _Driver = asyncpg.Connection

_JSONB_VERSION = b"\x01"

PINNED = {
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
}
"""What JSON and cursors are written by: whatever the role, database or server has set."""

_TRACKED = (
    ("application_name", "timezone", "datestyle", "standard_conforming_strings", "intervalstyle"),
    ("application_name", "timezone", "datestyle", "standard_conforming_strings"),
)
"""The settings that PgBouncer keeps for its clients: from 1.20 on, and before."""


class Connection(_Driver):
    """A connection that knows what lies between it and the server.

    `pooled`: there is a pooler. `prepares`: statements prepared by name last. `local`: what
    must go behind a BEGIN to pin what the session does not; empty where that is nothing.
    """

    __slots__ = ("local", "pooled", "prepares")

    local: str
    pooled: bool
    prepares: bool


class Connector:
    """Opens connections to `dsn`, ready for use: `await connector()`.

    On them `text`, `json` and `jsonb` come as UTF-8 bytes, which is what is spliced into
    responses; as arguments they are taken as `str` or as bytes. Inside arrays and records `text`
    stays `str`; `textsend(…)` gives bytes there, too. Without `as_bytes` all are `str`.

    `statement_timeout` and `connect_timeout` are seconds; the server gives up a statement after
    the first, whatever became of the client. `command_timeout` is for calls that name no bound of
    their own; without one it is that of connecting. `read_only`: the session refuses writes.
    `prepare`: find out whether a pooler allows prepared statements; off, they are never used.
    `cached`: how many statements asyncpg itself keeps prepared, where that is allowed.

    A pooler refuses session settings that it does not track; then what is pinned goes into each
    transaction, and timeout, search path and the refusal of writes are the role's business.
    Raises what asyncpg raises, and `TimeoutError`.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own
        self,
        dsn: str,
        *,
        application_name: str = "plait",
        read_only: bool = True,
        statement_timeout: float = 30.0,
        connect_timeout: float = 5.0,
        prepare: bool = True,
        cached: int = 0,
        command_timeout: float | None = None,
        as_bytes: bool = True,
    ) -> None:
        self._dsn = dsn
        self._connect_timeout = connect_timeout
        self._command_timeout = command_timeout or connect_timeout
        self._prepare = prepare
        self._cached = cached if prepare else 0
        self._as_bytes = as_bytes
        whole = {
            "application_name": application_name,
            **PINNED,
            "jit": "off",
            "plan_cache_mode": "auto",
            "search_path": "public",
            "statement_timeout": str(max(1, round(statement_timeout * 1000))),
            "default_transaction_read_only": "on" if read_only else "off",
        }
        self._settings = [whole, *({name: whole[name] for name in names} for names in _TRACKED)]

    async def __call__(self) -> Connection:
        """A new connection."""
        async with asyncio.timeout(self._connect_timeout):
            connection = await self._opened(self._cached)
            try:
                await self._find_out(connection)
                if self._cached and not connection.prepares:
                    connection.terminate()
                    self._cached = 0
                    connection = await self._opened(0)
                    await self._find_out(connection)
                await speak_times(connection)
                if self._as_bytes:
                    await speak_bytes(connection)
            except BaseException:
                connection.terminate()
                raise
            return connection

    async def knock(self) -> None:
        """Log in and leave: a sign of life that waits for no other statement.

        A server that refuses the login has given one, too.
        """
        with suppress(asyncpg.PostgresError):
            connection = await self._opened(0)
            await connection.close(timeout=self._connect_timeout)

    async def _opened(self, cached: int) -> Connection:
        """A connection with the most settings that whoever answers takes; remembers which."""
        while True:
            settings = self._settings[0]
            try:
                return await asyncpg.connect(
                    self._dsn,
                    timeout=self._connect_timeout,
                    command_timeout=self._command_timeout,
                    statement_cache_size=cached,
                    server_settings=settings,
                    connection_class=Connection,
                )
            except asyncpg.ProtocolViolationError:  # a pooler: "unsupported startup parameter"
                if len(self._settings) == 1 or settings is not self._settings[0]:
                    raise
                del self._settings[0]

    async def _find_out(self, connection: Connection) -> None:
        found = await connection.fetchrow(_WHO)
        if found is None:
            raise asyncpg.InterfaceError("the server gave no row")
        connection.pooled = found[0] != connection.get_server_pid()
        connection.local = _missing(dict(zip(PINNED, found[1], strict=True)))
        connection.prepares = self._prepare and (
            not connection.pooled or await _keeps_statements(connection)
        )


_WHO = "select pg_backend_pid(), array[{}]".format(
    ", ".join(f"current_setting('{name}')" for name in PINNED)
)


def _missing(settings: Mapping[str, str]) -> str:
    """What goes behind a BEGIN to pin, for its transaction, what is not as it must be."""
    return "".join(
        f"; SET LOCAL {name} = '{value}'"
        for name, value in PINNED.items()
        if not settings[name].upper().startswith(value.upper())
    )


async def _keeps_statements(connection: Connection) -> bool:
    """Whether the pooler keeps track of named statements (PgBouncer's `max_prepared_statements`).

    One that does gives them names of its own on the server; one that does not passes ours on.
    """
    name = f"plait_{secrets.token_hex(8)}"
    async with connection.transaction():
        kept = await connection.prepare("select 1", name=name)  # dropped, it would be closed
        passed = await connection.fetchval(
            "select true from pg_prepared_statements where name = $1", name
        )
        if passed:
            await connection.execute(f'DEALLOCATE "{name}"')
        del kept
    return not passed


async def speak_bytes(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Make `text`, `citext`, `json` and `jsonb` come as bytes; as arguments they may be either."""
    codecs: dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], bytes]]] = {
        "text": (_encoded, bytes),
        "json": (_encoded, bytes),
        "jsonb": (_versioned, _unversioned),
    }
    for name, (encoder, decoder) in codecs.items():
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=encoder, decoder=decoder, format="binary"
        )
    with suppress(ValueError):  # an extension, which need not be there
        await connection.set_type_codec(
            "citext", schema="public", encoder=_encoded, decoder=bytes, format="binary"
        )


def _encoded(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _versioned(value: str | bytes) -> bytes:
    return _JSONB_VERSION + _encoded(value)


def _unversioned(value: bytes) -> bytes:
    return value[len(_JSONB_VERSION) :]
