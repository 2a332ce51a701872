"""Articles about trends, as editors write them in Directus."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from strawberry import ID

from gateway import (
    ItemGroups,
    Items,
    directus_by_id,
    directus_collection,
    directus_field,
    directus_groups,
    directus_items,
    directus_local,
    directus_many,
    directus_one,
    queries,
)

if TYPE_CHECKING:
    from resolvers.trends import Trend


class ArticleStatus(Enum):
    """Where an article stands."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


@directus_collection("articles", key_type=int)
class Article:
    """What an editor wrote about a trend."""

    id: ID = directus_field(description="Its number.")
    status: ArticleStatus | None = directus_field(description="Where it stands.")
    title: str | None = directus_field(description="Its headline.")
    slug: str | None = directus_field(description="Its name in addresses.")
    summary: str | None = directus_field(description="What it says, in a few sentences.")
    body: str | None = directus_field(description="Its text.")
    published_at: datetime | None = directus_field(description="When it was published.")
    trend_id: ID | None = directus_field(description="The trend it is about.")
    author: "Author | None" = directus_one("author", description="Who wrote it.")
    trend: "Trend | None" = directus_local("trend_id", description="What it is about.")


@directus_collection("authors", key_type=int)
class Author:
    """Who writes articles."""

    id: ID = directus_field(description="Their number.")
    name: str | None = directus_field(description="Their name.")
    biography: str | None = directus_field(description="Who they are, in a few sentences.")
    articles: list[Article] | None = directus_many("articles", description="What they wrote.")


@queries
class ArticleQueries:
    """Reading articles."""

    article: Article | None = directus_by_id(description="The article with this id.")
    articles: Items[Article] | None = directus_items(description="Articles.")
    article_groups: ItemGroups[Article] | None = directus_groups(
        description="What articles amount to, in groups."
    )
    author: Author | None = directus_by_id(description="The author with this id.")
    authors: Items[Author] | None = directus_items(description="Authors.")
