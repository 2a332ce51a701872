"""A small HTTP server of bytes, for what a real Directus cannot be made to answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.sources.directus.credentials import StaticToken
from gateway.sources.directus.sending import Sending
from gateway.sources.http import HttpService, Outgoing

if TYPE_CHECKING:
    from gateway.sources.directus.credentials import Credentials

READ = Outgoing("GET", "/items/articles", repeatable=True)
WRITE = Outgoing("POST", "/items/articles", b"{}", {"content-type": "application/json"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Pieces = AsyncIterator[bytes]


@dataclass(slots=True)
class StandIn:
    """Answers with what `answer` gives for a request, then closes; `asked` are the requests."""

    answer: Callable[[Asked], bytes | Pieces]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [one.path for one in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            lines = (line.partition(": ") for line in head[1:] if line)
            headers = {name.lower(): value for name, _, value in lines}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            asked = Asked(method, path, headers, body)
            self.asked.append(asked)
            given = self.answer(asked)
            if isinstance(given, bytes):
                writer.write(given)
            else:
                async for piece in given:
                    writer.write(piece)
                    await writer.drain()
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def reply(content: Any, status: int = 200, **headers: str) -> bytes:
    """A whole answer: JSON, unless `content` is bytes already."""
    body = (
        content
        if isinstance(content, bytes)
        else json.dumps(content, separators=(",", ":")).encode()
    )
    lines = {
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(body)),
        "connection": "close",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body


def refusal(
    code: str, status: int, /, *, headers: dict[str, str] | None = None, **more: Any
) -> bytes:
    """An error as Directus writes it."""
    extensions = {"code": code, **more}
    content = {"errors": [{"message": "a secret of Directus", "extensions": extensions}]}
    return reply(content, status, **(headers or {}))


async def drip(content: bytes, pause: float = 0.01) -> Pieces:
    """An answer that comes byte by byte."""
    for byte in content:
        yield bytes([byte])
        await asyncio.sleep(pause)


@asynccontextmanager
async def standing_in(answer: Callable[[Asked], bytes | Pieces]) -> AsyncIterator[StandIn]:
    """A running server."""
    stand_in = StandIn(answer)
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stand_in.url = f"http://127.0.0.1:{port}"
    try:
        yield stand_in
    finally:
        server.close()


@asynccontextmanager
async def sending(
    answer: Callable[[Asked], bytes | Pieces],
    make: Callable[[HttpService], Credentials] = lambda _: StaticToken("a static token"),
    **options: Any,
) -> AsyncIterator[tuple[Sending, StandIn]]:
    """A `Sending` to a server of bytes."""
    async with standing_in(answer) as there:
        service = HttpService("directus", there.url, **options)
        made = Sending(service, make(service))
        await made.open()
        try:
            yield made, there
        finally:
            await made.close()


def soon(seconds: float = 10.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def data(made: Sending, request: Outgoing = READ, **options: Any) -> bytes:
    return bytes((await made.ask(request, soon(), **options)).data)
