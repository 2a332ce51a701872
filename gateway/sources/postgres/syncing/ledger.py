"""One collection's changes and records in PostgreSQL: what is due, what was done, what failed.

An entry of `plait_sync.vector_changes` is taken out only where it still has the revision that was
read before its row was: whatever changed meanwhile stays due. Whoever finds the entry gone was not
alone, may have stored something older than the other, and has the row looked at again.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

from gateway.errors import ConfigurationError
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.faults import connect_fault, fault_on
from gateway.sources.postgres.syncing.install import WATCHED, watch, watched_columns
from gateway.sources.postgres.syncing.statements import statements_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from gateway.schema.vectors.sync import VectorSync
    from gateway.sources.postgres.connections.connect import Connection

CONNECT_SECONDS = 10.0

_BY_INDEX = "SET enable_seqscan = off; SET enable_bitmapscan = off"
"""While a collection is filled its tables grow from nothing, and the plans were made for nothing:
without this, each batch reads, or sorts, all that the batches before it wrote.
"""

_NOTICE_DEATH = """
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4
"""
"""Of a machine that is gone without a word the server learns so within 30 s. By default that takes
it two hours, in which nobody else could have the lock.
"""

_LOCK = "hashtextextended('plait vector sync ' || $1, 0)"
_DUE = """
SELECT key, revision FROM plait_sync.vector_changes
WHERE collection = $1 AND NOT failed AND due_at <= now() AND revision > $2
ORDER BY collection, revision LIMIT $3
"""
_COLLECTION = """
INSERT INTO collections AS known (name, vector_size, embedding_model, status)
VALUES ($1, $2, $3, 'syncing')
ON CONFLICT (name) DO UPDATE
SET vector_size = excluded.vector_size, embedding_model = excluded.embedding_model
RETURNING id
"""
_KNOWN_COLLECTION = """
SELECT id FROM collections WHERE name = $1 AND vector_size = $2 AND embedding_model = $3
"""
_BEGUN = """
UPDATE embedding_jobs SET status = 'running', attempts = attempts + 1,
    started_at = coalesce(started_at, clock_timestamp())
WHERE collection_id = $1 AND status IN ('pending', 'running')
"""
_UNSETTLE = """
UPDATE vector_metadata SET payload_hash = NULL
WHERE collection_id = $1 AND point_id = ANY($2) AND payload_hash IS NOT NULL
"""
_NEW = """
INSERT INTO vector_metadata AS known (collection_id, point_id, entity_type, entity_id,
    content_hash, model, embedded_at, payload_hash)
SELECT $1, key, $2, key, content_hash, $3, clock_timestamp(), payload_hash
FROM unnest(string_to_array($4, ' '), string_to_array($5, ' '), string_to_array($6, ' '))
    AS new (key, content_hash, payload_hash)
"""
_STORED = f"""{_NEW}
ON CONFLICT (collection_id, point_id) DO UPDATE
SET entity_type = excluded.entity_type, entity_id = excluded.entity_id,
    content_hash = excluded.content_hash, model = excluded.model,
    embedded_at = excluded.embedded_at, payload_hash = excluded.payload_hash
"""
_REMOVED = "DELETE FROM vector_metadata WHERE collection_id = $1 AND point_id = ANY($2)"
_SETTLE = """
WITH settled AS (
    DELETE FROM plait_sync.vector_changes WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM plait_sync.vector_changes
        WHERE collection = $1 AND NOT failed AND revision = ANY (string_to_array($2, ' ')::bigint[])
        FOR UPDATE SKIP LOCKED
    )) RETURNING revision, job
), counted AS (
    UPDATE embedding_jobs AS of SET done = done + n, total = greatest(total, done + failed + n)
    FROM (
        SELECT coalesce(job, (
            SELECT id FROM embedding_jobs WHERE collection_id = $3 AND status = 'running'
            ORDER BY started_at DESC LIMIT 1
        )) AS job, count(*) AS n FROM settled GROUP BY 1
    ) AS new WHERE of.id = new.job
)
SELECT revision FROM settled
"""
_AGAIN = """
INSERT INTO plait_sync.vector_changes (collection, key)
SELECT $1, key FROM unnest($2::text[]) AS missed (key) WHERE (
    SELECT 1 FROM plait_sync.vector_changes AS one
    WHERE one.collection = $1 AND one.key = missed.key LIMIT 1
) IS NULL
ON CONFLICT DO NOTHING
"""
_FAIL = """
WITH tried AS (
    SELECT entry.key, done.error, done.final OR entry.attempts + 1 >= $6 AS over,
        coalesce(entry.job, (
            SELECT id FROM embedding_jobs WHERE collection_id = $7 AND status = 'running'
            ORDER BY started_at DESC LIMIT 1
        )) AS job
    FROM plait_sync.vector_changes AS entry
    JOIN unnest($2::text[], $3::bigint[], $4::text[], $5::boolean[])
        AS done (key, revision, error, final) USING (key, revision)
    WHERE entry.collection = $1 FOR UPDATE OF entry SKIP LOCKED
), noted AS (
    UPDATE plait_sync.vector_changes AS entry
    SET attempts = attempts + 1, last_error = error, failed = over,
        job = CASE WHEN over THEN NULL ELSE tried.job END,
        due_at = now() + make_interval(secs => least(2 ^ attempts, 300))
    FROM tried WHERE entry.collection = $1 AND entry.key = tried.key
)
UPDATE embedding_jobs AS of
SET failed = failed + n, total = greatest(total, done + failed + n), last_error = error
FROM (
    SELECT job, count(*) FILTER (WHERE over) AS n, max(error) AS error FROM tried GROUP BY job
) AS new WHERE of.id = new.job
"""
"""An entry without a job counts to the one that runs when it is brought about, or fails."""
_WAITING = "SELECT count(*) FROM plait_sync.vector_changes WHERE collection = $1 AND NOT failed"
_WORK = """
SELECT EXISTS (
    SELECT FROM plait_sync.vector_changes
    WHERE collection = $1 AND NOT failed AND due_at <= now()
) OR EXISTS (
    SELECT FROM embedding_jobs AS of JOIN collections AS filled ON filled.id = of.collection_id
    WHERE filled.name = $1 AND of.status = 'running' AND NOT EXISTS (
        SELECT FROM plait_sync.vector_changes
        WHERE collection = $1 AND NOT failed AND job = of.id
    )
)
"""
_TOLD = """
UPDATE embedding_jobs SET last_error = $2 WHERE collection_id = $1 AND status = 'running'
"""
_FINISH = (
    """
UPDATE embedding_jobs AS of
SET status = (CASE WHEN failed > 0 THEN 'failed' ELSE 'succeeded' END)::run_status,
    finished_at = clock_timestamp()
WHERE collection_id = $1 AND status = 'running'
    AND NOT EXISTS (
        SELECT FROM plait_sync.vector_changes AS entry JOIN collections AS filled
            ON filled.id = $1 AND filled.name = entry.collection
        WHERE NOT entry.failed
            AND (entry.job = of.id OR entry.job IS NULL AND entry.due_at <= of.started_at)
    )
""",
    """
UPDATE collections SET status = 'ready', point_count = n
FROM (SELECT count(*) AS n FROM vector_metadata WHERE collection_id = $1) AS counted
WHERE id = $1 AND (status <> 'ready' OR point_count <> n)
""",
)


class Row(NamedTuple):
    """A row with something to embed, or one that is gone (`text` None), and what is known of it.

    `payload` is JSON. `known_payload` is None, too, where it is not certain what was stored.
    """

    key: str
    text: str | None
    payload: str | None
    content_hash: str | None
    payload_hash: str | None
    known_model: str | None
    known_content: str | None
    known_payload: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with an entry, as of `revision`; `final`: trying again would not help."""

    key: str
    revision: int
    error: str
    final: bool


class Ledger:
    """The entries and records of one collection, over a connection of its own.

    Every call lasts at most `seconds`; raises `SourceError`.
    """

    def __init__(self, connection: Connection, sync: VectorSync) -> None:
        self._connection = connection
        self._sync = sync
        self._turn = asyncio.Lock()
        self.statements = statements_of(sync)
        self.collection = 0

    async def verify(self) -> None:
        """Raise ConfigurationError unless the table's triggers note what the declaration reads."""
        sync = self._sync
        found = await self.value(WATCHED, sync.table.fullname, sync.name)
        if found is not None and watched_columns(found) == set(sync.columns):
            return
        source = "" if sync.rows == "default" else f" --source {sync.rows}"
        other = "" if found is None else f", or: {watch(sync)}"
        raise ConfigurationError(
            f"collection {sync.name!r}: changes of table {sync.table.fullname} are not noted "
            f"as its declaration needs it; run what `plait migrate sql{source}` prints{other}"
        )

    async def lock(self) -> bool:
        """Be the only one who fills the collection, as long as the connection lives."""
        return bool(await self.value(f"SELECT pg_try_advisory_lock({_LOCK})", self._sync.name))

    async def begin(self, model: str, size: int) -> None:
        """See to the collection's own record, and note that its jobs are being done."""
        found = await self.value(_KNOWN_COLLECTION, self._sync.name, size, model)
        if found is None:
            found = await self.value(_COLLECTION, self._sync.name, size, model)
        self.collection = int(found)
        await self.execute(_BEGUN, self.collection)

    async def due(self, after: int, most: int) -> dict[str, int]:
        """The next entries behind the revision `after`: key and revision, in this one's order."""
        return dict(await self.fetch(_DUE, self._sync.name, after, most))

    async def rows(self, keys: Sequence[str]) -> list[Row]:
        """What the rows of these keys say now, in their order."""
        found = await self.fetch(self.statements.rows, _listed(keys), self.collection)
        return [*map(Row._make, found)]

    async def unsettle(self, keys: Sequence[str]) -> None:
        """Note that nobody knows for certain what is stored of these rows, until `settle`."""
        await self.execute(_UNSETTLE, self.collection, keys)

    async def settle(
        self, model: str, stored: Sequence[Row], removed: Sequence[str], entries: Mapping[str, int]
    ) -> int:
        """Record what was stored and removed, and take out the entries that were brought about.

        `entries` are revisions, by key. How many were taken out: those stay that changed meanwhile,
        or are just being changed.
        """
        async with self._alone() as connection:
            try:
                async with connection.transaction():
                    return await self._settle(connection, _NEW, model, stored, removed, entries)
            except asyncpg.UniqueViolationError:  # somebody else has recorded one meanwhile
                async with connection.transaction():
                    return await self._settle(connection, _STORED, model, stored, removed, entries)

    async def _settle(  # noqa: PLR0913, PLR0917 - what `settle` is given
        self,
        connection: Connection,
        new: str,
        model: str,
        stored: Sequence[Row],
        removed: Sequence[str],
        entries: Mapping[str, int],
    ) -> int:
        """As `settle`; `new` records the rows that had no record when they were read."""
        fresh = [row for row in stored if row.known_content is None]
        known = [row for row in stored if row.known_content is not None]
        for statement, rows in ((new, fresh), (_STORED, known)):
            if rows:
                await connection.execute(
                    statement,
                    self.collection,
                    self._sync.table.name,
                    model,
                    _listed([row.key for row in rows]),
                    _listed([row.content_hash or "" for row in rows]),
                    _listed([row.payload_hash or "" for row in rows]),
                )
        if removed:
            await connection.execute(_REMOVED, self.collection, removed)
        revisions = _listed(map(str, entries.values()))
        settled = await connection.fetch(_SETTLE, self._sync.name, revisions, self.collection)
        if len(settled) < len(entries):
            taken = {one["revision"] for one in settled}
            missed = [key for key, revision in entries.items() if revision not in taken]
            await connection.execute(_AGAIN, self._sync.name, missed)
        return len(settled)

    async def fail(self, failures: Sequence[Failure], attempts: int) -> None:
        """Have the entries tried again later, up to `attempts` times in all."""
        keys = [one.key for one in failures]
        revisions = [one.revision for one in failures]
        errors = [one.error for one in failures]
        final = [one.final for one in failures]
        await self.execute(
            _FAIL, self._sync.name, keys, revisions, errors, final, attempts, self.collection
        )

    async def has_work(self) -> bool:
        """Whether an entry is due, or a job has none left and did not end."""
        return bool(await self.value(_WORK, self._sync.name))

    async def waiting(self) -> int:
        """How many entries there are to bring about."""
        return int(await self.value(_WAITING, self._sync.name))

    async def tell(self, collection: int, error: str) -> None:
        """Note why the running jobs of a collection, by its record's id, have come to a halt."""
        await self.execute(_TOLD, collection, error)

    async def finish(self) -> None:
        """End the jobs that have no entry left, and count the collection's points."""
        for statement in _FINISH:
            await self.execute(statement, self.collection)

    # Calls -------------------------------------------------------------------------------------

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction of one's own on the connection, which others wait for."""
        async with self._alone() as connection, connection.transaction():
            yield connection

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """All rows of a statement."""
        async with self._alone() as connection:
            return list(await connection.fetch(query, *arguments))

    async def value(self, query: str, *arguments: Any) -> Any:
        """The first value of a statement's first row."""
        async with self._alone() as connection:
            return await connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> None:
        """Run a statement."""
        async with self._alone() as connection:
            await connection.execute(query, *arguments)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Connection]:
        """The connection, for one caller at a time. Raises `SourceError` for the driver's."""
        async with self._turn:
            try:
                yield self._connection
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                raise fault_on(error, self._connection) from error


@asynccontextmanager
async def ledger(dsn: str, sync: VectorSync, seconds: float) -> AsyncIterator[Ledger]:
    """A ledger over a connection to the server itself: a pooler would lose its lock.

    Raises `SourceUnavailable`, and `ConfigurationError` where the server refuses us.
    """
    connect = Connector(
        dsn,
        application_name="plait sync",
        read_only=False,
        statement_timeout=seconds,
        connect_timeout=CONNECT_SECONDS,
        cached=50,
        command_timeout=seconds,
        as_bytes=False,
    )
    try:
        connection = await connect()
        await connection.execute(f"{_BY_INDEX}; {_NOTICE_DEATH}")
    except Exception as error:
        raise connect_fault(error) from error
    try:
        yield Ledger(connection, sync)
    finally:
        connection.terminate()


def _listed(words: Iterable[str]) -> str:
    """Keys, hashes or numbers as one text: arrays cost the driver several checks of each item."""
    return " ".join(words)
