"""The composition root: settings → sources → catalog → one ASGI application.

The only module that sees everything; it loads the domain by the name the settings give.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from gateway.caching.assembly import Options, make_cache, node_name
from gateway.caching.warmup import WarmUp
from gateway.documents.limits import DocumentLimits
from gateway.documents.store import DocumentStore
from gateway.embedding.compose import embedder_of
from gateway.errors import ConfigurationError, SourceError, SourceUnavailable
from gateway.execution.engine import Engine
from gateway.execution.executor import WalkingExecutor, install_resolvers
from gateway.execution.groups import Groups
from gateway.execution.resolver_cache import ResolverCache, refresh
from gateway.execution.statements import NamedQuery
from gateway.identity.compose import identity_of
from gateway.planning.arguments import PageLimits
from gateway.planning.plan import Planner
from gateway.schema.build import Api, Domain, build
from gateway.schema.vector_writes import collections_of
from gateway.sources.contract import Budget
from gateway.transport.graphiql import graphiql_page, graphiql_routes
from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.limits import HttpLimits
from gateway.transport.site import ENDPOINT, build_site
from gateway.wiring import cache_store, check_bound, datasources_of, registry_of, shared_vectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import strawberry
    from starlette.types import ASGIApp

    from gateway.identity.apikeys import Lookup
    from gateway.settings import Settings
    from gateway.sources.changes import Changes
    from gateway.sources.contract import Health, Prepared, Source

_LOG = logging.getLogger(__name__)

OPEN_SECONDS = 5.0
"""What all sources together get to open; one that is late is tried again when it is asked."""


def load_domain(settings: Settings) -> Domain:
    """The `domain` of the resolvers package. Raises ConfigurationError naming the setting."""
    try:
        module = importlib.import_module(settings.resolvers)
    except ModuleNotFoundError as error:
        if error.name != settings.resolvers.partition(".")[0]:
            raise
        raise ConfigurationError(
            "resolvers (PLAIT_RESOLVERS) names a module that cannot be imported."
        ) from None
    domain = getattr(module, "domain", None)
    if not isinstance(domain, Domain):
        raise ConfigurationError(
            "resolvers (PLAIT_RESOLVERS) names a module without a `domain`; "
            "it must hold `domain = Domain(entities=[…], queries=[…])`."
        )
    return domain


def load_api(settings: Settings) -> Api:
    """The built schema and its catalog."""
    return _built(load_domain(settings))


def _built(domain: Domain) -> Api:
    api = build(domain, executor=WalkingExecutor)
    install_resolvers(api)
    return api


def load_schema(settings: Settings) -> strawberry.Schema:
    """The Strawberry schema of the configured domain."""
    return load_api(settings).schema


class Gateway:
    """Everything one process serves with, put together but not yet opened.

    `changes`: the feeds of changed rows, by the name of their database.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.domain = load_domain(settings)
        self.api = _built(self.domain)
        self.embedder = embedder_of(settings.embedding, shared_vectors(settings))
        self.registry = registry_of(settings, self.api, self.embedder)
        self.sources: dict[str, Source] = {source.name: source for source in self.registry.all()}
        self.groups = {name: self._grouped(source) for name, source in self.sources.items()}
        self.fresh = {
            source.name: self._grouped(source.primary)
            for source in self.registry.rows.values()
            if source.primary is not None
        }
        self.changes: dict[str, Changes] = {
            name: source.changes
            for name, source in self.registry.rows.items()
            if source.changes is not None
        }
        limits = settings.limits
        store = DocumentStore(
            self.api.catalog.schema,
            DocumentLimits(
                max_chars=limits.max_document_chars,
                max_tokens=limits.max_tokens,
                max_depth=limits.max_depth,
                max_fields=limits.max_fields,
                max_aliases=limits.max_aliases,
                max_root_fields=limits.max_root_fields,
                max_directives=limits.max_directives,
            ),
            capacity=settings.documents.cache_size,
            max_bytes=settings.documents.cache_bytes,
            suggestions=settings.serve.introspection,
            introspection=settings.serve.introspection,
        )
        planner = Planner(self.api.catalog, self.registry, PageLimits(most=limits.max_list_page))
        writers: dict[str, Any] = {
            source.name: source
            for family in (self.registry.rows, self.registry.vectors, self.registry.state)
            for source in family.values()
        }
        self.identity = identity_of(settings, self._key_owner())
        self.engine = Engine(
            self.api,
            store,
            planner,
            self.groups,
            self.describe,
            writers=writers,
            fresh=self.fresh,
            explains=settings.serve.introspection,
            anonymous_writes=settings.identity.anonymous == "all",
        )
        self.cache = self._resolver_cache() if settings.cache.enabled else None
        self.engine.cached = self.cache.reads if self.cache else None
        self.datasources = datasources_of(settings)
        self.engine.datasources = self.datasources

    def _resolver_cache(self) -> ResolverCache:
        """The cache; a fill reads where it sees all that was committed before."""
        settings, cache = self.settings, self.settings.cache
        node = node_name(cache.node_id)
        options = Options(
            memory_bytes=cache.memory_bytes,
            max_value_bytes=cache.max_value_bytes,
            compress_above=cache.compress_above,
            lease_seconds=cache.lease_seconds,
            fill_seconds=settings.serve.deadline_seconds,
            hard_ttl=cache.hard_ttl,
            jitter=cache.jitter,
            early_refresh=cache.early_refresh,
        )
        store = cache_store(settings)
        made = ResolverCache(
            make_cache(options, store, node=node),
            self.api,
            {**self.groups, **self.fresh},
            self.describe,
            self.changes.values(),
        )
        made.warm_up = WarmUp(
            store,
            self.warm,
            node=node,
            interval=cache.warmup_interval,
            lock_seconds=cache.warmup_lock_ttl,
            hard_ttl=cache.hard_ttl,
        )
        return made

    async def warm(self) -> int:
        """Read the domain's warm queries anew; how many worked."""
        return await refresh(self.engine, self.domain.warm, self.settings.serve.deadline_seconds)

    def _key_owner(self) -> Lookup | None:
        """Asks the domain whose an API key is, where the domain says how."""
        if self.api.key_owner is None:
            return None
        seconds = self.settings.serve.deadline_seconds
        return NamedQuery(self.api.key_owner, self.registry, self.groups, seconds).row

    def _grouped(self, source: Source) -> Groups:
        grouping = self.settings.grouping
        return Groups(
            source,
            enabled=grouping.enabled,
            batch=grouping.batch,
            in_flight=grouping.in_flight,
            max_waiting=grouping.max_waiting,
        )

    def describe(self, prepared: Prepared) -> Mapping[str, Any]:
        """A prepared request in its source's own words."""
        described: Mapping[str, Any] = self.sources[prepared.source].describe(prepared)
        return described

    async def open(self) -> None:
        """Open all sources at once, and compare the entities with the live tables.

        A source that cannot be reached is logged and tried again when it is asked. Raises
        ConfigurationError where a table's database is not configured, a source refuses us, or its
        tables contradict the entities.
        """
        for missing in check_bound(self.settings, self.api):
            _LOG.warning("%s", missing)
        await asyncio.gather(*(self._open(source) for source in self.sources.values()))
        budget = Budget(asyncio.get_running_loop().time() + OPEN_SECONDS)
        for name, source in self.registry.rows.items():
            try:
                wrong = await source.verify(name, budget)
            except SourceError:
                continue
            if wrong:
                raise ConfigurationError("\n".join(wrong))
        await self._compare_models(budget)
        if self.datasources is not None:
            await self.datasources.connect()
        if self.cache is not None and self.engine.planner.policies:
            await self.cache.open()

    async def _compare_models(self, budget: Budget) -> None:
        """Log each bound collection whose vectors another embedding model made."""
        bound = collections_of(self.api.catalog)
        for name, source in self.registry.vectors.items():
            try:
                reasons = await source.foreign(sorted(bound.get(name, ())), budget.deadline)
            except SourceError:
                continue
            for reason in reasons:
                _LOG.warning("%s", reason)

    async def _open(self, source: Source) -> None:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await source.open()
        except (SourceError, TimeoutError):
            _LOG.warning("source %s is not reachable yet", source.name)

    async def close(self) -> None:
        """Let what is under way finish, then close all sources."""
        self.engine.compiling.close()
        groups = [*self.groups.values(), *self.fresh.values()]
        await self.identity.close()
        if self.cache is not None:
            await self.cache.close()
        if self.datasources is not None:
            await self.datasources.disconnect()
        await asyncio.gather(*(group.close() for group in groups))
        await asyncio.gather(*(source.close() for source in self.sources.values()))
        await self.embedder.aclose()

    async def check(self, budget: Budget) -> Mapping[str, Health]:
        """Every source's health, by name; then that of a source's parts, `postgres:replica`."""
        rows = self.registry.rows.values()
        checks, parts = await asyncio.gather(
            asyncio.gather(*(source.check(budget) for source in self.sources.values())),
            asyncio.gather(*(source.parts(budget) for source in rows)),
        )
        found = dict(zip(self.sources, checks, strict=True))
        for source, own in zip(rows, parts, strict=True):
            found.update({f"{source.name}:{part}": health for part, health in own.items()})
        if self.cache is not None and self.engine.planner.policies:
            found["cache"] = self.cache.health()
        if self.datasources is not None:
            found.update(await self.datasources.check(budget.deadline))
        return found


def _settle() -> None:
    """Give back what start-up needed once, and let the collector never look at the rest again."""
    gc.collect()
    gc.freeze()
    # glibc's own function; other libraries give back by themselves.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def create_app(settings: Settings) -> ASGIApp:
    """The ASGI application; its lifespan opens and closes the sources."""
    gateway = Gateway(settings)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        await gateway.open()
        _settle()
        try:
            yield
        finally:
            await gateway.close()

    serve = settings.serve
    endpoint = GraphQLOverHTTP(
        gateway.engine,
        identify=gateway.identity,
        forward=frozenset(
            name for one in settings.upstream.values() for name in one.forward.split()
        ),
        credentials=("Authorization", settings.identity.api_key_header),
        limits=HttpLimits(
            max_body_bytes=settings.limits.max_body_bytes,
            max_batch=settings.limits.batch,
            body_seconds=serve.body_seconds,
            answer_seconds=serve.deadline_seconds,
        ),
    )
    examples = [query.strip() for query in gateway.domain.examples.values()]
    return build_site(
        graphql=endpoint,
        readiness=gateway.check,
        page=graphiql_page(ENDPOINT, examples) if serve.graphiql else None,
        routes=graphiql_routes(ENDPOINT, examples) if serve.graphiql else (),
        lifespan=lifespan,
    )


async def check_sources(settings: Settings) -> Mapping[str, Health]:
    """Open every source, ask for a sign of life, close again: for `plait doctor`."""
    gateway = Gateway(settings)
    try:
        await gateway.open()
        return await gateway.check(Budget(asyncio.get_running_loop().time() + OPEN_SECONDS))
    finally:
        await gateway.close()


async def invalidate_cache(settings: Settings, tags: list[str], pattern: str | None) -> int:
    """Invalidate tags, and those in use that match a pattern; how many, for `plait invalidate`.

    Returns when no replica serves what they stood for. Raises ConfigurationError where there is no
    shared level, SourceError where it cannot be reached.
    """
    store = cache_store(settings)
    if store is None:
        raise ConfigurationError("cache.redis (PLAIT_CACHE_REDIS): there is no such source")
    cache = make_cache(Options(lease_seconds=settings.cache.lease_seconds), store)
    try:
        await store.open()
        if tags and not await cache.invalidate(tags):
            raise SourceUnavailable("the shared level of the cache is not reachable")
        return len(tags) + (await cache.invalidate_like(pattern) if pattern else 0)
    finally:
        await cache.close()


async def warm_cache(settings: Settings) -> tuple[int, int]:
    """Read the domain's warm queries anew: how many worked, of how many; for `plait warm`."""
    gateway = Gateway(settings)
    try:
        await gateway.open()
        return await gateway.warm(), len(gateway.domain.warm)
    finally:
        await gateway.close()


def explain(settings: Settings, document: str, variables: Mapping[str, Any] | None = None) -> str:
    """The plan of a document as text: what each wave asks of each source."""
    plan = Gateway(settings).engine.explain(document, variables)
    lines: list[str] = []
    for number, wave in enumerate(plan["waves"], 1):
        lines.append(f"wave {number}")
        for fetch in wave:
            lines.append(f"  {fetch['source']}: {fetch['kind']} for {', '.join(fetch['paths'])}")
            for name, value in fetch["request"].items():
                text = str(value).replace("\n", "\n      ")
                lines.append(f"    {name}: {text}")
            for way, request in fetch.get("branches", {}).items():
                text = str(request.get("sql", request)).replace("\n", "\n        ")
                lines.append(f"    {way}, {request['source']}: {text}")
    return "\n".join(lines)
