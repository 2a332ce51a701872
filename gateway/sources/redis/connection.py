"""The client's settings, and its errors in our words."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis.exceptions as vendor
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from gateway.errors import (
    ConfigurationError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CREDENTIAL_ERRORS = (
    vendor.AuthenticationError,
    vendor.AuthenticationWrongNumberOfArgsError,
    vendor.AuthorizationError,
    vendor.NoPermissionError,
)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds to connect, and to wait for an answer; None where the caller bounds that itself."""

    connect: float
    answer: float | None


def make_pool(name: str, url: str, *, connections: int, times: Times) -> ConnectionPool:
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
    settings |= client_settings(times)
    settings["max_connections"] = connections
    try:
        pool: ConnectionPool = ConnectionPool(**settings)
        # Refuses what it does not know of the URL's query.
        pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    except (TypeError, ValueError, vendor.RedisError):
        raise ConfigurationError(f"source {name!r}: its URL holds an unknown option") from None
    return pool


def client_settings(times: Times) -> dict[str, Any]:
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


@contextmanager
def cancellable() -> Iterator[None]:
    """Raise a cancellation that was swallowed within.

    `asyncio.wait_for` of Python 3.11, by which redis-py sends, loses one that comes as it ends
    (python/cpython#86296); whoever waits for the task's end would wait for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:  # also where it was swallowed for another error
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError


@contextmanager
def our_errors(name: str) -> Iterator[None]:
    """Raise the client's errors as ours; the server's own words stay out of the message."""
    try:
        yield
    except (TimeoutError, vendor.TimeoutError):
        raise SourceTimeout(f"source {name!r} did not answer in time") from None
    except CREDENTIAL_ERRORS as error:
        raise SourceRefused(f"source {name!r} refused the credentials") from error
    except vendor.MaxConnectionsError:
        raise SourceOverloaded(f"source {name!r} has no connection left") from None
    except (vendor.ConnectionError, OSError) as error:
        raise SourceUnavailable(f"source {name!r} is not reachable") from error
    except vendor.RedisError as error:
        raise SourceRefused(f"source {name!r} answered with an error") from error
