"""Reads a request's body within its bounds of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.errors import Code, RequestError
from gateway.transport.watch import ClientLeft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive

    from gateway.transport.limits import HttpLimits


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limits: HttpLimits) -> bytes:
    """The whole body. Nothing is read of one that announces to be too large.

    Raises `RequestError` (PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT), or `ClientLeft`.
    """
    announced = headers.get(b"content-length")
    if announced is not None and int(announced) > limits.max_body_bytes:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _read(receive, limits)
    except TimeoutError:
        raise RequestError(
            f"The body did not arrive within {limits.body_seconds:g} seconds.",
            code=Code.REQUEST_TIMEOUT,
        ) from None


async def _read(receive: Receive, limits: HttpLimits) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunk: bytes = message.get("body", b"")
        if not chunks and not message.get("more_body", False):
            if len(chunk) > limits.max_body_bytes:
                raise _too_large(limits)
            return chunk
        size += len(chunk)
        if size > limits.max_body_bytes:
            raise _too_large(limits)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large(limits: HttpLimits) -> RequestError:
    return RequestError(
        f"The body is larger than {limits.max_body_bytes} bytes.", code=Code.PAYLOAD_TOO_LARGE
    )
