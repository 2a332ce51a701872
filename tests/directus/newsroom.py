"""A domain over the Directus of the tests and a table of trends, joined both ways, and its engine."""

from __future__ import annotations

import enum
from contextlib import asynccontextmanager
from datetime import date, datetime  # noqa: TC003 - read by decorators at run time
from decimal import Decimal  # noqa: TC003 - read by decorators at run time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from asking import Asking, built, engine_over
from strawberry import ID  # noqa: TC002 - read by decorators at run time
from strawberry.scalars import JSON  # noqa: TC002 - read by decorators at run time

from gateway import (
    BigInt,
    Cache,
    Connection,
    Domain,
    ItemGroups,
    Items,
    by_key,
    directus_any,
    directus_asset,
    directus_by_id,
    directus_collection,
    directus_field,
    directus_groups,
    directus_item,
    directus_items,
    directus_local,
    directus_many,
    directus_one,
    entity,
    field,
    listing,
    queries,
)
from gateway.caching.assembly import Options, make_cache
from gateway.caching.dependencies import Dependencies
from gateway.execution.cache.reads import CachedReads
from gateway.planning.arguments import PageLimits
from gateway.planning.registry import Registry
from gateway.sources.directus.sending import Sending
from gateway.sources.directus.source import DirectusSource
from gateway.sources.postgres.source import PostgresSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from gateway.execution.engine import Engine
    from gateway.schema.build import Api
    from gateway.sources.directus.faults import Envelope
    from gateway.sources.http import Outgoing

METADATA = sa.MetaData()
TRENDS = sa.Table(
    "newsroom_trends",
    METADATA,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
)


@entity(TRENDS)
class Trend:
    """A trend that articles are about."""

    id: ID
    title: str
    article: Article | None = directus_item("articles", match="trend_id")
    draft: Draft | None = directus_item("articles", match="trend_id")

    @field(needs=("title",))
    def shout(self) -> str:
        """A plain resolver."""
        return self.title.upper()


class Status(enum.Enum):
    """Where an article stands."""

    DRAFT = "draft"
    OUT = "published"


@directus_collection("articles", key_type=int)
class Article:
    """An article."""

    id: ID
    title: str
    slug: str | None
    body: str | None
    status: Status | None
    rating: int | None
    price: Decimal | None
    views: BigInt | None
    published_on: date | None
    created: datetime | None = directus_field(readonly=True)
    extra: JSON | None
    featured: bool | None
    about: int | None = directus_field("trend_id")
    author: Author | None = directus_one("author")
    cover: File | None = directus_one("cover")
    cover_url: str | None = directus_asset("cover")
    comments: list[Comment] | None = directus_many("comments")
    tags: list[Tag] | None = directus_many("tags", through="tags_id")
    blocks: list[Paragraph | Quote] | None = directus_any("blocks")
    trend: Trend | None = directus_local("trend_id")


@directus_collection("articles", key_type=int)
class Draft:
    """An article whose types do not fit what is there, in several ways."""

    id: ID
    title: int | None
    slug: str | None
    rating: str | None


@directus_collection("authors", key_type=int, cache=Cache(max_age=600))
class Author:
    """Who writes."""

    id: ID
    name: str | None
    articles: list[Article] | None = directus_many("articles")


@directus_collection("comments", key_type=int)
class Comment:
    """What somebody says."""

    id: ID
    text: str | None
    article: Article | None = directus_one("article")


@directus_collection("tags", key_type=int)
class Tag:
    """A tag."""

    id: ID
    name: str | None


@directus_collection("paragraphs", key_type=int)
class Paragraph:
    """A block of text."""

    id: ID
    text: str | None
    trend: Trend | None = directus_local("id")


@directus_collection("quotes", key_type=int)
class Quote:
    """A block somebody said."""

    id: ID
    text: str | None
    source: str | None


@directus_collection("directus_files")
class File:
    """A file."""

    id: ID
    title: str | None
    url: str | None = directus_asset()


@queries
class Roots:
    """Reading."""

    trend: Trend | None = by_key()
    trends: Connection[Trend] | None = listing()
    article: Article | None = directus_by_id()
    articles: Items[Article] | None = directus_items()
    article_groups: ItemGroups[Article] | None = directus_groups()
    author: Author | None = directus_by_id()
    authors: Items[Author] | None = directus_items()
    drafts: Items[Draft] | None = directus_items()
    files: Items[File] | None = directus_items()


COLLECTIONS = [Article, Draft, Author, Comment, Tag, Paragraph, Quote, File]
DOMAIN = Domain(entities=[Trend], queries=[Roots], collections=COLLECTIONS)


class Recording(Sending):
    """Sends, and remembers what was sent: method and path with its query, or with its body."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.requests: list[tuple[str, str]] = []

    async def ask(
        self, request: Outgoing, deadline: float, passed: Iterable[tuple[str, str]] = ()
    ) -> Envelope:
        self.requests.append((request.method, request.path))
        return await super().ask(request, deadline, passed)


class Newsroom(Asking):
    """A running engine over a Directus."""

    def __init__(self, api: Api, engine: Engine, sent: Recording | None) -> None:
        self.api = api
        self.engine = engine
        self.sent = sent

    @property
    def requests(self) -> list[tuple[str, str]]:
        """What was sent since it was last looked at."""
        assert self.sent is not None
        found, self.sent.requests = self.sent.requests, []
        return found


@asynccontextmanager
async def running(
    sending: Recording | None,
    database: str | None = None,
    *,
    domain: Domain = DOMAIN,
    cached: bool = False,
    **options: Any,
) -> AsyncIterator[Newsroom]:
    """An engine over a Directus, and over a database where one is given; `cached` as declared."""
    api = built(domain)
    items = DirectusSource("directus", sending, **options)
    rows = PostgresSource("postgres", database, api.catalog) if database else None
    sources: dict[str, Any] = {"directus": items} | ({"postgres": rows} if rows else {})
    registry = Registry({"default": rows} if rows else {}, {}, {}, items={"default": items})
    engine, groups = engine_over(api, sources, registry, PageLimits(default=5, most=50))
    cache = make_cache(Options(early_refresh=0.0), None)
    if cached:
        dependencies = Dependencies(api.catalog.entities)
        engine.cached = CachedReads(
            cache, api.catalog, dependencies, groups, engine.describe, schema=b"newsroom"
        )
    for source in sources.values():
        await source.open()
    try:
        yield Newsroom(api, engine, sending)
    finally:
        await cache.close()
        for source in sources.values():
            await source.close()
