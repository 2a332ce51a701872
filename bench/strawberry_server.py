"""The peer: the same fragment of the schema as people write it with Strawberry.

Strawberry's own ASGI view with its parser and validation caches, DataLoaders made for each
request, an asyncpg pool, and SQL by hand that reads the needed columns and limits within the
database. Reads `BENCH_DATABASE_URL`; run by the bench under uvicorn as the gateway is.
"""

from __future__ import annotations

import base64
import os
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import asyncpg
import strawberry
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

from resolvers.models import ItemSource, TrendCategory, TrendState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

POOL_SIZE = 20
"""As many connections as the gateway opens by default."""

PAGE = 10

strawberry.enum(ItemSource)
strawberry.enum(TrendCategory)
strawberry.enum(TrendState)

Node = TypeVar("Node")


def to_cursor(key: int) -> str:
    """An opaque cursor for a row's key."""
    return base64.urlsafe_b64encode(str(key).encode()).decode()


def from_cursor(cursor: str | None) -> int:
    """The key in a cursor; 0, before every key, where there is none."""
    return int(base64.urlsafe_b64decode(cursor)) if cursor else 0


@strawberry.type
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[Node]):
    """A row and its place in the list."""

    node: Node
    key: strawberry.Private[int]

    @strawberry.field
    def cursor(self) -> str:
        """Its place."""
        return to_cursor(self.key)


@strawberry.type
class Connection(Generic[Node]):
    """A page of a list."""

    edges: list[Edge[Node]]
    more: strawberry.Private[bool]
    started_after: strawberry.Private[int]

    @strawberry.field
    def nodes(self) -> list[Node]:
        """The page's rows."""
        return [edge.node for edge in self.edges]

    @strawberry.field
    def page_info(self) -> PageInfo:
        """Where the page lies."""
        return PageInfo(
            has_next_page=self.more,
            has_previous_page=self.started_after > 0,
            start_cursor=to_cursor(self.edges[0].key) if self.edges else None,
            end_cursor=to_cursor(self.edges[-1].key) if self.edges else None,
        )


def page(
    rows: Sequence[asyncpg.Record],
    first: int,
    make: Callable[[asyncpg.Record], Node],
    after: int = 0,
) -> Connection[Node]:
    """A page of `first` rows; `rows` holds one more when there is a next page."""
    return Connection(
        edges=[Edge(node=make(row), key=row["id"]) for row in rows[:first]],
        more=len(rows) > first,
        started_after=after,
    )


@strawberry.type
class Item:
    """A text from a source."""

    id: strawberry.ID
    title: str
    source: ItemSource

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Item:
        """An item from its columns."""
        return cls(
            id=strawberry.ID(str(row["id"])),
            title=row["title"],
            source=ItemSource(row["source"]),
        )


@strawberry.type
class Topic:
    """A cluster of items."""

    id: strawberry.ID
    title: str
    key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Topic:
        """A topic from its columns."""
        return cls(id=strawberry.ID(str(row["id"])), title=row["title"], key=row["id"])

    @strawberry.field
    async def items(
        self, info: strawberry.Info[Context, None], first: int = PAGE
    ) -> Connection[Item]:
        """Its first items, by their number."""
        rows = await info.context.items_of_topic.load((self.key, first))
        return page(rows, first, Item.from_row)


@strawberry.type
class Trend:
    """A topic that was ranked and analysed."""

    id: strawberry.ID
    title: str
    summary: str
    category: TrendCategory
    state: TrendState
    score: float
    rank: int
    item_count: int
    topic_id: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Trend:
        """A trend from its columns."""
        return cls(
            id=strawberry.ID(str(row["id"])),
            title=row["title"],
            summary=row["summary"],
            category=TrendCategory(row["category"]),
            state=TrendState(row["state"]),
            score=row["score"],
            rank=row["rank"],
            item_count=row["item_count"],
            topic_id=row["topic_id"],
        )

    @strawberry.field
    async def topic(self, info: strawberry.Info[Context, None]) -> Topic | None:
        """The topic that is trending."""
        return await info.context.topics.load(self.topic_id)


TREND_COLUMNS = "id, title, summary, category, state, score, rank, item_count, topic_id"
TREND_SQL = f"SELECT {TREND_COLUMNS} FROM trends WHERE id = $1"  # noqa: S608 - constants
TRENDS_SQL = f"""
    SELECT {TREND_COLUMNS} FROM trends WHERE id > $1 ORDER BY id LIMIT $2
"""  # noqa: S608 - constants
TOPICS_SQL = "SELECT id, title FROM topics WHERE id = ANY($1::bigint[])"
ITEMS_SQL = """
    SELECT wanted.topic_id, item.id, item.title, item.source
    FROM unnest($1::bigint[]) AS wanted (topic_id)
    CROSS JOIN LATERAL (
        SELECT i.id, i.title, i.source
        FROM topic_items ti
        JOIN processed_items i ON i.id = ti.item_id
        WHERE ti.topic_id = wanted.topic_id
        ORDER BY ti.item_id
        LIMIT $2
    ) item
"""


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    async def trend(
        self,
        info: strawberry.Info[Context, None],
        id: strawberry.ID,  # noqa: A002 - the argument's name in the schema
    ) -> Trend | None:
        """A trend by its number."""
        row = await info.context.pool.fetchrow(TREND_SQL, int(id))
        return Trend.from_row(row) if row else None

    @strawberry.field
    async def trends(
        self, info: strawberry.Info[Context, None], first: int = PAGE, after: str | None = None
    ) -> Connection[Trend]:
        """Trends by their number."""
        start = from_cursor(after)
        rows = await info.context.pool.fetch(TRENDS_SQL, start, first + 1)
        return page(rows, first, Trend.from_row, start)


@dataclass
class Context:
    """What a request's resolvers share."""

    pool: asyncpg.Pool
    topics: DataLoader[int, Topic | None]
    items_of_topic: DataLoader[tuple[int, int], list[asyncpg.Record]]


def context_for(pool: asyncpg.Pool) -> Context:
    """A request's context, with loaders of its own."""

    async def load_topics(keys: list[int]) -> list[Topic | None]:
        rows = await pool.fetch(TOPICS_SQL, keys)
        found = {row["id"]: Topic.from_row(row) for row in rows}
        return [found.get(key) for key in keys]

    async def load_items(keys: list[tuple[int, int]]) -> list[list[asyncpg.Record]]:
        topics_by_size: dict[int, list[int]] = defaultdict(list)
        for topic_id, first in keys:
            topics_by_size[first].append(topic_id)
        found: dict[tuple[int, int], list[asyncpg.Record]] = defaultdict(list)
        for first, topic_ids in topics_by_size.items():
            for row in await pool.fetch(ITEMS_SQL, topic_ids, first + 1):
                found[row["topic_id"], first].append(row)
        return [found[key] for key in keys]

    return Context(pool, DataLoader(load_topics), DataLoader(load_items))


class View(GraphQL[Context, None]):
    """Strawberry's ASGI view, with a context for each request."""

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> Context:
        """The context of one request."""
        del response
        return context_for(request.app.state.pool)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the pool before the first request, close it after the last."""
    dsn = os.environ["BENCH_DATABASE_URL"]
    async with asyncpg.create_pool(dsn, min_size=POOL_SIZE, max_size=POOL_SIZE) as pool:
        app.state.pool = pool
        yield


schema: Any = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
app = Starlette(routes=[Route("/graphql", View(schema))], lifespan=lifespan)
