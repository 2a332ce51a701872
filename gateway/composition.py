"""The composition root: settings → domain → sources → engine, put together, opened and closed.

It loads the domain by the name the settings give.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from gateway.agreement import check_bound, vectors_health
from gateway.caching.assembly import Options, make_cache, node_name
from gateway.caching.warmup import WarmUp
from gateway.documents.compose import costs_of, named_of, store_of
from gateway.domain import api_of, load_domain
from gateway.embedding.compose import embedder_of
from gateway.errors import ConfigurationError, SourceError
from gateway.execution.cache.resolver_cache import ResolverCache, refresh
from gateway.execution.named_query import NamedQuery
from gateway.identity.compose import identity_of
from gateway.observing import Observation, families, request_families, subscription_families
from gateway.planning.arguments import PageLimits
from gateway.planning.plan import Planner
from gateway.planning.subscribing import PreparedEvents
from gateway.sources.contract import Budget
from gateway.telemetry import why_away
from gateway.telemetry.counters import Traffic
from gateway.turns import undisturbed
from gateway.wiring import (
    addresses_of,
    cache_store,
    datasources_of,
    rate_limit_of,
    rate_of,
    registry_of,
    shared_documents,
    shared_vectors,
    subscriptions_of,
)
from gateway.working import chores_of, fillers_of, jobs_of, workflows_of

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping

    from gateway.execution.groups import Groups
    from gateway.identity.apikeys import Lookup
    from gateway.settings import Settings
    from gateway.sources.changes import Changes
    from gateway.sources.contract import Health, Prepared, Source
    from gateway.telemetry.counters import Family
    from gateway.workflows.jobs import Job

_LOG = logging.getLogger(__name__)

OPEN_SECONDS = 5.0
"""What all sources together get to open; one that is late is tried again when it is asked."""


class Gateway:
    """Everything one process serves with, put together but not yet opened.

    `changes`: the feeds of changed rows, by the name of their database.
    """

    @undisturbed()
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.domain = load_domain(settings)
        self.api = api_of(settings, self.domain)
        self.embedder = embedder_of(settings.embedding, shared_vectors(settings))
        self.registry = registry_of(settings, self.api, self.embedder)
        self.observed = Observation(settings, self.registry.all())
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
        store = store_of(settings, self.api.catalog.schema, self.observed.store)
        pages = PageLimits(most=limits.max_list_page)
        planner = Planner(self.api.catalog, self.registry, pages)
        writers: dict[str, Any] = {
            source.name: self.observed.writer(source)
            for family in (
                self.registry.rows,
                self.registry.vectors,
                self.registry.state,
                self.registry.items,
            )
            for source in family.values()
        }
        self.identity = identity_of(settings, self._key_owner())
        self.engine = self.observed.engine(
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
        self.traffic = Traffic()
        self.rate = rate_of(settings)
        self.rate_limit = rate_limit_of(settings, self.rate)
        self.documents = named_of(settings, store, shared_documents(settings), self.domain.warm)
        costs = costs_of(settings, self.api.catalog.schema, pages.default)
        self.engine.admit(costs, self.documents)
        self.cache = self._resolver_cache() if settings.cache.enabled else None
        self.engine.cached = self.cache.reads if self.cache else None
        self.subscriptions = subscriptions_of(settings, self.engine, self.registry)
        self.fillers = fillers_of(
            settings,
            self.domain,
            self.registry.vectors,
            self.embedder,
            self.cache.points_changed if self.cache else None,
        )
        self.datasources = datasources_of(settings)
        self.engine.datasources = self.datasources
        self.workflows = workflows_of(settings, self.domain, self.datasources, self.engine)
        self.engine.workflows = self.workflows

    def jobs(self) -> Iterator[Job]:
        """What workers do for this gateway."""
        if self.workflows is not None:
            yield from self.workflows.jobs()
        yield from jobs_of(self.fillers)

    def chores(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What it does beside serving."""
        return chores_of(self.settings, self.datasources, self.workflows, self.embedder)

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
            addresses_of(settings),
            declared=bool(self.engine.planner.policies),
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
        return self.observed.groups(
            source,
            enabled=grouping.enabled,
            batch=grouping.batch,
            in_flight=grouping.in_flight,
            max_waiting=grouping.max_waiting,
        )

    def describe(self, prepared: Prepared) -> Mapping[str, Any]:
        """A prepared request in its source's own words."""
        if isinstance(prepared, PreparedEvents):
            return prepared.described()
        described: Mapping[str, Any] = self.sources[prepared.source].describe(prepared)
        return described

    async def open(self, *, vectors: bool = True) -> None:
        """Open all sources at once, and compare the entities with the live tables.

        `vectors`: whether to warn of collections that are not there or not as they should be; who
        makes or checks them tells of that better.

        A source that cannot be reached is logged and tried again when it is asked. Raises
        ConfigurationError where a table's database is not configured, a source refuses us, or its
        tables contradict the entities.
        """
        for missing in check_bound(self.settings, self.api):
            _LOG.warning("%s", missing)
        if self.settings.serve.production and self.domain.subgraph and not self.domain.router_roles:
            _LOG.warning("_service tells the schema to everybody: give the domain `router_roles`")
        await asyncio.gather(*(self._open(source) for source in self.sources.values()))
        budget = Budget(asyncio.get_running_loop().time() + OPEN_SECONDS)
        for name, source in self.registry.rows.items():
            try:
                wrong = await source.verify(name, budget)
            except SourceError as error:
                _LOG.warning("the tables of postgres %s are not checked: %s", name, error.message)
                continue
            if wrong:
                raise ConfigurationError("\n".join(wrong))
        for name, health in (await self._vectors(budget)).items() if vectors else ():
            _LOG.warning("%s: %s", name, health.detail)
        if self.datasources is not None:
            await self.datasources.connect()
        if self.cache is not None and self.engine.planner.policies:
            await self.cache.open()

    async def _vectors(self, budget: Budget) -> dict[str, Health]:
        syncs = [filler.sync for filler in self.fillers.values()]
        return await vectors_health(self.api, syncs, self.registry, budget)

    async def _open(self, source: Source) -> None:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await source.open()
        except (SourceError, TimeoutError) as error:
            _LOG.warning("source %s is not reachable yet%s", source.name, why_away(error))

    async def close(self) -> None:
        """Let what is under way finish, then close all sources."""
        self.engine.beside.close()
        groups = [*self.groups.values(), *self.fresh.values()]
        await self.identity.close()
        await self.documents.close()
        if self.rate is not None:
            await self.rate.close()
        if self.cache is not None:
            await self.cache.close()
        if self.workflows is not None:
            await self.workflows.close()
        if self.datasources is not None:
            await self.datasources.disconnect()
        await asyncio.gather(*(group.close() for group in groups))
        await asyncio.gather(*(source.close() for source in self.sources.values()))
        await self.embedder.aclose()
        if self.observed.tracing is not None:
            await asyncio.to_thread(self.observed.tracing.close)

    def figures(self) -> Iterator[Family]:
        """What was counted so far, where something is; see `gateway.observing`."""
        cache = None if self.cache is None else self.cache.cache
        yield from families(self.engine, self.sources, self.identity, cache)
        yield from self.traffic.families()
        yield from subscription_families(self.subscriptions.figures())
        limited = None if self.rate_limit is None else self.rate_limit.figures()
        yield from request_families(self.documents.figures(), limited)

    async def check(self, budget: Budget) -> Mapping[str, Health]:
        """Every source's health, by name; then that of a source's parts, `postgres:replica`."""
        rows = self.registry.rows.values()
        checks, parts, vectors = await asyncio.gather(
            asyncio.gather(*(source.check(budget) for source in self.sources.values())),
            asyncio.gather(*(source.parts(budget) for source in rows)),
            self._vectors(budget),
        )
        found = dict(zip(self.sources, checks, strict=True))
        for source, own in zip(rows, parts, strict=True):
            found.update({f"{source.name}:{part}": health for part, health in own.items()})
        found.update(vectors)
        if self.cache is not None and (self.engine.planner.policies or self.cache.cache.used):
            found["cache"] = self.cache.health()
        if self.datasources is not None:
            found.update(await self.datasources.check(budget.deadline))
        return found
