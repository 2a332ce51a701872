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

    from starlette.types import Message, Receive, Send


_SILENCE = 1.0
"""Seconds without a byte after which a body that nobody wants is read no further."""
_UNWANTED = 33_554_432
"""Bytes of such a body that are read at most."""
LARGE = 2_048
"""Bytes from which on a body is so much work that it waits for a turn that has time for it."""


class Body:
    """A request's body as it arrives, to be called as `receive`."""

    __slots__ = ("_ended", "_receive")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def __call__(self) -> Message:
        """The next message."""
        message = await self._receive()
        if not message.get("more_body", False):
            self._ended = True
        return message

    def is_coming(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether there is one that has not been read to its end."""
        announced = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        return announced and not self._ended

    def hearing_out(self, send: Send, seconds: float) -> Send:
        """A `send` that holds an answer's end back while the body goes on, for `seconds` at most.

        Nobody wants what is read then. But who is cut off while he writes often tells of a reset,
        and not of the answer that came.
        """

        async def sending(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send({**message, "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._read_on()
            await send({"type": "http.response.body", "body": b""})

        return sending

    async def _read_on(self) -> None:
        left = _UNWANTED
        while left > 0 and not self._ended:
            async with asyncio.timeout(_SILENCE):
                left -= len((await self()).get("body", b""))


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


def _too_large(most: int) -> RequestError:
    return RequestError(f"The body is larger than {most} bytes.", code=Code.PAYLOAD_TOO_LARGE)
