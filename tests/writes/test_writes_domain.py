"""Writes in the bundled domain, whose triggers count versions and items and keep times."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from writes.stand import code_of, standing

from gateway.sources.postgres.migrate import upgrade
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase
    from writes.stand import Stand

MIGRATIONS = Path(__file__).parents[2] / "migrations"
TOPIC = """
mutation ($new: TopicInsert!) {
  insertTopic(input: $new) {
    id
    trends { nodes { id version state } }
  }
}
"""
MOMENT = "2024-01-01T00:00:00+00:00"
ITEMS = [
    {"title": title, "source": "RSS", "sourceId": title, "publishedAt": MOMENT}
    for title in ("Aurora", "Comet")
]
NEW = {
    "title": "Space",
    "category": "SCIENCE",
    "firstSeen": MOMENT,
    "lastUpdated": MOMENT,
    "trends": [
        {
            "title": "Aurora over Rome",
            "rank": 1,
            "category": "SCIENCE",
            "state": "EMERGING",
            "firstSeen": MOMENT,
            "lastUpdated": MOMENT,
        }
    ],
}


@pytest.fixture(scope="module")
async def domain(module_database: FreshDatabase) -> AsyncIterator[Stand]:
    """The bundled domain over its own tables, empty."""
    url = await module_database()
    await upgrade(url, MIGRATIONS)
    async with standing("resolvers", "select 1", {"POSTGRES_URL": url}) as stand:
        stand.viewer = Viewer("ed", roles=frozenset({"editor"}))
        yield stand


@pytest.fixture
async def topic(domain: Stand) -> AsyncIterator[str]:
    """A topic with a trend; its id."""
    data = await domain.data(TOPIC, {"new": NEW})
    (trend,) = data["insertTopic"]["trends"]["nodes"]
    assert (trend["version"], trend["state"]) == (1, "EMERGING")
    yield data["insertTopic"]["id"]
    await domain.connection.execute("truncate topics, processed_items, trends cascade")


async def test_items_are_counted_by_the_trigger(domain: Stand, topic: str) -> None:
    """What a trigger made of a write is in the row that the next field of the mutation returns."""
    data = await domain.data(
        "mutation ($items: [ItemInsert!]!) { insertItems(inputs: $items) { id } }",
        {"items": ITEMS},
    )
    first, second = (item["id"] for item in data["insertItems"])
    place = (
        "mutation ($topic: ID!, $first: ID!, $second: ID!) @transaction {"
        " a: upsertTopicItem(input: {topicId: $topic, itemId: $first, position: 1,"
        " relevance: 1}) { topic { itemCount } }"
        " b: upsertTopicItem(input: {topicId: $topic, itemId: $second, position: 2,"
        " relevance: 0.5}) { topic { itemCount } }"
        " c: deleteTopicItem(topicId: $topic, itemId: $first) { topic { itemCount } }"
        ' d: updateTopic(id: $topic, set: {title: "Sky"}) { itemCount } }'
    )
    data = await domain.data(place, {"topic": topic, "first": first, "second": second})
    assert data == {
        "a": {"topic": {"itemCount": 1}},
        "b": {"topic": {"itemCount": 2}},
        "c": {"topic": {"itemCount": 2}},
        "d": {"itemCount": 1},
    }


async def test_the_version_counts_by_one(domain: Stand, topic: str) -> None:
    """Trigger and gateway both count, and agree; an older version is a conflict."""
    document = (
        "mutation ($id: ID!, $version: Int, $set: TrendPatch!)"
        " { updateTrend(id: $id, version: $version, set: $set) { version state } }"
    )
    trend = str(await domain.value("select id from trends where topic_id = $1", int(topic)))
    change = {"id": trend, "version": 1, "set": {"state": "VIRAL"}}
    assert await domain.data(document, change) == {"updateTrend": {"version": 2, "state": "VIRAL"}}
    assert code_of(await domain.error(document, change)) == "VERSION_CONFLICT"
    assert await domain.data(document, {**change, "version": None}) == {
        "updateTrend": {"version": 3, "state": "VIRAL"}
    }


async def test_one_of_many_with_the_same_version_wins(domain: Stand, topic: str) -> None:
    """Of twenty changes at once that all read version 1 exactly one is stored."""
    trend = str(await domain.value("select id from trends where topic_id = $1", int(topic)))
    document = (
        "mutation ($id: ID!, $rank: Int!)"
        " { updateTrend(id: $id, version: 1, set: {rank: $rank}) { rank } }"
    )
    answers = await asyncio.gather(
        *(domain.ask(document, {"id": trend, "rank": rank}) for rank in range(2, 22))
    )
    won = [answer["data"]["updateTrend"] for answer in answers if "errors" not in answer]
    assert len(won) == 1
    lost = {code_of(answer["errors"][0]) for answer in answers if "errors" in answer}
    assert lost == {"VERSION_CONFLICT"}
    assert won == [{"rank": await domain.value("select rank from trends")}]


async def test_a_repeated_item_is_the_same_item(domain: Stand) -> None:
    """Items are unique by source and its id: a second upsert updates, an insert does nothing."""
    upsert = "mutation ($new: ItemInsert!) { upsertItem(input: $new) { title } }"
    insert = "mutation ($new: ItemInsert!) { insertItem(input: $new) { title } }"
    again = {**ITEMS[0], "title": "Again"}
    assert await domain.data(upsert, {"new": ITEMS[0]}) == {"upsertItem": {"title": "Aurora"}}
    assert await domain.data(upsert, {"new": again}) == {"upsertItem": {"title": "Again"}}
    third = {**ITEMS[0], "title": "A third time"}
    assert await domain.data(insert, {"new": third}) == {"insertItem": None}
    many = "mutation ($new: [ItemInsert!]!) { insertItems(inputs: $new) { title } }"
    new = [third, {**third, "sourceId": "another"}]
    assert await domain.data(many, {"new": new}) == {"insertItems": [{"title": "A third time"}]}
    titles = await domain.rows("select title from processed_items order by id")
    assert titles == [("Again",), ("A third time",)]


async def test_items_enter_a_topic_with_it(domain: Stand) -> None:
    """New items first and fitting; items that are there with a place of their own."""
    made = await domain.data(
        "mutation ($items: [ItemInsert!]!) { insertItems(inputs: $items) { id } }",
        {"items": [{**one, "sourceId": f"sky {one['title']}"} for one in ITEMS]},
    )
    first, second = (row["id"] for row in made["insertItems"])
    fresh = {"title": "Eclipse", "source": "RSS", "sourceId": "Eclipse"}
    new = {
        "title": "Sky",
        "category": "SCIENCE",
        "items": [fresh],
        "topicItems": [
            {"itemId": first, "position": 3},
            {"itemId": second, "position": 2, "relevance": 0.5},
        ],
    }
    data = await domain.data(
        """mutation ($new: TopicInsert!) { insertTopic(input: $new) {
            topicItems(orderBy: [{position: ASC}]) {
                nodes { position relevance item { title topicItems { totalCount } } }
            }
        } }""",
        {"new": new},
    )
    places = [
        (row["position"], row["relevance"], row["item"]["title"])
        for row in data["insertTopic"]["topicItems"]["nodes"]
    ]
    assert places == [(1, 1.0, "Eclipse"), (2, 0.5, "Comet"), (3, 1.0, "Aurora")]
