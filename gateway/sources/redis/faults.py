"""What a server refused, in our words: the sort of value that was expected, never the value."""

from __future__ import annotations

import redis.exceptions as vendor

from gateway.errors import (
    PlaitError,
    SourceDataError,
    SourceOverloaded,
    SourceRefused,
    SourceUnavailable,
)

_AWAY = (
    vendor.ClusterError,
    vendor.MovedError,
    vendor.AskError,
    vendor.MasterDownError,
    vendor.TryAgainError,
)


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
