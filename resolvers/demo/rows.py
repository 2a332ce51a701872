"""Writes the demo's data set into PostgreSQL: by COPY, in one transaction, once per version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import orjson

from gateway.errors import ConfigurationError
from resolvers import models
from resolvers.demo import attack
from resolvers.demo.dataset import ITEMS, TRENDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import sqlalchemy as sa

    from resolvers.demo.dataset import Dataset, Item, Progress, Topic, Trend

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

RECIPE = 3
"""Raised whenever the same package would give other rows or vectors than before."""

PIPELINE = "demo"
COLLECTOR = "mitre-attack"
SECONDS = 60.0
"""The longest a single statement may take."""

_SOURCE = models.ItemSource.MITRE_ATTACK.value
_LANGUAGE = "en"
_LOCK = 0x64656D6F  # "demo": two loaders take turns
_CHUNK = 4_000
_OWNERS = {
    category: desk
    for desk, categories in {
        "front-door": ("reconnaissance", "resource_development", "initial_access"),
        "foothold": ("execution", "persistence", "privilege_escalation"),
        "hide-and-seek": ("defense_evasion", "discovery"),
        "lost-keys": ("credential_access", "lateral_movement"),
        "way-out": ("collection", "command_and_control", "exfiltration", "impact"),
    }.items()
    for category in categories
}
"""Who owns the trends of a category, by their ids in `people`."""
_TABLES = (models.topics, models.processed_items, models.topic_items, models.trends)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows there are."""

    topics: int
    items: int
    memberships: int
    trends: int


def version(model: str) -> str:
    """What the rows and vectors depend on: the data, the computation, the embedding model."""
    return f"{attack.ORIGIN}, recipe {RECIPE}, {model}"


async def is_loaded(connection: Connection, model: str) -> bool:
    """Whether the last run that succeeded wrote this very version."""
    found = await connection.fetchval(
        "SELECT metadata ->> 'version' FROM pipeline_runs "
        "WHERE pipeline = $1 AND status = 'succeeded' ORDER BY started_at DESC LIMIT 1",
        PIPELINE,
    )
    return bool(found == version(model))


async def count(connection: Connection) -> Counts:
    """The rows of the four tables that the demo fills."""
    found = [
        await connection.fetchval(f"SELECT count(*) FROM {table.name}")  # noqa: S608 - our own name
        for table in _TABLES
    ]
    return Counts(*found)


async def load(connection: Connection, dataset: Dataset, progress: Progress) -> bool:
    """Write the data set unless this version is there; says whether it wrote.

    An older version is replaced, all or nothing. Raises `ConfigurationError` when the tables hold
    rows that no demo wrote: they are somebody's. What PostgreSQL raises is recorded as a failed
    run and raised on.
    """
    started = await connection.fetchval("SELECT clock_timestamp()")
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            if await is_loaded(connection, dataset.model):
                return False
            await _make_room(connection)
            await _copy_all(connection, dataset, progress)
            await _record_success(connection, dataset, started)
    except asyncpg.PostgresError as error:
        await _record_failure(connection, started, type(error).__name__)
        raise
    for table in _TABLES:
        await connection.execute(f"VACUUM (ANALYZE) {table.name}")
    return True


async def _make_room(connection: Connection) -> None:
    counts = await count(connection)
    ours = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pipeline_runs WHERE pipeline = $1 AND status = 'succeeded')",
        PIPELINE,
    )
    if not ours and any((counts.topics, counts.items, counts.trends)):
        raise ConfigurationError(
            "the database holds topics, items or trends that the demo did not write; "
            "give the demo a database of its own"
        )
    names = ", ".join(table.name for table in _TABLES)
    await connection.execute(f"TRUNCATE {names} RESTART IDENTITY")


async def _copy_all(connection: Connection, dataset: Dataset, progress: Progress) -> None:
    topics = [_topic_row(topic) for topic in dataset.topics]
    items = [_item_row(item, dataset) for item in dataset.items]
    trends = [_trend_row(trend) for trend in dataset.trends]
    memberships = [
        {"topic_id": topic.id, "item_id": item, "position": place, "relevance": relevance}
        for topic in dataset.topics
        for place, (item, relevance) in enumerate(topic.items, 1)
    ]
    parts = (
        (models.topics, topics),
        (models.processed_items, items),
        (models.topic_items, memberships),
        (models.trends, trends),
    )
    total, done = sum(len(found) for _, found in parts), 0
    for table, found in parts:
        for chunk in _chunks(found):
            await copy(connection, table, chunk)
            done += len(chunk)
            progress("load", done, total)
        if "id" in table.c:
            await connection.execute(
                "SELECT setval(pg_get_serial_sequence($1, 'id'), $2)", table.name, len(found)
            )


async def copy(connection: Connection, table: sa.Table, found: Sequence[dict[str, Any]]) -> None:
    """Append rows, given by column name, all with the same columns."""
    names = list(found[0])
    await connection.copy_records_to_table(
        table.name, columns=names, records=[tuple(row.values()) for row in found], timeout=SECONDS
    )


def _chunks(found: Sequence[dict[str, Any]]) -> Iterable[Sequence[dict[str, Any]]]:
    return (found[start : start + _CHUNK] for start in range(0, len(found), _CHUNK))


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _topic_facts(topic: Topic) -> dict[str, Any]:
    return {
        "origin": attack.ORIGIN,
        "techniques": [
            {"code": one.code, "name": one.name, "url": one.url} for one in topic.techniques
        ],
        "platforms": sorted({name for one in topic.techniques for name in one.platforms}),
        "users": topic.users,
        "reports": topic.references,
    }


def _topic_row(topic: Topic) -> dict[str, Any]:
    standing = topic.standing
    return {
        "id": topic.id,
        "title": topic.title,
        "summary": topic.summary,
        "category": topic.category.value,
        "language": _LANGUAGE,
        "keywords": list(topic.keywords),
        "engagement_score": standing.engagement if standing else 0.0,
        "first_seen": standing.first_seen if standing else None,
        "last_updated": standing.last_updated if standing else None,
        "metadata": _json(_topic_facts(topic)),
    }


def _trend_row(trend: Trend) -> dict[str, Any]:
    topic, standing = trend.topic, trend.standing
    return {
        "id": trend.id,
        "topic_id": topic.id,
        "rank": trend.id,
        "title": topic.title,
        "summary": topic.summary,
        "category": topic.category.value,
        "state": standing.state.value,
        "score": standing.score,
        "item_count": len(topic.items),
        "velocity": standing.velocity,
        "first_seen": standing.first_seen,
        "last_updated": standing.last_updated,
        "engagement_score": standing.engagement,
        "sources": [_SOURCE],
        "language": _LANGUAGE,
        "keywords": list(topic.keywords),
        "metadata": _json(_topic_facts(topic)),
        "owner_id": _OWNERS.get(topic.category.value),
    }


def _item_row(item: Item, dataset: Dataset) -> dict[str, Any]:
    usage = item.usage
    facts = {
        "category": item.category.value,
        "topic": item.topic,
        "technique": usage.technique,
        "user": usage.user,
        "userKind": usage.user_kind,
        "reports": list(usage.text.citations),
        "datePrecision": usage.published.precision if usage.published else None,
        "shortened": usage.text.cut,
    }
    return {
        "id": item.id,
        "source": _SOURCE,
        "source_id": usage.id,
        "title": item.title,
        "content": usage.text.plain,
        "author": usage.text.citations[0] if usage.text.citations else None,
        "url": usage.url,
        "language": _LANGUAGE,
        "published_at": usage.published.moment if usage.published else None,
        "collected_at": dataset.released,
        "metrics": _json({"references": len(usage.text.citations)}),
        "metadata": _json(facts),
    }


async def _record_success(connection: Connection, dataset: Dataset, started: Any) -> None:
    facts = {
        "version": version(dataset.model),
        "origin": attack.ORIGIN,
        "licence": attack.LICENCE,
        "topics": len(dataset.topics),
        "trends": len(dataset.trends),
    }
    await connection.execute(
        "INSERT INTO pipeline_runs (pipeline, status, started_at, ended_at, items_collected, "
        "items_processed, metadata) VALUES ($1, 'succeeded', $2, clock_timestamp(), $3, $3, $4)",
        PIPELINE,
        started,
        len(dataset.items),
        _json(facts),
    )
    await connection.execute(
        "INSERT INTO plugin_health AS known (name, status, last_run, last_success, success_count, "
        "metadata) VALUES ($1, 'healthy', clock_timestamp(), clock_timestamp(), 1, $2) "
        "ON CONFLICT (name) DO UPDATE SET status = 'healthy', last_run = excluded.last_run, "
        "last_success = excluded.last_success, success_count = known.success_count + 1, "
        "consecutive_errors = 0, metadata = excluded.metadata",
        COLLECTOR,
        _json({"origin": attack.ORIGIN, "released": dataset.released}),
    )
    # Vectors of an older version no longer stand for these rows.
    await connection.execute(
        "UPDATE collections SET status = 'syncing' WHERE name = ANY($1)", [TRENDS, ITEMS]
    )
    await connection.execute("SELECT refresh_top_trends_today()")


async def _record_failure(connection: Connection, started: Any, name: str) -> None:
    if connection.is_closed():
        return
    await connection.execute(
        "INSERT INTO pipeline_runs (pipeline, status, started_at, ended_at, errors) "
        "VALUES ($1, 'failed', $2, clock_timestamp(), jsonb_build_array($3::text))",
        PIPELINE,
        started,
        name,
    )
    await connection.execute(
        "INSERT INTO plugin_health AS known "
        "(name, status, last_run, last_error, error_count, consecutive_errors) "
        "VALUES ($1, 'failing', clock_timestamp(), $2, 1, 1) "
        "ON CONFLICT (name) DO UPDATE SET status = 'failing', last_run = excluded.last_run, "
        "last_error = excluded.last_error, error_count = known.error_count + 1, "
        "consecutive_errors = known.consecutive_errors + 1",
        COLLECTOR,
        name,
    )
