"""Values in a table of PostgreSQL, which is made where it is missing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from gateway.context.contract import Store
from gateway.errors import SourceUnavailable
from gateway.sources.postgres.connections.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from gateway.context.contract import Place
    from gateway.context.keys import Pattern

_PRUNED = 1_000
_LOCK = 0x706C616974
"""The advisory lock under which the table is made: two gateways may start at once."""

_DDL = """
CREATE TABLE IF NOT EXISTS "{table}" (
    key text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL,
    expires_at timestamptz,
    saved_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS "{table}_expires_at" ON "{table}" (expires_at)
WHERE expires_at IS NOT NULL;
"""
_LIVE = "(expires_at IS NULL OR expires_at > to_timestamp($2))"
_PUT = """
INSERT INTO {table} AS old (key, value, expires_at)
SELECT key, value, to_timestamp($3) FROM unnest($1::text[], $2::bytea[]) AS new (key, value)
ON CONFLICT (key) DO UPDATE
SET value = excluded.value, expires_at = excluded.expires_at, saved_at = now()
"""
_GET = """
SELECT old.value FROM unnest($1::text[]) WITH ORDINALITY AS asked (key, place)
LEFT JOIN {table} AS old ON old.key = asked.key AND {live} ORDER BY asked.place
"""
_HAS = "SELECT EXISTS (SELECT FROM {table} WHERE key = $1 AND {live})"
_REMOVE = "DELETE FROM {table} WHERE key = $1 RETURNING {live}"
_FIND = "SELECT key FROM {table} WHERE key LIKE $1 AND {live} LIMIT $3"
_COUNT = "SELECT count(*) FROM {table} WHERE key LIKE $1 AND {live}"
_PRUNE = """
WITH gone AS (
    DELETE FROM {table} WHERE key IN (
        SELECT key FROM {table} WHERE key LIKE $1 AND expires_at <= to_timestamp($2)
        LIMIT $3 FOR UPDATE SKIP LOCKED
    ) RETURNING 1
)
SELECT count(*) FROM gone
"""
_LITERAL = {"\\": r"\\", "%": r"\%", "_": r"\_"}
_ESCAPED, _LIKE = str.maketrans(_LITERAL), str.maketrans(_LITERAL | {"*": "%", "?": "_"})


class PostgresStore(Store):
    """Rows of one table, whose name the settings have checked."""

    def __init__(self, place: Place) -> None:
        settings = place.settings
        self._prefix = place.prefix
        self._table = f'"{settings.table}"'
        self._clock = place.clock
        self._connected = False
        self._pool = Pool(
            settings.url.reveal(),
            name="plait-context",
            size=settings.connections,
            timeout=settings.timeout_seconds,
        )

    async def connect(self) -> None:
        """See `Store`."""
        if self._connected:
            return
        self._connected = True
        try:
            await self._make_table()
        except BaseException:
            await self.disconnect()
            raise

    async def disconnect(self) -> None:
        """See `Store`; what is under way is ended."""
        self._connected = False
        await self._pool.close()

    async def ping(self) -> None:
        """See `Store`."""
        await self._value("SELECT 1")

    async def put(self, values: Mapping[str, bytes], ttl: float | None) -> None:
        """See `Store`: one statement, in the order of keys: so writers cannot block in a ring."""
        ends = None if ttl is None else self._clock() + ttl
        ordered = sorted((self._prefix + key, value) for key, value in values.items())
        names, stored = zip(*ordered, strict=True)
        async with self._connection() as connection:
            await connection.execute(self._sql(_PUT), names, stored, ends)

    async def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Store`: one statement."""
        names = [self._prefix + key for key in keys]
        async with self._connection() as connection:
            rows = await connection.fetch(self._sql(_GET), names, self._clock())
        return [row[0] for row in rows]

    async def has(self, key: str) -> bool:
        """See `Store`."""
        return bool(await self._value(_HAS, self._prefix + key, self._clock()))

    async def remove(self, key: str) -> bool:
        """See `Store`."""
        return bool(await self._value(_REMOVE, self._prefix + key, self._clock()))

    async def find(self, pattern: Pattern, limit: int) -> list[str]:
        """See `Store`."""
        like = self._like(pattern.text)
        async with self._connection() as connection:
            rows = await connection.fetch(self._sql(_FIND), like, self._clock(), limit)
        return [row[0][len(self._prefix) :] for row in rows]

    async def count(self) -> int:
        """See `Store`."""
        return int(await self._value(_COUNT, self._like("*"), self._clock()))

    async def prune(self) -> int:
        """See `Store`."""
        return int(await self._value(_PRUNE, self._like("*"), self._clock(), _PRUNED))

    def _like(self, pattern: str) -> str:
        return self._prefix.translate(_ESCAPED) + pattern.translate(_LIKE)

    def _sql(self, text: str) -> str:
        return text.format(table=self._table, live=_LIVE)

    async def _make_table(self) -> None:
        async with self._connection() as connection:
            # Where there is a table, the right to make one is not needed.
            if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", self._table):
                return
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                await connection.execute(_DDL.format(table=self._table.strip('"')))

    async def _value(self, text: str, *arguments: Any) -> Any:
        async with self._connection() as connection:
            return await connection.fetchval(self._sql(text), *arguments)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        if not self._connected:
            raise SourceUnavailable("The datasource is not connected.")
        async with self._pool.connection() as connection:
            yield connection
