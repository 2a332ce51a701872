"""The peer: the same fragment of the schema as people write it with Strawberry.

Strawberry's own ASGI view with its parser and validation caches, DataLoaders made for each
request, an asyncpg pool, and SQL by hand that reads the needed columns and limits within the
database. Reads `BENCH_DATABASE_URL`; run by the bench under uvicorn as the gateway is.
"""

from __future__ import annotations

import base64
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable  # noqa: TC003 - Strawberry reads annotations
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

from bench.strawberry_lists import (
    Greatest,
    ItemOrderBy,
    ItemWhere,
    Least,
    TopicInsert,
    TrendAggregate,
    TrendOrderBy,
    TrendWhere,
    order,
    trend_conditions,
)
from resolvers.models import ItemSource, TrendCategory, TrendState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

POOL_SIZE = 20
"""As many connections as the gateway opens by default."""

PAGE = 10

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
    count: strawberry.Private[Callable[[], Awaitable[int]] | None] = None

    @strawberry.field
    async def total_count(self) -> int:
        """How many rows there are on all pages; counted when it is asked for."""
        if self.count is None:
            raise ValueError("this list is not counted")
        return await self.count()

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
    count: Callable[[], Awaitable[int]] | None = None,
) -> Connection[Node]:
    """A page of `first` rows; `rows` holds one more when there is a next page."""
    return Connection(
        edges=[Edge(node=make(row), key=row["id"]) for row in rows[:first]],
        more=len(rows) > first,
        started_after=after,
        count=count,
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
class TopicTrends:
    """The trends of a topic."""

    key: strawberry.Private[int]

    @strawberry.field
    async def aggregate(self, info: strawberry.Info[Context, None]) -> TrendAggregate:
        """What they have in common."""
        return await info.context.aggregates.load(self.key)


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
        self,
        info: strawberry.Info[Context, None],
        first: int = PAGE,
        where: ItemWhere | None = None,
        order_by: list[ItemOrderBy] | None = None,
    ) -> Connection[Item]:
        """Its first items, by their number unless an order is given."""
        source = where.source.eq.value if where else None
        asked = (first, source, order(order_by or []))
        rows = await info.context.items_of_topic.load((self.key, asked))
        return page(rows, first, Item.from_row)

    @strawberry.field
    def trends(self) -> TopicTrends:
        """The trends that grew from it."""
        return TopicTrends(key=self.key)


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
LISTED_SQL = f"SELECT {TREND_COLUMNS} FROM trends WHERE {{}} ORDER BY {{}} LIMIT ${{}}"  # noqa: S608 - constants
COUNT_SQL = "SELECT count(*) FROM trends WHERE {}"
TOPICS_SQL = "SELECT id, title FROM topics WHERE id = ANY($1::bigint[])"
ITEMS_SQL = """
    SELECT wanted.topic_id, item.id, item.title, item.source
    FROM unnest($1::bigint[]) AS wanted (topic_id)
    CROSS JOIN LATERAL (
        SELECT i.id, i.title, i.source
        FROM topic_items ti
        JOIN processed_items i ON i.id = ti.item_id
        WHERE ti.topic_id = wanted.topic_id {condition}
        ORDER BY {order}
        LIMIT $2
    ) item
"""
AGGREGATES_SQL = """
    SELECT topic_id, count(*) AS count, min(rank) AS rank, max(score) AS score
    FROM trends WHERE topic_id = ANY($1::bigint[]) GROUP BY topic_id
"""
INSERT_SQL = """
    INSERT INTO topics (title, summary, category)
    SELECT * FROM unnest($1::text[], $2::text[], $3::trend_category[])
    RETURNING id, title
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
        self,
        info: strawberry.Info[Context, None],
        first: int = PAGE,
        after: str | None = None,
        where: TrendWhere | None = None,
        order_by: list[TrendOrderBy] | None = None,
    ) -> Connection[Trend]:
        """Trends by their number; or from the first on, those asked for in the order asked for."""
        pool = info.context.pool
        if where or order_by:
            conditions, values = trend_conditions(where)
            sql = LISTED_SQL.format(conditions, order(order_by or []), len(values) + 1)
            listed = await pool.fetch(sql, *values, first + 1)

            async def count() -> int:
                return int(await pool.fetchval(COUNT_SQL.format(conditions), *values))

            return page(listed, first, Trend.from_row, count=count)
        start = from_cursor(after)
        rows = await info.context.pool.fetch(TRENDS_SQL, start, first + 1)
        return page(rows, first, Trend.from_row, start)


@strawberry.type
class Mutation:
    """What writes."""

    @strawberry.mutation
    async def insert_topics(
        self, info: strawberry.Info[Context, None], inputs: list[TopicInsert]
    ) -> list[Topic]:
        """New topics."""
        columns = (
            [one.title for one in inputs],
            [one.summary for one in inputs],
            [one.category.value for one in inputs],
        )
        rows = await info.context.pool.fetch(INSERT_SQL, *columns)
        return [Topic.from_row(row) for row in rows]


ItemsAsked = tuple[int, str | None, str]
"""How many items, of which source, in which order."""


@dataclass
class Context:
    """What a request's resolvers share."""

    pool: asyncpg.Pool
    topics: DataLoader[int, Topic | None]
    items_of_topic: DataLoader[tuple[int, ItemsAsked], list[asyncpg.Record]]
    aggregates: DataLoader[int, TrendAggregate]


def context_for(pool: asyncpg.Pool) -> Context:
    """A request's context, with loaders of its own."""

    async def load_topics(keys: list[int]) -> list[Topic | None]:
        rows = await pool.fetch(TOPICS_SQL, keys)
        found = {row["id"]: Topic.from_row(row) for row in rows}
        return [found.get(key) for key in keys]

    async def load_items(keys: list[tuple[int, ItemsAsked]]) -> list[list[asyncpg.Record]]:
        topics_by_asked: dict[ItemsAsked, list[int]] = defaultdict(list)
        for topic_id, asked in keys:
            topics_by_asked[asked].append(topic_id)
        found: dict[tuple[int, ItemsAsked], list[asyncpg.Record]] = defaultdict(list)
        for asked, topic_ids in topics_by_asked.items():
            first, source, order_by = asked
            condition = "" if source is None else "AND i.source = $3"
            sql = ITEMS_SQL.format(condition=condition, order=order_by)
            values = () if source is None else (source,)
            for row in await pool.fetch(sql, topic_ids, first + 1, *values):
                found[row["topic_id"], asked].append(row)
        return [found[key] for key in keys]

    async def load_aggregates(keys: list[int]) -> list[TrendAggregate]:
        rows = {row["topic_id"]: row for row in await pool.fetch(AGGREGATES_SQL, keys)}
        return [
            TrendAggregate(
                count=row["count"], min=Least(rank=row["rank"]), max=Greatest(score=row["score"])
            )
            if (row := rows.get(key))
            else TrendAggregate(count=0, min=Least(rank=None), max=Greatest(score=None))
            for key in keys
        ]

    return Context(
        pool, DataLoader(load_topics), DataLoader(load_items), DataLoader(load_aggregates)
    )


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


schema: Any = strawberry.Schema(Query, Mutation, extensions=[ParserCache, ValidationCache])
app = Starlette(routes=[Route("/graphql", View(schema))], lifespan=lifespan)
