"""Where rows, records and points of a collection differ, found by PostgreSQL itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from gateway.schema.vectors.sync import VectorSync
    from gateway.sources.postgres.syncing.ledger import Ledger

LISTED = 20
"""The keys of each kind that a comparison lists."""

_TABLES = (
    "DROP TABLE IF EXISTS plait_seen, plait_drift",
    "CREATE TEMP TABLE plait_seen (point_id text PRIMARY KEY)",
    "CREATE TEMP TABLE plait_drift (key text NOT NULL, kind text NOT NULL)",
)
_NOW = "SELECT clock_timestamp()"
_ID = "SELECT id FROM collections WHERE name = $1"
_COUNTED = """
SELECT kind, count(*), ARRAY(
    SELECT key FROM plait_drift AS one WHERE one.kind = of.kind ORDER BY length(key), key LIMIT $1
) FROM plait_drift AS of GROUP BY kind
"""
_FORGET = "DELETE FROM vector_metadata WHERE collection_id = $1"
_DOUBT = """
UPDATE vector_metadata SET payload_hash = NULL FROM plait_drift AS drift
WHERE collection_id = $1 AND point_id = drift.key AND kind = ANY($2) AND payload_hash IS NOT NULL
"""
_MARK = """
WITH made AS (
    INSERT INTO embedding_jobs (collection_id, total, status, attempts, started_at)
    SELECT $2, count(*), 'running', 1, clock_timestamp() FROM (
        SELECT FROM plait_drift WHERE kind = ANY($3) UNION ALL
        SELECT FROM plait_sync.vector_changes
        WHERE collection = $1 AND job IS NULL AND NOT failed
    ) AS wanted HAVING count(*) > 0 RETURNING id
)
INSERT INTO plait_sync.vector_changes (collection, key, job)
SELECT $1, key, made.id FROM plait_drift CROSS JOIN made WHERE kind = ANY($3)
"""
_MARK_ANEW = f"""{_MARK}
ON CONFLICT (collection, key) DO UPDATE SET revision = DEFAULT, job = excluded.job,
    due_at = DEFAULT, attempts = DEFAULT, failed = DEFAULT, last_error = DEFAULT
"""
_NOW_DUE = """
UPDATE plait_sync.vector_changes SET due_at = now()
WHERE collection = $1 AND NOT failed AND due_at > now()
"""


class Drift(StrEnum):
    """How a row and its point differ."""

    MISSING = "missing"
    """A row without a point."""
    ORPHAN = "orphan"
    """A point without a row."""
    STALE = "stale"
    """A point of another text or payload than its row's."""
    MODEL = "model"
    """A point that another model made."""
    FAILED = "failed"
    """A row that was tried too often."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs: how many of each kind, and the first keys; entries that wait do not count.

    `rows` are all rows, `blank` those without a text, `long` those whose text is over the limit;
    `waiting` are the entries that a worker has yet to bring about.
    """

    counts: Mapping[Drift, int]
    keys: Mapping[Drift, Sequence[str]]
    rows: int
    blank: int
    long: int
    waiting: int


async def compare(
    book: Ledger,
    sync: VectorSync,
    model: str,
    max_chars: int,
    pages: AsyncIterator[Sequence[int | str]] | None,
) -> Comparison:
    """Compare every row with its record and, where `pages` of their ids are given, its point.

    What differs is kept with the connection, for `mark`. Raises `SourceError`.
    """
    if not book.collection:
        book.collection = int(await book.value(_ID, sync.name) or 0)
    for statement in _TABLES:
        await book.execute(statement)
    started = await book.value(_NOW)
    if pages is not None:
        async for ids in pages:
            async with book.transaction() as connection:
                await connection.copy_records_to_table(
                    "plait_seen", records=[(str(one),) for one in ids]
                )
    await book.execute(
        book.statements.drift, sync.name, book.collection, pages is not None, started, model
    )
    found = [(Drift(kind), count, keys) for kind, count, keys in await book.fetch(_COUNTED, LISTED)]
    ((rows, blank, long),) = await book.fetch(book.statements.tally, max_chars)
    return Comparison(
        {kind: count for kind, count, _ in found},
        {kind: keys for kind, _, keys in found},
        rows,
        blank,
        long,
        await book.waiting(),
    )


async def mark(book: Ledger, sync: VectorSync, kinds: Collection[Drift]) -> None:
    """Have what differs in these ways brought about as one embedding job.

    What waits without a job counts to it, too.
    """
    wanted = [kind.value for kind in kinds]
    async with book.transaction() as connection:
        await connection.execute(_DOUBT, book.collection, wanted)
        try:
            async with connection.transaction():
                await connection.execute(_MARK, sync.name, book.collection, wanted)
        except asyncpg.UniqueViolationError:  # as where a row has failed, or changed meanwhile
            await connection.execute(_MARK_ANEW, sync.name, book.collection, wanted)
        await connection.execute(_NOW_DUE, sync.name)


async def forget(book: Ledger) -> None:
    """Delete the records of all points: there are none any more."""
    await book.execute(_FORGET, book.collection)
