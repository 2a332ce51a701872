"""Failures of the client library, and deadlines, as the gateway's own errors."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import grpc
import httpx
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from gateway.errors import (
    Code,
    SourceDataError,
    SourceError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.qdrant.collections import CollectionMissing, PointMissing

if TYPE_CHECKING:
    from collections.abc import Awaitable

_MAX_DETAIL = 200
_MISSING_POINT = "No point with id"
_MISSING_COLLECTION = "doesn't exist"
_STATUSES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.ALREADY_EXISTS,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_TOLD = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.UNIMPLEMENTED,
)
"""Answers whose text is about the request and fit for a client; others may speak of the server."""


class KeyRefused(SourceRefused):
    """The server does not accept the API key."""


async def finished(source: str, work: Awaitable[Any], deadline: float) -> Any:
    """What `work` gives, by `deadline` (event loop's clock). Raises only `SourceError`s."""
    try:
        async with asyncio.timeout_at(deadline):
            return await work
    except TimeoutError:
        raise SourceTimeout(f"{source} did not answer in time") from None
    except SourceError:
        raise
    except Exception as error:
        raise source_error(source, error) from error


def source_error(source: str, error: Exception) -> SourceError:
    """What an exception of the client library means."""
    if isinstance(error, grpc.aio.AioRpcError):
        return _from_status(source, error.code(), error.details() or "")
    if isinstance(error, UnexpectedResponse):
        status = _STATUSES.get(error.status_code or 0, grpc.StatusCode.UNKNOWN)
        return _from_status(source, status, _rest_detail(error.content))
    if isinstance(error, ResourceExhaustedResponse):
        return _from_status(source, grpc.StatusCode.RESOURCE_EXHAUSTED, "")
    cause = error.source if isinstance(error, ResponseHandlingException) else error
    if isinstance(cause, httpx.TimeoutException):
        return SourceTimeout(f"{source} did not answer in time")
    if isinstance(cause, httpx.TransportError | grpc.aio.UsageError | RuntimeError | OSError):
        return SourceUnavailable(f"{source} cannot be reached")
    return SourceRefused(f"{source} gave an answer that cannot be read")


def _from_status(  # noqa: PLR0911 - one return per kind of failure
    source: str, status: grpc.StatusCode, detail: str
) -> SourceError:
    if status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return SourceUnavailable(f"{source} cannot be reached")
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return SourceTimeout(f"{source} did not answer in time")
    if status is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return SourceOverloaded(f"{source} is overloaded")
    reason = f": {detail[:_MAX_DETAIL]}" if detail and status in _TOLD else ""
    message = f"{source} refused ({status.name}){reason}"
    if status is grpc.StatusCode.INVALID_ARGUMENT:
        return SourceDataError(message)
    if status in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return KeyRefused(f"{source} does not accept the API key")
    if status is grpc.StatusCode.NOT_FOUND and _MISSING_POINT in detail:
        return PointMissing(message)
    if status is grpc.StatusCode.NOT_FOUND and _MISSING_COLLECTION in detail:
        return CollectionMissing(message)
    if status is grpc.StatusCode.ALREADY_EXISTS:
        return SourceRefused(message, code=Code.BAD_USER_INPUT)
    return SourceRefused(message)


def _rest_detail(content: bytes) -> str:
    try:
        return str(json.loads(content)["status"]["error"])
    except (ValueError, TypeError, KeyError):
        return ""
