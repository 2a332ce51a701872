"""Reads a request's body within its bound of size; its time is watched by the caller."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from gateway.errors import Code, RequestError
from gateway.transport.watch import ClientLeft
from gateway.turns import fair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive


_PATIENCE = 1.0
"""Seconds for which what nobody wants is read."""
LARGE = 2_048
"""Bytes from which on a body is so much work that it waits for a turn that has time for it."""


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], most: int) -> bytes:
    """The whole body, at most `most` bytes. Nothing is read of one that announces more.

    Raises `RequestError` (PAYLOAD_TOO_LARGE), or `ClientLeft`.
    """
    if int(headers.get(b"content-length", b"0")) > most:
        raise _too_large(most)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        if len(whole) > most:
            raise _too_large(most)
        if len(whole) > LARGE:
            await fair()
        return whole
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


async def discard(receive: Receive, most: int) -> None:
    """Read at most `most` bytes of a body that is refused, for as long as its sender goes on.

    Where the connection is closed before that, many clients tell of a reset and not of the answer.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            more = True
            while more and most > 0:
                message = await receive()
                most -= len(message.get("body", b""))
                more = message.get("more_body", False)


def _too_large(most: int) -> RequestError:
    return RequestError(f"The body is larger than {most} bytes.", code=Code.PAYLOAD_TOO_LARGE)
