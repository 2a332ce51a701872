"""Long conversations with one HTTP service: WebSockets, and answers that come piece by piece.

They have connections of their own, so that the short requests of `gateway.sources.http` never wait
for one that stays open.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from email.message import Message
from typing import TYPE_CHECKING, Any

from gateway.errors import SourceRefused, SourceTimeout, SourceUnavailable
from gateway.sources.http import client_library, new_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

HEARTBEAT = 20.0
"""Seconds between two pings of a WebSocket; one without an answer is lost."""
QUIET = 90.0
"""Seconds of silence after which an answer that comes piece by piece is taken for lost."""

_WAYS = "its setting `subscriptions` says how it sends events: websocket, sse or multipart."


class Streams:
    """A service's streams.

    `name` is what errors call it; `headers` go with every request. `connect_seconds`: until the
    service must have taken up a stream. `max_bytes`: of one message, line or part.
    """

    def __init__(
        self,
        name: str,
        *,
        headers: Mapping[str, str],
        connect_seconds: float,
        max_bytes: int,
    ) -> None:
        self.name = name
        self._headers = dict(headers)
        self._connect_seconds = connect_seconds
        self._max_bytes = max_bytes
        self._session: Any = None

    async def close(self) -> None:
        """Close all connections; idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def socket(
        self, url: str, protocols: Sequence[str], headers: Mapping[str, str]
    ) -> AsyncIterator[Socket]:
        """A WebSocket. Raises `SourceUnavailable`, `SourceTimeout` or `SourceRefused`."""
        session = await self._opened()
        client = await client_library()
        try:
            async with asyncio.timeout(self._connect_seconds):
                connected = await session.ws_connect(
                    url,
                    protocols=protocols,
                    headers=headers,
                    heartbeat=HEARTBEAT,
                    max_msg_size=self._max_bytes,
                    timeout=client.ClientWSTimeout(ws_close=1.0),
                )
        except TimeoutError:
            raise self._late() from None
        except client.WSServerHandshakeError as error:
            raise SourceRefused(
                f"{self.name} does not open a WebSocket; {_WAYS}",
                extensions={"status": error.status},
            ) from None
        except (client.ClientError, OSError):
            raise SourceUnavailable(f"{self.name} cannot be reached.") from None
        try:
            if connected.protocol not in protocols:
                raise SourceRefused(f"{self.name} does not speak {', '.join(protocols)}; {_WAYS}")
            yield Socket(self.name, connected, client)
        finally:
            await connected.close()

    @asynccontextmanager
    async def lines(
        self, url: str, body: bytes, headers: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of an event stream that answers a POST, without their ends.

        Raises `SourceUnavailable`, `SourceTimeout` or `SourceRefused`, at once or later.
        """
        async with self._posted(url, body, headers, "text/event-stream") as response:
            yield self._pieces(response, b"\n")

    @asynccontextmanager
    async def parts(
        self, url: str, body: bytes, headers: Mapping[str, str], accept: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """What is between the delimiters of a multipart answer to a POST, each with its head.

        What is before the first and after the last is there too, the latter from its `--` on.
        Raises as `lines`.
        """
        async with self._posted(url, body, headers, accept) as response:
            told = Message()
            told["content-type"] = response.headers["content-type"]
            # With the line's end before it: JSON holds none that `--` follows.
            yield self._pieces(response, f"\n--{told.get_boundary('-')}".encode(), b"\n")

    @asynccontextmanager
    async def _posted(
        self, url: str, body: bytes, headers: Mapping[str, str], accept: str
    ) -> AsyncIterator[Any]:
        session = await self._opened()
        client = await client_library()
        sent = {**headers, "accept": accept, "content-type": "application/json"}
        kind = accept.partition(";")[0]
        try:
            async with asyncio.timeout(self._connect_seconds):
                response = await session.post(url, data=body, headers=sent, allow_redirects=False)
        except TimeoutError:
            raise self._late() from None
        except (client.ClientError, OSError):
            raise SourceUnavailable(f"{self.name} cannot be reached.") from None
        try:
            if response.content_type != kind:
                raise SourceRefused(
                    f"{self.name} answers with no {kind}; {_WAYS}",
                    extensions={"status": response.status},
                )
            yield response
        finally:
            response.close()

    async def _pieces(self, response: Any, end: bytes, rest: bytes = b"") -> AsyncIterator[bytes]:
        """What comes, cut at each `end`; `rest` is taken to have come before."""
        client = await client_library()
        while True:
            try:
                async with asyncio.timeout(QUIET):
                    chunk = await response.content.readany()
            except TimeoutError:
                raise SourceUnavailable(f"{self.name} has fallen silent.") from None
            except (client.ClientError, OSError):
                raise SourceUnavailable(f"{self.name} was lost.") from None
            if not chunk:
                yield rest
                return
            *whole, rest = (rest + chunk).split(end)
            if len(rest) > self._max_bytes:
                raise SourceRefused(f"{self.name} sent more than {self._max_bytes} bytes at once.")
            for piece in whole:
                yield piece.removesuffix(b"\r")

    async def _opened(self) -> Any:
        client = await client_library()
        if self._session is None:
            self._session = new_session(client, self._headers, self._connect_seconds, connections=0)
        return self._session

    def _late(self) -> SourceTimeout:
        return SourceTimeout(f"{self.name} did not answer in time.")


class Socket:
    """An open WebSocket."""

    def __init__(self, name: str, connected: Any, client: Any) -> None:
        self._name = name
        self._connected = connected
        self._client = client

    async def send(self, text: str) -> None:
        """Send a text message. Raises `SourceUnavailable`."""
        try:
            await self._connected.send_str(text)
        except (self._client.ClientError, OSError):
            raise SourceUnavailable(f"{self._name} was lost.") from None

    async def receive(self) -> str:
        """The next text message. Raises `SourceUnavailable`, or `SourceRefused` for others."""
        message = await self._connected.receive()
        if message.type is self._client.WSMsgType.TEXT:
            text: str = message.data
            return text
        if message.type is self._client.WSMsgType.BINARY:
            raise SourceRefused(f"{self._name} sent a message that is no text.")
        code = self._connected.close_code
        raise SourceUnavailable(
            f"{self._name} ended the connection.", extensions={"closeCode": code} if code else None
        )
