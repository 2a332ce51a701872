"""The peer of the proxying workloads: an upstream behind Strawberry as people write it.

One httpx client with kept connections, a document that asks for what the type has, typed objects,
a DataLoader for the join, Strawberry's parser and validation caches. Reads `BENCH_UPSTREAM_URL` and
`BENCH_DATABASE_URL`; run by the bench under uvicorn as the gateway is.
"""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import strawberry
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

POOL_SIZE = 20
CONNECTIONS = 64
"""To the upstream: as many as the gateway opens by default."""

_FIELDS = "{ id name email city joined about }"
MEMBERS = f"query ($first: Int!) {{ members(first: $first) {_FIELDS} }}"
ENTITIES = (
    f"query ($keys: [_Any!]!) {{ _entities(representations: $keys) {{ ... on Member {_FIELDS} }} }}"
)
TRENDS = "SELECT id, title FROM trends WHERE id > $1 ORDER BY id LIMIT $2"


@strawberry.type
class Member:
    """Somebody whom another service knows."""

    id: strawberry.ID
    name: str
    email: str
    city: str
    joined: str
    about: str


@strawberry.type
class Article:
    """What was written about a trend."""

    id: strawberry.ID
    title: str
    slug: str


@strawberry.type
class Trend:
    """A topic that was ranked and analysed."""

    id: strawberry.ID
    title: str

    @strawberry.field
    async def owner(self, info: strawberry.Info[Context, None]) -> Member | None:
        """Who looks after it."""
        return await info.context.owners.load(str(self.id))

    @strawberry.field
    async def article(self, info: strawberry.Info[Context, None]) -> Article | None:
        """What was written about it."""
        return await info.context.articles.load(str(self.id))


@strawberry.input
class IdWhere:
    """A condition on an id."""

    gt: strawberry.ID


@strawberry.input
class TrendWhere:
    """A condition on a trend."""

    id: IdWhere


@strawberry.type
class Trends:
    """A page of trends."""

    nodes: list[Trend]


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    async def members(self, info: strawberry.Info[Context, None], first: int = 1) -> list[Member]:
        """A hundred members, from the one with this number on."""
        data = await post(info.context.client, MEMBERS, {"first": first})
        return [Member(**one) for one in data["members"]]

    @strawberry.field
    async def trends(
        self, info: strawberry.Info[Context, None], first: int, where: TrendWhere | None = None
    ) -> Trends:
        """Trends by their number."""
        after = int(where.id.gt) if where else 0
        rows = await info.context.pool.fetch(TRENDS, after, first)
        return Trends(
            nodes=[Trend(id=strawberry.ID(str(row["id"])), title=row["title"]) for row in rows]
        )


@dataclass
class Context:
    """What a request's resolvers share."""

    client: httpx.AsyncClient
    pool: asyncpg.Pool
    owners: DataLoader[str, Member | None]
    articles: DataLoader[str, Article | None]


async def post(client: httpx.AsyncClient, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The data of the upstream's answer."""
    response = await client.post("/graphql", json={"query": query, "variables": variables})
    response.raise_for_status()
    data: dict[str, Any] = response.json()["data"]
    return data


def context_for(client: httpx.AsyncClient, pool: asyncpg.Pool) -> Context:
    """A request's context, with a loader of its own."""

    async def load(keys: list[str]) -> list[Member | None]:
        asked = [{"__typename": "Member", "id": key} for key in keys]
        data = await post(client, ENTITIES, {"keys": asked})
        return [Member(**one) if one else None for one in data["_entities"]]

    async def load_articles(keys: list[str]) -> list[Article | None]:
        where = json.dumps({"trend_id": {"_in": keys}})
        asked = {"fields": "id,trend_id,title,slug", "filter": where, "limit": str(len(keys))}
        response = await client.get("/items/articles", params=asked)
        response.raise_for_status()
        found = {str(one.pop("trend_id")): Article(**one) for one in response.json()["data"]}
        return [found.get(key) for key in keys]

    return Context(client, pool, DataLoader(load), DataLoader(load_articles))


class View(GraphQL[Context, None]):
    """Strawberry's ASGI view, with a context for each request."""

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> Context:
        """The context of one request."""
        del response
        return context_for(request.app.state.client, request.app.state.pool)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the client and the pool before the first request, close them after the last."""
    dsn, url = os.environ["BENCH_DATABASE_URL"], os.environ["BENCH_UPSTREAM_URL"]
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with (
        asyncpg.create_pool(dsn, min_size=POOL_SIZE, max_size=POOL_SIZE) as pool,
        httpx.AsyncClient(base_url=url, limits=limits) as client,
    ):
        app.state.pool, app.state.client = pool, client
        yield


schema: Any = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
app = Starlette(routes=[Route("/graphql", View(schema))], lifespan=lifespan)
