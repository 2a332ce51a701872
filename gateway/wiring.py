"""From settings to sources: one entry for each family, and nothing else knows how they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError
from gateway.planning.registry import Registry
from gateway.schema.bindings import Counter, Vectors
from gateway.schema.state import Namespace, Namespaces
from gateway.schema.state_fields import StateValue
from gateway.sources.postgres.source import PostgresSource
from gateway.sources.qdrant.source import QdrantSource
from gateway.sources.redis.blobs import RedisBlobs
from gateway.sources.redis.cache import RedisCacheStore
from gateway.sources.redis.source import RedisSource
from gateway.sources.upstream.source import UpstreamSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.context.registry import Datasources
    from gateway.embedding.contract import Embedder
    from gateway.schema.build import Api
    from gateway.schema.remote import UpstreamInfo
    from gateway.settings import Settings


def shared_vectors(settings: Settings) -> RedisBlobs | None:
    """Where replicas share the vectors of texts; None where they do not."""
    name = settings.embedding.cache_redis
    if not name:
        return None
    one = settings.redis[name]
    return RedisBlobs(
        f"{_qualified('redis', name)} (vectors)",
        one.url.reveal(),
        connect_timeout=one.connect_timeout,
        socket_timeout=one.socket_timeout,
    )


def cache_store(settings: Settings) -> RedisCacheStore | None:
    """The shared level; None where its Redis is not configured."""
    cache = settings.cache
    one = settings.redis.get(cache.redis)
    if one is None:
        return None
    return RedisCacheStore(
        f"{_qualified('redis', cache.redis)} (cache)",
        one.url.reveal(),
        prefix=cache.prefix,
        timeout=cache.timeout_seconds,
        connect_timeout=one.connect_timeout,
    )


def registry_of(settings: Settings, api: Api, embedder: Embedder) -> Registry:
    """All sources of the settings. Raises ConfigurationError naming the one that is wrong."""
    return Registry(
        rows={
            name: PostgresSource(
                _qualified("postgres", name),
                one.dsn.reveal(),
                api.catalog,
                concurrency=one.pool_size,
                prepare=one.statement_cache,
                statement_timeout=one.command_timeout,
                writers=max(1, one.max_overflow),
                wait=one.pool_timeout,
                replica=one.replica_url.reveal() or None,
                direct=(one.direct_url or one.dsn).reveal(),
                change_feed=one.change_feed,
            )
            for name, one in settings.postgres.items()
        },
        vectors={
            name: QdrantSource(
                _qualified("qdrant", name),
                one.url.reveal(),
                grpc_port=one.grpc_port,
                prefer_grpc=one.prefer_grpc,
                api_key=one.api_key.reveal() or None,
                timeout_seconds=one.timeout_seconds,
                embedder=embedder,
            )
            for name, one in settings.qdrant.items()
        },
        state={
            name: RedisSource(
                _qualified("redis", name),
                one.url.reveal(),
                concurrency=one.concurrency,
                connect_timeout=one.connect_timeout,
                socket_timeout=one.socket_timeout,
            )
            for name, one in settings.redis.items()
        },
        namespaces=_namespaces(settings, api),
        upstreams={
            name: UpstreamSource(
                _qualified("upstream", name),
                settings.upstream[name].url.reveal(),
                info,
                authorization=settings.upstream[name].authorization.reveal() or None,
                forward=frozenset(settings.upstream[name].forward.split()),
                concurrency=settings.upstream[name].concurrency,
                connect_timeout=settings.upstream[name].connect_timeout,
                max_bytes=settings.upstream[name].max_bytes,
                trusted=settings.upstream[name].trusted,
            )
            for name, info in _upstreams(settings, api)
        },
    )


def check_bound(settings: Settings, api: Api) -> list[str]:
    """What the domain binds to a source of vectors or values that no setting locates, in words.

    Fields of theirs answer an error; everything else works. Raises ConfigurationError naming the
    setting where a table's database is missing: without it there is nothing to serve.
    """
    for entity in api.catalog.entities.values():
        if entity.source not in settings.postgres:
            raise ConfigurationError(
                f"{_setting('postgres', entity.source)}: the domain binds {entity.name} to this "
                "database; say where it is."
            )
    bound = [info.binding for info in api.catalog.fields.values()]
    wanted = {("qdrant", one.source) for one in bound if isinstance(one, Vectors)}
    wanted |= {("redis", one.source) for one in bound if isinstance(one, Counter | StateValue)}
    return [
        f"{_setting(family, name)} is not set: fields bound to it answer an error"
        for family, name in sorted(wanted)
        if name not in getattr(settings, family)
    ]


def _setting(family: str, name: str) -> str:
    prefix = family.upper() if name == "default" else f"{family}_{name}".upper()
    return f"{family}.{name}.url ({prefix}_URL)"


def _upstreams(settings: Settings, api: Api) -> Iterator[tuple[str, UpstreamInfo]]:
    """The upstreams of the domain. Raises ConfigurationError for one that no setting locates."""
    for name, info in api.catalog.upstreams.items():
        if name not in settings.upstream:
            raise ConfigurationError(
                f"upstream.{name}.url (UPSTREAM_{name.upper()}_URL): the domain lists the upstream "
                f"{name}; say where it is."
            )
        yield name, info
    for name in settings.upstream.keys() - api.catalog.upstreams.keys():
        raise ConfigurationError(f"upstream.{name}: the domain lists no upstream of this name.")


def datasources_of(settings: Settings) -> Datasources | None:
    """The key-value sources; None where none is configured, and then nothing of them is loaded."""
    if not settings.datasource:
        return None
    from gateway.context.compose import datasources_of  # noqa: PLC0415

    return datasources_of(settings.datasource)


def _namespaces(settings: Settings, api: Api) -> Namespaces:
    """The namespaces that the settings open. Raises ConfigurationError naming the setting."""
    for name, one in settings.state.items():
        if name not in api.namespaces:
            known = ", ".join(api.namespaces) or "none"
            raise ConfigurationError(
                f"state.{name}: the domain lists no such namespace; it lists {known}."
            )
        if one.source not in settings.redis:
            raise ConfigurationError(f"state.{name}.source: there is no [redis.{one.source}].")
    return Namespaces(
        Namespace(
            name,
            one.prefix or f"{name}:",
            source=one.source,
            readers=frozenset(one.read.split()),
            writers=frozenset(one.write.split()),
            text=one.kind == "text",
            max_value_bytes=one.max_value_bytes,
            max_ttl_seconds=one.max_ttl_seconds,
        )
        for name, one in settings.state.items()
    )


def _qualified(family: str, name: str) -> str:
    return family if name == "default" else f"{family}.{name}"
