"""Trends: what is on the rise, ranked, with what is like it and how often it was looked at."""

from datetime import datetime
from typing import TYPE_CHECKING

from strawberry import ID
from strawberry.scalars import JSON

from gateway import (
    Cache,
    Connection,
    Facets,
    HitGroups,
    Hits,
    Remote,
    VectorCollection,
    VectorSync,
    belongs_to,
    by_key,
    delete,
    delete_many,
    directus_item,
    entity,
    facets,
    field,
    insert,
    insert_many,
    listing,
    mutations,
    nearest,
    queries,
    recommend,
    remote,
    search,
    search_batch,
    search_groups,
    state_counter,
    update,
    update_each,
    update_many,
)
from resolvers import models
from resolvers.models import ItemSource, TrendCategory, TrendState

if TYPE_CHECKING:
    from resolvers.articles import Article
    from resolvers.topics import Topic


TRENDS = VectorCollection(
    "trend_embeddings",
    size=256,
    payload={
        "category": TrendCategory,
        "state": TrendState,
        "source": ItemSource,
        "language": str,
        "score": float,
        "velocity": float,
        "topicId": int,
        "firstSeen": datetime,
        "lastUpdated": datetime,
    },
)

_TREND = models.trends.c
TREND_SYNC = VectorSync(
    TRENDS,
    models.trends,
    text=_TREND.title + ". " + _TREND.summary,
    payload={
        "category": _TREND.category,
        "state": _TREND.state,
        "source": _TREND.sources[1],
        "language": _TREND.language,
        "score": _TREND.score,
        "velocity": _TREND.velocity,
        "topicId": _TREND.topic_id,
        "firstSeen": _TREND.first_seen,
        "lastUpdated": _TREND.last_updated,
    },
    indexed=("category", "source", "language", "state", "score", "lastUpdated"),
)


@entity(models.trends, cache=Cache(10, stale_while_revalidate=20))
class Trend:
    """A ranked, analysed topic."""

    id: ID
    rank: int
    title: str
    summary: str
    category: TrendCategory
    state: TrendState
    score: float
    item_count: int
    velocity: float
    first_seen: datetime
    last_updated: datetime
    upvotes: int
    comments: int
    engagement_score: float
    sources: list[str]
    language: str
    keywords: list[str]
    metadata: JSON
    version: int
    owner_id: str | None
    owner: Remote | None = remote(
        "people", "Person", "owner_id", description="Who looks after the trend."
    )
    topic: "Topic | None" = belongs_to("topic_id", description="The topic this trend grew from.")
    similar: "Hits[Trend] | None" = nearest(
        TRENDS, description="Trends that mean something similar."
    )
    article: "Article | None" = directus_item(
        "articles", match="trend_id", description="What an editor wrote about it."
    )
    views: int | None = state_counter(
        "views:trend_{id}", description="How often the trend was looked at."
    )

    @field(needs=("state", "velocity"))
    def momentum(self) -> str:
        """Where the trend is heading, in words."""
        direction = "growing" if self.velocity > 0 else "fading" if self.velocity < 0 else "steady"
        return f"{self.state.value}, {direction}"


@entity(models.top_trends_today, key="id", cache=Cache(300, stale_while_revalidate=60))
class TopTrend:
    """A trend at the top of its category, as of the last refresh."""

    id: ID
    rank: int
    category_rank: int
    title: str
    summary: str
    category: TrendCategory
    state: TrendState
    score: float
    item_count: int
    velocity: float
    keywords: list[str]
    refreshed_at: datetime
    topic: "Topic | None" = belongs_to("topic_id", description="The topic this trend grew from.")
    trend: Trend | None = belongs_to("id", description="The whole trend, as it is now.")
    views: int | None = state_counter(
        "views:trend_{id}", description="How often the trend was looked at."
    )


@queries
class TrendQueries:
    """Reading trends."""

    trend: Trend | None = by_key(description="The trend with this id.")
    trends: Connection[Trend] | None = listing(near=TRENDS, description="All trends.")
    top_trends: Connection[TopTrend] | None = listing(
        description="The top trends of each category, as of the last refresh."
    )
    search_trends: Hits[Trend] | None = search(TRENDS, description="Trends by what they mean.")
    search_trends_batch: list[Hits[Trend]] | None = search_batch(
        TRENDS, description="Several searches for trends, in one engine call."
    )
    search_trend_groups: HitGroups[Trend] | None = search_groups(
        TRENDS, description="The best trends of each category, state or the like."
    )
    recommend_trends: Hits[Trend] | None = recommend(
        TRENDS, description="Trends like some and unlike others."
    )
    trend_facets: Facets[Trend] | None = facets(
        TRENDS, description="How many trends have each category, state or the like."
    )


@mutations(roles=["editor", "admin"])
class TrendMutations:
    """Writing trends."""

    insert_trend: Trend | None = insert(description="A new trend.")
    insert_trends: list[Trend] | None = insert_many(description="New trends.")
    update_trend: Trend | None = update(version="version", description="Changes to a trend.")
    update_trends: list[Trend] | None = update_many(description="Changes to several trends.")
    update_each_trend: list[Trend] | None = update_each(
        description="Changes to several trends, to each its own."
    )
    delete_trend: Trend | None = delete(description="Deletes a trend.")
    delete_trends: list[Trend] | None = delete_many(description="Deletes several trends.")
