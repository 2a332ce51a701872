"""Seeds the counters that the demo shows: a trend was looked at as often as its usages are told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 30.0

_WRITERS = "editor admin"

SETTINGS = {
    "PLAIT_STATE_VIEWS_READ": "*",
    "PLAIT_STATE_VIEWS_WRITE": _WRITERS,
    "PLAIT_STATE_BOARDS_READ": "*",
    "PLAIT_STATE_BOARDS_WRITE": _WRITERS,
    "PLAIT_STATE_DRAFTS_READ": _WRITERS,
    "PLAIT_STATE_DRAFTS_WRITE": _WRITERS,
    "PLAIT_JOBS_INSIDE": "true",
    "PLAIT_WORKFLOWS_ENABLED": "*",
    "PLAIT_WORKFLOWS_RUN": _WRITERS,
    "DATASOURCE_CONTEXTS_READ": _WRITERS,
    "PLAIT_DOCUMENTS_MANIFEST": str(Path(__file__).with_name("operations.json")),
    "PLAIT_TELEMETRY_ERROR_TEXTS": "true",
    "PLAIT_TELEMETRY_METRICS": "true",
    "PLAIT_MCP_ENABLED": "true",
    "PLAIT_MCP_MUTATIONS": "true",
    "PLAIT_MCP_EXPLORE": "true",
}
"""What the demo opens, unless the environment says otherwise."""


class CounterStore(Protocol):
    """What is asked of the key-value engine; `gateway.sources.redis` offers it."""

    async def seed_counters(self, counts: Mapping[str, int], seconds: float) -> int:
        """Set the counters that do not exist yet, by key; returns how many were set."""


async def seed_views(postgres_url: str, store: CounterStore) -> int:
    """Set `views:trend_<id>` to the number of the trend's items, where nothing was counted yet.

    Returns how many were set. Raises asyncpg's errors and those of the store.
    """
    connection = await asyncpg.connect(postgres_url, timeout=SECONDS, command_timeout=SECONDS)
    try:
        rows = await connection.fetch("SELECT id, item_count FROM trends")
    finally:
        await connection.close(timeout=SECONDS)
    counts = {f"views:trend_{row['id']}": row["item_count"] for row in rows}
    return await store.seed_counters(counts, SECONDS)
