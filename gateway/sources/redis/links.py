"""From a URL to a link: one server, a cluster, or a server that sentinels know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import redis.exceptions as vendor
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from gateway.configuration import split_servers
from gateway.errors import ConfigurationError
from gateway.sources.redis.cluster import ClusterLink
from gateway.sources.redis.link import PoolLink

if TYPE_CHECKING:
    from gateway.sources.redis.link import Link

SPARE = 3
"""Connections beyond the conversations': the readiness check, and subscriptions."""

_PORT = 6_379
_SENTINEL_PORT = 26_379


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds to connect, and to wait for an answer; None where the caller bounds that itself."""

    connect: float
    answer: float | None


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL of several servers says."""

    hosts: tuple[tuple[str, int], ...]
    path: tuple[str, ...]
    settings: dict[str, Any]
    secure: bool


def make_link(name: str, url: str, *, connections: int, times: Times) -> Link:
    """The link for `redis://`, `rediss://`, `unix://`, and with `+cluster` or `+sentinel`.

    `redis+cluster://host:port,host:port` names some servers of a cluster;
    `redis+sentinel://host:port,host:port/service` and perhaps `/database` the sentinels of one.
    User and password are the servers'. Raises `ConfigurationError` that names the source only.
    """
    scheme, _, way = url.partition("://")[0].lower().partition("+")
    if way not in {"cluster", "sentinel"} or scheme not in {"redis", "rediss"}:
        return PoolLink(_pool(name, url, connections=connections + SPARE, times=times))
    address = _address(name, url, _SENTINEL_PORT if way == "sentinel" else _PORT)
    settings = _settings(times) | address.settings
    if way == "cluster":
        return _cluster(name, address, settings, connections)
    return _sentinel(name, address, settings, connections)


def _cluster(
    name: str, address: Address, settings: dict[str, Any], connections: int
) -> ClusterLink:
    if address.path:
        raise ConfigurationError(f"source {name!r}: a cluster has database 0 only; leave it out")
    return ClusterLink(
        address.hosts, settings, connections=connections + SPARE, secure=address.secure
    )


def _sentinel(name: str, address: Address, settings: dict[str, Any], connections: int) -> PoolLink:
    if not address.path or len(address.path) > 2:  # noqa: PLR2004 - service and database
        raise ConfigurationError(
            f"source {name!r}: its URL must end with /service or /service/database"
        )
    service, *database = address.path
    if database and not database[0].isdecimal():
        raise ConfigurationError(f"source {name!r}: the database of its URL must be a number")
    own = {key: value for key, value in settings.items() if key not in {"username", "password"}}
    watchers = Sentinel(address.hosts, sentinel_kwargs=own)  # type: ignore[no-untyped-call]  # redis-py
    kind = SentinelManagedSSLConnection if address.secure else SentinelManagedConnection
    pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]  # redis-py
        service,
        watchers,
        connection_class=kind,
        max_connections=connections + SPARE,
        db=int(database[0]) if database else 0,
        **settings,
    )
    return PoolLink(pool, others=[watcher.connection_pool for watcher in watchers.sentinels])


def _address(name: str, url: str, default_port: int) -> Address:
    try:
        parts, login, servers = split_servers(url)
        hosts = tuple((one.hostname or "", one.port or default_port) for one in servers)
    except ValueError:
        raise ConfigurationError(
            f"source {name!r}: its URL must name servers as host:port,host:port"
        ) from None
    if parts.query:
        raise ConfigurationError(f"source {name!r}: its URL holds an unknown option")
    user, _, password = login.partition(":")
    settings = {}
    if user:
        settings["username"] = unquote(user)
    if password:
        settings["password"] = unquote(password)
    path = tuple(unquote(part) for part in parts.path.split("/") if part)
    return Address(hosts, path, settings, secure=parts.scheme.startswith("rediss"))


def _pool(name: str, url: str, *, connections: int, times: Times) -> ConnectionPool:
    """A pool that opens at most `connections`, tries everything once and waits for nothing long.

    What the URL's query says of these settings does not count. Raises `ConfigurationError` for a
    URL that is none of Redis's.
    """
    try:
        settings: dict[str, Any] = dict(parse_url(url))
    except ValueError:
        raise ConfigurationError(
            f"source {name!r}: its URL must be redis://, rediss:// or unix://"
        ) from None
    settings |= _settings(times)
    settings["max_connections"] = connections
    try:
        pool: ConnectionPool = ConnectionPool(**settings)
        # Refuses what it does not know of the URL's query.
        pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    except (TypeError, ValueError, vendor.RedisError):
        raise ConfigurationError(f"source {name!r}: its URL holds an unknown option") from None
    return pool


def _settings(times: Times) -> dict[str, Any]:
    """What every connection is made with, whatever its URL says."""
    return {
        "socket_connect_timeout": times.connect,
        "socket_timeout": times.answer,
        "retry": Retry(NoBackoff(), 0),  # the default is ten, with back-off
        "retry_on_error": [],
        "health_check_interval": 0,
        "decode_responses": False,
        "protocol": 2,  # no handshake at all where there is no password
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
