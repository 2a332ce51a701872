"""Items: what the collectors brought in, normalised."""

from datetime import datetime

from strawberry import ID
from strawberry.scalars import JSON

from gateway import (
    Cache,
    Connection,
    Facets,
    HitGroups,
    Hits,
    VectorCollection,
    VectorSync,
    by_key,
    delete,
    delete_many,
    entity,
    facets,
    has_many,
    insert,
    insert_many,
    listing,
    many_through,
    mutations,
    nearest,
    queries,
    recommend,
    search,
    search_batch,
    search_groups,
    update,
    update_many,
    upsert,
    upsert_many,
)
from resolvers import models
from resolvers.models import ItemSource, TrendCategory
from resolvers.topics import Topic, TopicItem

ITEMS = VectorCollection(
    "item_embeddings",
    size=256,
    payload={
        "category": TrendCategory,
        "source": ItemSource,
        "language": str,
        "topicId": int,
        "user": str,
        "technique": str,
        "publishedAt": datetime,
    },
)

_ITEM = models.processed_items.c
ITEM_SYNC = VectorSync(
    ITEMS,
    models.processed_items,
    text=_ITEM.content,
    payload={
        "category": _ITEM.metadata["category"],
        "source": _ITEM.source,
        "language": _ITEM.language,
        "topicId": _ITEM.metadata["topic"],
        "user": _ITEM.metadata["user"],
        "technique": _ITEM.metadata["technique"],
        "publishedAt": _ITEM.published_at,
    },
    indexed=("category", "source", "language", "publishedAt"),
)


@entity(models.processed_items, cache=Cache(30, stale_while_revalidate=30))
class Item:
    """A normalised item from a source; a source's own id occurs once."""

    id: ID
    source: ItemSource
    source_id: str
    title: str
    content: str
    author: str | None
    url: str | None
    language: str
    published_at: datetime | None
    collected_at: datetime
    metrics: JSON
    metadata: JSON
    topics: Connection[Topic] = many_through(
        models.topic_items, description="The topics it belongs to."
    )
    topic_items: Connection[TopicItem] = has_many(
        "item_id", description="Its places in these topics."
    )
    similar: "Hits[Item] | None" = nearest(ITEMS, description="Items that mean something similar.")


@queries
class ItemQueries:
    """Reading items."""

    item: Item | None = by_key(description="The item with this id.")
    items: Connection[Item] | None = listing(description="All items.")
    search_items: Hits[Item] | None = search(ITEMS, description="Items by what they mean.")
    search_items_batch: list[Hits[Item]] | None = search_batch(
        ITEMS, description="Several searches for items, in one engine call."
    )
    search_item_groups: HitGroups[Item] | None = search_groups(
        ITEMS, description="The best items of each category, source or the like."
    )
    recommend_items: Hits[Item] | None = recommend(
        ITEMS, description="Items like some and unlike others."
    )
    item_facets: Facets[Item] | None = facets(
        ITEMS, description="How many items have each category, source or the like."
    )


@mutations(roles=["editor", "admin"])
class ItemMutations:
    """Writing items: what a source brings twice is left as it is, or brought up to date."""

    insert_item: Item | None = insert(
        ignore=("source", "source_id"),
        description="A new item; null where its source already brought it, which changes nothing.",
    )
    insert_items: list[Item] | None = insert_many(
        ignore=("source", "source_id"),
        description="Items; only those that are new are inserted and come back.",
    )
    upsert_item: Item | None = upsert(
        "source", "source_id", description="A new item, or the one its source already brought."
    )
    upsert_items: list[Item] | None = upsert_many(
        "source", "source_id", description="Items, new or already brought."
    )
    update_item: Item | None = update(description="Changes to an item.")
    update_items: list[Item] | None = update_many(description="Changes to several items.")
    delete_item: Item | None = delete(description="Deletes an item.")
    delete_items: list[Item] | None = delete_many(
        description="Deletes several items, such as those collected before a date."
    )
