"""The zoo behind a running engine: PostgreSQL, Redis, and everything between document and bytes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import redis.asyncio
from asking import Asking, built
from toy import rows, tables
from toy.domain import domain as zoo_domain

from gateway.documents.limits import DocumentLimits
from gateway.documents.store import DocumentStore
from gateway.execution.engine import Engine
from gateway.execution.groups import Groups
from gateway.planning.arguments import PageLimits
from gateway.planning.plan import Planner
from gateway.planning.registry import Registry
from gateway.sources.postgres.source import PostgresSource
from gateway.sources.redis.source import RedisSource
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from gateway.schema.build import Api
    from gateway.schema.domain import Domain
    from gateway.sources.contract import Batch, Budget, Value

KEEPER = Viewer(subject="ann", roles=frozenset({"keeper"}))
LIMITS = PageLimits(default=5, most=50)
WIDE = DocumentLimits(max_tokens=20_000, max_aliases=2_000, max_chars=200_000, max_directives=500)


class CountedPostgres(PostgresSource):
    """Remembers which statements it ran."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ran: list[str] = []
        self.compiled = 0

    async def execute(self, prepared: Any, batch: Batch, budget: Budget) -> Sequence[Value]:
        self.ran.append(prepared.text)
        return await super().execute(prepared, batch, budget)

    def prepare(self, ask: Any, shapes: Any) -> Any:
        self.compiled += 1
        return super().prepare(ask, shapes)


class Zoo(Asking):
    """A running engine, its parts, and a connection of the test's own to the same database."""

    def __init__(
        self,
        api: Api,
        engine: Engine,
        postgres: CountedPostgres,
        connection: asyncpg.Connection[Any],
    ) -> None:
        self.api = api
        self.engine = engine
        self.postgres = postgres
        self.connection = connection


@asynccontextmanager
async def running(
    make_database: Callable[[], Awaitable[str]],
    redis_url: str,
    domain: Domain = zoo_domain,
    *,
    document_limits: Any = None,
    limits: PageLimits = LIMITS,
) -> AsyncIterator[Zoo]:
    """A zoo with a database of its own, filled."""
    url = await make_database()
    connection = await asyncpg.connect(url)
    store = redis.asyncio.Redis.from_url(redis_url)
    try:
        await tables.create(connection)
        await rows.insert(connection)
        for number, value in rows.VISITS.items():
            await store.set(f"zoo:visits_{number}", value)
        api = built(domain)
        postgres = CountedPostgres("postgres", url, api.catalog, concurrency=3)
        state = RedisSource("redis", redis_url, socket_timeout=5.0)
        sources: dict[str, Any] = {"postgres": postgres, "redis": state}
        groups = {name: Groups(source) for name, source in sources.items()}
        registry = Registry({"default": postgres}, {}, {"default": state})
        engine = Engine(
            api,
            DocumentStore(api.catalog.schema, document_limits),
            Planner(api.catalog, registry, limits),
            groups,
            lambda prepared: sources[prepared.source].describe(prepared),
            writers={"postgres": postgres},
        )
        try:
            yield Zoo(api, engine, postgres, connection)
        finally:
            await asyncio.gather(*(group.close() for group in groups.values()))
            await asyncio.gather(*(source.close() for source in sources.values()))
    finally:
        await store.aclose()
        await connection.close()
