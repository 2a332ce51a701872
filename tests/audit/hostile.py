"""A server that refuses everybody, and quotes in each refusal what nobody should see.

It speaks as much of HTTP, Redis' and PostgreSQL's protocols as it takes to be believed.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CANARY = "canary-5f0c"
"""Part of every secret of the settings, and of every word that the server says."""

_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""PostgreSQL's request for encryption."""


@asynccontextmanager
async def refusing() -> AsyncIterator[int]:
    """The port it listens on."""
    server = await asyncio.start_server(_converse, "127.0.0.1")
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer until the other side leaves; its first byte tells what it speaks."""
    try:
        while begun := await reader.read(65_536):
            writer.write(_answer(begun))
            await writer.drain()
            if not begun.startswith((b"*", _TLS)):
                break
    except ConnectionError:
        pass
    finally:
        writer.close()


def _answer(asked: bytes) -> bytes:
    if asked == _TLS:
        return b"N"
    if asked.startswith(b"\x00"):
        fields = f"SFATAL\0VFATAL\0C57P03\0M{CANARY} is starting up\0D{CANARY}\0\0".encode()
        return b"E" + (len(fields) + 4).to_bytes(4) + fields
    if asked.startswith(b"*"):
        return f"-ERR {CANARY} is no password\r\n".encode() * (asked.count(b"\r\n*") + 1)
    told = {"errors": [{"message": CANARY}], "error": CANARY, "status": {"error": CANARY}}
    body = json.dumps(told).encode()
    status = b"200 OK" if b"/graphql" in asked.split(b"\r\n", 1)[0] else b"500 Oops"
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\nconnection: close\r\n" % status
    return head + b"content-length: %d\r\n\r\n%s" % (len(body), body)
