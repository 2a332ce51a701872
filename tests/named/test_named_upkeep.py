"""The bundled domain's upkeep in named SQL: the ranking, old items, trends gone silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from operations.stage import Addresses, Stage, fill, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase


@pytest.fixture
async def stage(
    fresh_database: FreshDatabase, qdrant_endpoint: str, redis_url: str
) -> AsyncIterator[Stage]:
    """The application over the data set of the golden operations."""
    redis = f"{redis_url.rpartition('/')[0]}/14"
    addresses = Addresses(await fresh_database(), qdrant_endpoint, redis)
    await fill(addresses)
    connection = await asyncpg.connect(addresses.postgres)
    try:
        await connection.execute("update processed_items set collected_at = now() where id = 7")
    finally:
        await connection.close()
    async with served(addresses) as running:
        yield running


async def test_upkeep(stage: Stage) -> None:
    """A retired trend leaves the ranking when it is taken anew; old items go, new ones stay."""
    answer = await stage.ask(
        """
        mutation {
          retireTrends(silentSince: "2025-03-21T00:00Z") { title state momentum }
          refreshTopTrends
          deleteOldItems(days: -3000)
        }
        """
    )
    assert answer == {
        "data": {
            "retireTrends": [
                {"title": "Aurora over Rome", "state": "DEAD", "momentum": "dead, growing"},
                {"title": "Satellites fail", "state": "DEAD", "momentum": "dead, growing"},
                {
                    "title": "Marathon unter zwei Stunden",
                    "state": "DEAD",
                    "momentum": "dead, fading",
                },
            ],
            "refreshTopTrends": 1,
            "deleteOldItems": 6,
        }
    }
    answer = await stage.ask(
        """
        {
          topTrends { nodes { title } }
          itemsPerDay { source total }
          topics(orderBy: [{ title: ASC }]) { nodes { itemCount } }
        }
        """
    )
    assert answer["data"]["topTrends"]["nodes"] == [
        {"title": "Password stealers"},
        {"title": "Passkeys arrive"},
    ]
    assert answer["data"]["itemsPerDay"] == [{"source": "OTHER", "total": 1}]
    assert {topic["itemCount"] for topic in answer["data"]["topics"]["nodes"]} == {0}


async def test_upkeep_is_undone_with_its_transaction(stage: Stage) -> None:
    """Within `@transaction` a later failure brings the deleted items back."""
    answer = await stage.ask(
        """
        mutation @transaction {
          deleteOldItems(days: 1)
          insertTopicItem: upsertTopicItem(
            input: { topicId: 1, itemId: 1, position: 1, relevance: 1 }
          ) { position }
        }
        """
    )
    assert answer["data"] == {"deleteOldItems": None, "insertTopicItem": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == [
        "TRANSACTION_ROLLED_BACK",
        "CONSTRAINT_VIOLATION",
    ]
    answer = await stage.ask("{ items { totalCount } }")
    assert answer == {"data": {"items": {"totalCount": 7}}}
