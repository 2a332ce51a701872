"""The SQL of one synced collection, compiled once from its declaration; pure.

What looks rows up by key is written so that no other plan than by the key's index is to be had;
`OFFSET 0` keeps text and payload from being made anew for each place that names them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from gateway.sources.postgres.reads.statements import DIALECT

if TYPE_CHECKING:
    from gateway.schema.vectors.sync import VectorSync

BLANK = r"coalesce(one.text, '') !~ '\S'"
"""Whether the row has no text to embed."""

_HASHES = {
    name: f"encode(sha256(convert_to(one.{what}, 'UTF8')), 'hex')"
    for name, what in (("content_hash", "text"), ("payload_hash", "payload"))
}

_ROWS = """
SELECT asked.key, found.text, found.payload, found.content_hash, found.payload_hash,
    known.model AS known_model, known.content_hash AS known_content,
    known.payload_hash AS known_payload
FROM unnest(string_to_array($1, ' ')) WITH ORDINALITY AS asked (key, place)
LEFT JOIN LATERAL (
    SELECT one.text, one.payload, {content_hash} AS content_hash, {payload_hash} AS payload_hash
    FROM ({one} WHERE {key} = {asked} OFFSET 0) AS one WHERE NOT {blank}
) AS found ON true
LEFT JOIN LATERAL (
    SELECT * FROM vector_metadata WHERE collection_id = $2 AND point_id = asked.key LIMIT 1
) AS known ON true
ORDER BY asked.place
"""

_DRIFT = """
INSERT INTO plait_drift (key, kind)
SELECT key, kind FROM (
    SELECT one.key, CASE
        WHEN entry.failed THEN 'failed'
        WHEN $3 AND seen.point_id IS NULL THEN
            CASE WHEN known.embedded_at > $4 THEN NULL ELSE 'missing' END
        WHEN known.point_id IS NULL THEN CASE WHEN $3 THEN 'stale' ELSE 'missing' END
        WHEN known.model <> $5 THEN 'model'
        WHEN known.content_hash IS DISTINCT FROM {content_hash}
            OR known.payload_hash IS DISTINCT FROM {payload_hash} THEN 'stale'
    END AS kind, entry.key IS NOT NULL AND NOT entry.failed AS waits
    FROM ({one}) AS one
    LEFT JOIN vector_metadata AS known
        ON known.collection_id = $2 AND known.point_id = one.key
    LEFT JOIN plait_seen AS seen ON seen.point_id = one.key
    LEFT JOIN plait_sync.vector_changes AS entry ON entry.collection = $1 AND entry.key = one.key
    WHERE NOT {blank}
    UNION ALL
    SELECT stored.key, CASE WHEN entry.failed THEN 'failed' ELSE 'orphan' END,
        entry.key IS NOT NULL AND NOT entry.failed
    FROM (
        SELECT coalesce(known.point_id, seen.point_id) AS key FROM (
            SELECT point_id FROM vector_metadata WHERE collection_id = $2
        ) AS known FULL JOIN plait_seen AS seen ON seen.point_id = known.point_id
    ) AS stored
    LEFT JOIN plait_sync.vector_changes AS entry
        ON entry.collection = $1 AND entry.key = stored.key
    WHERE NOT EXISTS (SELECT FROM ({one}) AS one WHERE one.key = stored.key AND NOT {blank})
) AS compared
WHERE kind IS NOT NULL AND NOT waits
"""
"""Hashes are made of those rows only that have a record to compare."""

_TALLY = """
SELECT count(*) AS rows, count(*) FILTER (WHERE {blank}) AS blank,
    count(*) FILTER (WHERE char_length(one.text) > $1) AS long
FROM ({one}) AS one
"""


@dataclass(frozen=True, slots=True)
class Statements:
    """`rows` reads the rows of some keys beside what was embedded of them; `drift` compares all.

    The keys are `$1`, with spaces between them.

    `tally` counts the rows, those without a text, and those whose text is longer than `$1`.
    """

    rows: str
    drift: str
    tally: str


def statements_of(sync: VectorSync) -> Statements:
    """Compile the SQL of a declaration."""
    one = _one(sync)
    parts = {"one": one, "blank": BLANK, **_HASHES}
    return Statements(
        rows=_ROWS.format(**parts, key=_sql(sync.key), asked=_asked(sync)),
        drift=_DRIFT.format(**parts),
        tally=_TALLY.format(**parts),
    )


def _one(sync: VectorSync) -> str:
    """Key, text and payload of every row; a payload field that is null is left out when stored."""
    pairs = [part for name, value in sync.payload.items() for part in (sa.literal(name), value)]
    payload: Any = sa.func.jsonb_build_object(*pairs, type_=JSONB)
    return _sql(
        sa.select(
            sa.cast(sync.key, sa.Text).label("key"),
            sa.cast(sync.text, sa.Text).label("text"),
            sa.cast(payload, sa.Text).label("payload"),
        ).select_from(sync.table)
    )


def _asked(sync: VectorSync) -> str:
    """A key as the column's type; null for one that no row can have."""
    whole = isinstance(sync.key.type, sa.Integer)
    form, size, kind = (
        ("^-?[0-9]+$", "< 19", "bigint") if whole else ("^[0-9a-f-]+$", "= 36", "uuid")
    )
    return (
        f"CASE WHEN octet_length(asked.key) {size} AND asked.key ~ '{form}' "
        f"THEN asked.key::{kind} END"
    )


def _sql(expression: Any) -> str:
    compiled = expression.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
    return str(compiled)
