"""From settings to sources: one entry for each family, and nothing else knows how they are made.

An adapter is imported where its first source is made: a gateway without one has nothing of it, nor
of its vendor's library, in memory. PostgreSQL alone is always there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.errors import ConfigurationError
from gateway.execution.subscriptions.events import EventSources
from gateway.execution.subscriptions.subscriptions import Subscriptions
from gateway.planning.registry import Registry
from gateway.schema.state.namespaces import Namespace, Namespaces
from gateway.sources.postgres.source import PostgresSource
from gateway.transport.ratelimit import RateLimit
from gateway.transport.streaming import StreamLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.context.registry import Datasources
    from gateway.embedding.contract import Embedder
    from gateway.execution.engine import Engine
    from gateway.schema.build import Api
    from gateway.schema.upstreams.remote import UpstreamInfo
    from gateway.settings import Directus, Qdrant, Redis, Settings, Upstream
    from gateway.sources.directus.credentials import Credentials
    from gateway.sources.directus.sending import Sending
    from gateway.sources.directus.source import DirectusSource
    from gateway.sources.http import HttpService
    from gateway.sources.qdrant.source import QdrantSource
    from gateway.sources.redis.blobs import RedisBlobs
    from gateway.sources.redis.cache import RedisCacheStore
    from gateway.sources.redis.ratelimit import RedisRate
    from gateway.sources.redis.source import RedisSource
    from gateway.sources.upstream.source import UpstreamSource


def shared_vectors(settings: Settings) -> RedisBlobs | None:
    """Where replicas share the vectors of texts; None where they do not."""
    return _blobs(settings, settings.embedding.cache_redis, "vectors")


def shared_documents(settings: Settings) -> RedisBlobs | None:
    """Where replicas share persisted queries; None where they do not."""
    return _blobs(settings, settings.documents.persisted_redis, "documents")


def _blobs(settings: Settings, name: str, what: str) -> RedisBlobs | None:
    if not name:
        return None
    from gateway.sources.redis.blobs import RedisBlobs  # noqa: PLC0415 - only where wanted

    one = settings.redis[name]
    return RedisBlobs(
        f"{_qualified('redis', name)} ({what})",
        one.url.reveal(),
        connect_timeout=one.connect_timeout,
        timeout=one.connect_timeout + one.socket_timeout,
    )


def rate_of(settings: Settings) -> RedisRate | None:
    """What counts the requests of clients; None where they are not bounded."""
    rate_limit = settings.rate_limit
    if not rate_limit.requests:
        return None
    from gateway.sources.redis.ratelimit import RedisRate  # noqa: PLC0415 - only where wanted

    one = settings.redis[rate_limit.redis]
    return RedisRate(
        f"{_qualified('redis', rate_limit.redis)} (rate limit)",
        one.url.reveal(),
        requests=rate_limit.requests,
        seconds=rate_limit.seconds,
        burst=rate_limit.burst or rate_limit.requests,
        timeout=rate_limit.timeout_seconds,
        connect_timeout=one.connect_timeout,
    )


def rate_limit_of(settings: Settings, rate: RedisRate | None) -> RateLimit | None:
    """What holds clients to their rate, as `rate` counts it."""
    rate_limit = settings.rate_limit
    if rate is None:
        return None
    return RateLimit(rate, fail_open=rate_limit.fail_open, client_header=rate_limit.client_header)


def cache_store(settings: Settings) -> RedisCacheStore | None:
    """The shared level; None where its Redis is not configured."""
    cache = settings.cache
    one = settings.redis.get(cache.redis)
    if one is None:
        return None
    from gateway.sources.redis.cache import RedisCacheStore  # noqa: PLC0415 - only where wanted

    return RedisCacheStore(
        f"{_qualified('redis', cache.redis)} (cache)",
        one.url.reveal(),
        prefix=cache.prefix,
        timeout=cache.timeout_seconds,
        connect_timeout=one.connect_timeout,
    )


def addresses_of(settings: Settings) -> bytes:
    """Where the answers of the sources come from, without passwords: part of every cache key.

    Two gateways that share a Redis never take each other's rows for their own.
    """
    urls = [
        *(one.dsn.reveal() for one in settings.postgres.values()),
        *(
            one.url.reveal()
            for family in (settings.redis, settings.qdrant, settings.upstream, settings.directus)
            for one in family.values()
        ),
    ]
    return "\n".join(map(_without_password, urls)).encode()


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login.partition(':')[0]}@{place}").geturl()


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
            name: _qdrant(_qualified("qdrant", name), one, embedder)
            for name, one in settings.qdrant.items()
        },
        state={
            name: _redis(_qualified("redis", name), one) for name, one in settings.redis.items()
        },
        namespaces=_namespaces(settings, api),
        upstreams={
            name: _upstream(_qualified("upstream", name), settings.upstream.get(name), info)
            for name, info in _upstreams(settings, api)
        },
        items={
            name: _directus(_qualified("directus", name), settings.directus.get(name))
            for name in {one.source for one in api.catalog.collections.values()}
        },
    )


def _qdrant(name: str, one: Qdrant, embedder: Embedder) -> QdrantSource:
    from gateway.sources.qdrant.source import QdrantSource  # noqa: PLC0415 - only where wanted

    return QdrantSource(
        name,
        one.url.reveal(),
        grpc_port=one.grpc_port,
        prefer_grpc=one.prefer_grpc,
        api_key=one.api_key.reveal() or None,
        timeout_seconds=one.timeout_seconds,
        embedder=embedder,
    )


def _redis(name: str, one: Redis) -> RedisSource:
    from gateway.sources.redis.source import RedisSource  # noqa: PLC0415 - only where wanted

    return RedisSource(
        name,
        one.url.reveal(),
        concurrency=one.concurrency,
        connect_timeout=one.connect_timeout,
        socket_timeout=one.socket_timeout,
    )


def _upstream(name: str, one: Upstream | None, info: UpstreamInfo) -> UpstreamSource:
    """An upstream; one that no setting locates answers errors."""
    from gateway.sources.upstream.source import UpstreamSource  # noqa: PLC0415 - only where wanted

    if one is None:
        return UpstreamSource(name, None, info)
    return UpstreamSource(
        name,
        one.url.reveal(),
        info,
        authorization=one.authorization.reveal() or None,
        forward=frozenset(one.forward.split()),
        concurrency=one.concurrency,
        connect_timeout=one.connect_timeout,
        max_bytes=one.max_bytes,
        trusted=one.trusted,
        log_errors=one.log_errors,
        subscriptions=one.subscriptions,
        subscriptions_url=one.subscriptions_url.reveal() or None,
        required=one.required,
    )


def _directus(name: str, one: Directus | None) -> DirectusSource:
    """A Directus; one that no setting locates answers errors."""
    from gateway.sources.directus.source import DirectusSource  # noqa: PLC0415 - only where wanted

    if one is None:
        return DirectusSource(name, None)
    return DirectusSource(
        name,
        directus_sending(name, one),
        public_url=one.public_url or one.url.reveal(),
        concurrency=one.concurrency,
        max_items=one.max_items,
        required=one.required,
    )


def directus_sending(name: str, one: Directus) -> Sending:
    """What sends requests to a Directus, as whom its settings say."""
    from gateway.sources.directus.sending import Sending  # noqa: PLC0415 - only where wanted
    from gateway.sources.http import HttpService, Outgoing  # noqa: PLC0415 - only where wanted

    service = HttpService(
        name,
        one.url.reveal(),
        connections=one.concurrency,
        connect_seconds=one.connect_timeout,
        max_bytes=one.max_bytes,
        sign=Outgoing("GET", "/server/ping"),
    )
    return Sending(service, _credentials(one, service))


def _credentials(one: Directus, service: HttpService) -> Credentials:
    from gateway.sources.directus import credentials  # noqa: PLC0415 - only where wanted

    if one.auth == "login":
        if not (one.email and one.password):
            name = service.name
            raise ConfigurationError(f'{name}.email, {name}.password: auth = "login" needs both.')
        return credentials.Login(service, one.email, one.password.reveal())
    if one.auth == "caller":
        return credentials.CallersToken()
    return credentials.StaticToken(one.token.reveal())


def forwarded(settings: Settings) -> frozenset[str]:
    """The request headers that go on to some source, in lower case."""
    names = {name for one in settings.upstream.values() for name in one.forward.split()}
    callers = any(one.auth == "caller" for one in settings.directus.values())
    return frozenset(names | {"authorization"} if callers else names)


def _upstreams(settings: Settings, api: Api) -> Iterator[tuple[str, UpstreamInfo]]:
    """The upstreams of the domain.

    Raises ConfigurationError for one that no setting locates and that is not optional.
    """
    for name, info in api.catalog.upstreams.items():
        if name not in settings.upstream and not info.optional:
            raise ConfigurationError(
                f"upstream.{name}.url (UPSTREAM_{name.upper()}_URL): the domain lists the upstream "
                f"{name}; say where it is."
            )
        yield name, info
    for name in settings.upstream.keys() - api.catalog.upstreams.keys():
        known = ", ".join(api.catalog.upstreams) or "none"
        raise ConfigurationError(
            f"upstream.{name}: the domain lists no upstream of this name; it lists {known}."
        )


def subscriptions_of(settings: Settings, engine: Engine, registry: Registry) -> Subscriptions:
    """What answers operations event for event, and all that events come from."""
    events = EventSources(
        {source.name: source.changes for source in registry.rows.values()},
        {source.name: source for source in registry.state.values()},
        {source.name: source for source in registry.upstreams.values()},
    )
    if engine.cached is not None:
        events.heard = engine.cached.outside.heard
    most, seconds = settings.subscriptions.per_process, settings.serve.deadline_seconds
    parts = settings.serve.incremental
    return Subscriptions(engine, events, seconds=seconds, most=most, parts=parts)


def stream_limits(settings: Settings) -> StreamLimits:
    """The bounds of WebSockets and event streams."""
    subscriptions = settings.subscriptions
    return StreamLimits(
        connections=subscriptions.connections,
        per_client=subscriptions.per_client,
        operations_per_client=subscriptions.operations_per_client,
        client_header=settings.rate_limit.client_header,
        operations=subscriptions.per_connection,
        init_seconds=subscriptions.init_seconds,
        ping_seconds=subscriptions.ping_seconds,
        send_seconds=subscriptions.send_seconds,
        recheck_seconds=subscriptions.recheck_seconds,
        origins=frozenset((subscriptions.origins or settings.serve.origins).lower().split()),
    )


def datasources_of(settings: Settings) -> Datasources | None:
    """The key-value sources; None where none is configured, and then nothing of them is loaded."""
    if not settings.datasource:
        return None
    from gateway.context.registry import datasources_of  # noqa: PLC0415

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
