"""Clients that are slow, and bodies that are too large."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from statistics import median
from typing import TYPE_CHECKING

from bench.soak_stage import Load, Row, asked, p99_ms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.servers import Server
    from bench.soak_stage import Stage

SLOW = 1_000
PATIENCE = 60.0
"""Seconds that a slow client would go on."""
CLOSED = 10.0
COMING, HEAD = 2.0, 3.5
"""Seconds in which they come, and after which the last third ends its head."""
BODY = 200_000_000
RSS_MB = 20.0
PAIRS = 2
"""Rounds with slow clients, and as many without."""

QUERY = "query ($id: ID!) { trend(id: $id) { id title category state score rank } }"
_PIECE = b"x" * 65_536


async def slow(stage: Stage) -> AsyncIterator[Row]:
    """A third never end their head, a third their body, a third are slow in both, to the last.

    Meanwhile others ask as usual.
    """
    load_bodies = [asked(QUERY, id=str(number)) for number in range(1, 101)]
    async with stage.plait() as server:
        load = Load([server.url], load_bodies)
        alone, beside, lasted = [], [], []
        async with load.running():
            await asyncio.sleep(2)
            for _ in range(PAIRS):
                begun = time.monotonic()
                await asyncio.sleep(5)
                alone.append(p99_ms(load.between(begun, time.monotonic())))
                begun = time.monotonic()
                lasted += await asyncio.gather(*(_slow(server, one) for one in range(SLOW)))
                beside.append(p99_ms(load.between(begun, time.monotonic())))
    title = f"{SLOW:,} that send a byte a second"
    yield Row(
        "slow",
        title,
        f"closed after {max(lasted):.1f} s",
        "≤ 10 s",
        round(max(lasted), 1) <= CLOSED,
    )
    before, after = median(alone), median(beside)
    yield Row(
        "slow",
        "p99 of the others, beside them",
        f"{before:.1f} → {after:.1f} ms: {after / before:.1f} times",
        "≤ 2 times",
        after <= 2 * before,
    )


async def _slow(server: Server, number: int) -> float:
    """Seconds until the gateway has closed the connection."""
    await asyncio.sleep(number * COMING / SLOW)
    kind = number % 3
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with suppress(OSError):
        end = b"\r\ncontent-length: 1000\r\n\r\n"
        writer.write(head + b"slow:" + (end if kind == 1 else b""))
        async with asyncio.timeout(PATIENCE):
            while time.monotonic() - begun < PATIENCE:
                with suppress(TimeoutError):
                    if not await asyncio.wait_for(_end(reader), 1.0):
                        break
                if kind == 2 and time.monotonic() - begun > HEAD:  # noqa: PLR2004 - the third
                    kind = 1
                    writer.write(end)
                writer.write(b" ")
    seconds = time.monotonic() - begun
    writer.close()
    return seconds


async def _end(reader: asyncio.StreamReader) -> bytes:
    """Read to the end of what the gateway says."""
    while await reader.read(4096):
        continue
    return b""


async def size(stage: Stage) -> AsyncIterator[Row]:
    """Bodies of 200 MB, each in three ways, several times."""
    json = b"content-type: application/json\r\n"
    ways = {
        "plain": json + b"content-length: %d\r\n" % BODY,
        "chunked": json + b"transfer-encoding: chunked\r\n",
        "gzip": json + b"content-encoding: gzip\r\ncontent-length: %d\r\n" % BODY,
    }
    expected = {"plain": 413, "chunked": 413, "gzip": 415}
    async with stage.plait() as server:
        await asyncio.gather(*(_send(server, b"content-length: 0\r\n", 0) for _ in range(10)))
        before = server.rss_mb()
        most, statuses = before, {}
        for name, head in ways.items():
            sending = asyncio.gather(*(_send(server, head, BODY) for _ in range(4)))
            while not sending.done():
                most = max(most, server.rss_mb())
                await asyncio.sleep(0.02)
            found = set(await sending)
            statuses[name] = found.pop() if len(found) == 1 else 0
        grown = max(most, server.rss_mb()) - before
    yield Row(
        "size",
        "bodies of 200 MB: plain, chunked, gzip",
        ", ".join(str(status) for status in statuses.values()),
        "413, 413, 415",
        statuses == expected,
    )
    yield Row("size", "memory meanwhile", f"+{grown:.1f} MB", "< 20 MB", grown < RSS_MB)


async def _send(server: Server, head: bytes, length: int) -> int:
    """Send until the gateway will have no more; the status it answered, 0 for none.

    By a bare socket: a stream forgets what came when it cannot send any more.
    """
    loop = asyncio.get_running_loop()
    chunked = b"chunked" in head
    piece = b"%x\r\n%b\r\n" % (len(_PIECE), _PIECE) if chunked else _PIECE
    with socket.socket() as client:
        client.setblocking(False)  # noqa: FBT003 - as its own documentation has it
        await loop.sock_connect(client, ("127.0.0.1", server.port))
        await loop.sock_sendall(client, b"POST /graphql HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n")
        answer = asyncio.ensure_future(loop.sock_recv(client, 4096))
        with suppress(OSError):
            for _ in range(0, length, len(_PIECE)):
                if answer.done():
                    break
                await loop.sock_sendall(client, piece)
        try:
            words = (await asyncio.wait_for(answer, 15)).split(maxsplit=2)
        except (OSError, TimeoutError):
            return 0
    return int(words[1]) if len(words) > 1 else 0
