"""The client's errors in our words: what was expected, never a value, nor what the server said."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import redis.exceptions as vendor

from gateway.errors import (
    ConfigurationError,
    PlaitError,
    SourceDataError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CREDENTIALS = (
    vendor.AuthenticationError,
    vendor.AuthenticationWrongNumberOfArgsError,
    vendor.AuthorizationError,
    vendor.NoPermissionError,
)
_AWAY = (
    vendor.ClusterError,
    vendor.MovedError,
    vendor.AskError,
    vendor.MasterDownError,
    vendor.TryAgainError,
)


@contextmanager
def our_errors(name: str) -> Iterator[None]:
    """Raise the client's errors as ours; the server's own words stay out of the message."""
    try:
        yield
    except (TimeoutError, vendor.TimeoutError):
        raise SourceTimeout(f"source {name!r} did not answer in time") from None
    except _CREDENTIALS as error:
        raise SourceRefused(f"source {name!r} refused the credentials") from error
    except vendor.MaxConnectionsError:
        raise SourceOverloaded(f"source {name!r} has no connection left") from None
    except (vendor.ConnectionError, OSError) as error:
        raise SourceUnavailable(f"source {name!r} is not reachable") from error
    except vendor.RedisError as error:
        raise SourceRefused(f"source {name!r} answered with an error") from error


@contextmanager
def opening(name: str) -> Iterator[None]:
    """As `our_errors`; but credentials that are refused are the fault of the settings."""
    with our_errors(name):
        try:
            yield
        except _CREDENTIALS:
            raise ConfigurationError(
                f"source {name!r} refused the credentials of its URL"
            ) from None


def accepted(answers: Sequence[Any], namespace: str, expected: str) -> Sequence[Any]:
    """The answers, none of which the server refused. Raises as `refused` says."""
    for answer in answers:
        if isinstance(answer, vendor.RedisError):
            raise refused(answer, namespace, expected)
    return answers


def refused(  # noqa: PLR0911 - one return per sort of refusal
    error: Exception, namespace: str, expected: str
) -> PlaitError:
    """The error of a field. `expected`: the sort of value the command works on, such as "hash"."""
    if isinstance(error, vendor.OutOfMemoryError):
        return SourceOverloaded(f"Redis has no memory left for the namespace {namespace}.")
    if isinstance(error, vendor.ReadOnlyError):
        return SourceUnavailable(f"Redis takes no writes to the namespace {namespace} now.")
    if isinstance(error, _AWAY):
        return SourceUnavailable(f"Redis cannot serve the namespace {namespace} now.")
    text = str(error)
    if text.startswith("WRONGTYPE"):
        return SourceDataError(
            f"The key in the namespace {namespace} holds no {expected}; `kind` says what it holds."
        )
    if "not an integer" in text or "would overflow" in text:
        return SourceDataError(
            f"The value in the namespace {namespace} is not an integer, or would leave 64 bits."
        )
    if "not a number" in text or "not a valid float" in text:
        return SourceDataError(f"The score in the namespace {namespace} would be no number.")
    return SourceRefused(f"Redis refused a command on the namespace {namespace}.")
