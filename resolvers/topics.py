"""Topics: clusters of items about one thing."""

from datetime import datetime
from typing import TYPE_CHECKING

from strawberry import ID
from strawberry.scalars import JSON

from gateway import (
    Cache,
    Connection,
    belongs_to,
    by_key,
    delete,
    delete_many,
    entity,
    has_many,
    insert,
    insert_many,
    listing,
    many_through,
    mutations,
    queries,
    update,
    update_many,
    upsert,
)
from resolvers import models
from resolvers.models import TrendCategory
from resolvers.trends import Trend

if TYPE_CHECKING:
    from resolvers.items import Item


# A trigger of the database counts a topic's items: what changes those changes topics.
@entity(
    models.topics,
    cache=Cache(30, stale_while_revalidate=30, tags=("TopicItem", "TopicItem[]")),
)
class Topic:
    """A cluster of items about one thing."""

    id: ID
    title: str
    summary: str
    category: TrendCategory
    language: str
    keywords: list[str]
    item_count: int
    engagement_score: float
    first_seen: datetime | None
    last_updated: datetime | None
    metadata: JSON
    trends: Connection[Trend] = has_many("topic_id", description="Trends that grew from it.")
    items: "Connection[Item]" = many_through(
        models.topic_items, description="The items it is made of."
    )
    topic_items: "Connection[TopicItem]" = has_many(
        "topic_id", description="The places of its items."
    )


@entity(models.topic_items, key=("topic_id", "item_id"), cache=Cache(30))
class TopicItem:
    """An item's place in a topic."""

    topic_id: ID
    item_id: ID
    position: int
    relevance: float
    topic: Topic | None = belongs_to("topic_id", description="The topic.")
    item: "Item | None" = belongs_to("item_id", description="The item.")


@queries
class TopicQueries:
    """Reading topics."""

    topic: Topic | None = by_key(description="The topic with this id.")
    topics: Connection[Topic] | None = listing(description="All topics.")
    topic_item: TopicItem | None = by_key(description="An item's place in a topic.")


@mutations(roles=["editor", "admin"])
class TopicMutations:
    """Writing topics."""

    insert_topic: Topic | None = insert(description="A new topic, its trends with it.")
    insert_topics: list[Topic] | None = insert_many(description="New topics.")
    update_topic: Topic | None = update(description="Changes to a topic.")
    update_topics: list[Topic] | None = update_many(description="Changes to several topics.")
    delete_topic: Topic | None = delete(description="Deletes a topic.")
    delete_topics: list[Topic] | None = delete_many(description="Deletes several topics.")
    upsert_topic_item: TopicItem | None = upsert(
        "topic_id", "item_id", description="Puts an item into a topic, or moves it there."
    )
    delete_topic_item: TopicItem | None = delete(description="Takes an item out of a topic.")
