"""Items: what the collectors brought in, normalised."""

from datetime import datetime

from strawberry import ID
from strawberry.scalars import JSON

from gateway import (
    Connection,
    Hits,
    by_key,
    entity,
    listing,
    many_through,
    nearest,
    queries,
    search,
)
from resolvers import models
from resolvers.models import ItemSource
from resolvers.topics import Topic


@entity(models.processed_items)
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
    similar: "Hits[Item] | None" = nearest(
        "item_embeddings", description="Items that mean something similar."
    )


@queries
class ItemQueries:
    """Reading items."""

    item: Item | None = by_key(description="The item with this id.")
    items: Connection[Item] | None = listing(description="All items.")
    search_items: Hits[Item] | None = search(
        "item_embeddings", description="Items by what they mean."
    )
