"""Connections as the slots want them: a pinned session, JSON and text as bytes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_JSONB_VERSION = b"\x01"


def connector(  # noqa: PLR0913  # each is a setting of its own
    dsn: str,
    *,
    application_name: str = "plait",
    search_path: str = "public",
    read_only: bool = True,
    statement_timeout: float = 30.0,
    connect_timeout: float = 5.0,
    pooled: bool = False,
) -> Callable[[], Awaitable[Connection]]:
    """A function that opens a connection to `dsn`, ready for use.

    On it `text`, `json` and `jsonb` come as UTF-8 bytes, which is what is spliced into responses;
    as arguments they are taken as `str` or as bytes. Inside arrays and records `text` stays `str`;
    `textsend(…)` gives bytes there, too.

    `statement_timeout` and `connect_timeout` are seconds; the server gives up a statement after
    the first, whatever became of the client. `read_only`: the session refuses writes. `pooled`:
    the address is a PgBouncer in transaction mode, which refuses session settings it does not
    track; then they must be set for the role or the database.
    Raises what asyncpg raises, and `TimeoutError`.
    """
    settings = {"application_name": application_name, "timezone": "UTC"}
    if not pooled:
        settings |= {
            "intervalstyle": "iso_8601",
            "jit": "off",
            "plan_cache_mode": "auto",
            "search_path": search_path,
            "statement_timeout": str(max(1, round(statement_timeout * 1000))),
            "default_transaction_read_only": "on" if read_only else "off",
        }

    async def connect() -> Connection:
        async with asyncio.timeout(connect_timeout):
            connection = await asyncpg.connect(
                dsn,
                timeout=connect_timeout,
                command_timeout=connect_timeout,
                statement_cache_size=0,
                server_settings=settings,
            )
            try:
                await speak_bytes(connection)
            except BaseException:
                connection.terminate()
                raise
            return connection

    return connect


async def speak_bytes(connection: Connection) -> None:
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
