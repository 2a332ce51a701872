"""Long conversations with one HTTP service: WebSockets, and answers that come line by line.

They have connections of their own, so that the short requests of `gateway.sources.http` never wait
for one that stays open.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from gateway.errors import SourceRefused, SourceTimeout, SourceUnavailable
from gateway.sources.http import client_library, new_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

HEARTBEAT = 20.0
"""Seconds between two pings of a WebSocket; one without an answer is lost."""
QUIET = 90.0
"""Seconds of silence after which an answer that comes line by line is taken for lost."""


class Streams:
    """A service's streams.

    `name` is what errors call it; `headers` go with every request. `connect_seconds`: until the
    service must have taken up a stream. `max_bytes`: of one message, or one line.
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
                f"{self.name} does not open a WebSocket.", extensions={"status": error.status}
            ) from None
        except (client.ClientError, OSError):
            raise SourceUnavailable(f"{self.name} cannot be reached.") from None
        try:
            if connected.protocol not in protocols:
                raise SourceRefused(f"{self.name} does not speak {', '.join(protocols)}.")
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
        session = await self._opened()
        client = await client_library()
        wanted = {**headers, "accept": "text/event-stream", "content-type": "application/json"}
        try:
            async with asyncio.timeout(self._connect_seconds):
                response = await session.post(url, data=body, headers=wanted, allow_redirects=False)
        except TimeoutError:
            raise self._late() from None
        except (client.ClientError, OSError):
            raise SourceUnavailable(f"{self.name} cannot be reached.") from None
        try:
            if response.content_type != "text/event-stream":
                raise SourceRefused(
                    f"{self.name} answers with no event stream.",
                    extensions={"status": response.status},
                )
            yield self._lines_of(response, client)
        finally:
            response.close()

    async def _lines_of(self, response: Any, client: Any) -> AsyncIterator[bytes]:
        rest = b""
        while True:
            try:
                async with asyncio.timeout(QUIET):
                    chunk = await response.content.readany()
            except TimeoutError:
                raise SourceUnavailable(f"{self.name} has fallen silent.") from None
            except (client.ClientError, OSError):
                raise SourceUnavailable(f"{self.name} was lost.") from None
            if not chunk:
                return
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > self._max_bytes:
                raise SourceRefused(f"{self.name} sent more than {self._max_bytes} bytes at once.")
            for line in whole:
                yield line.removesuffix(b"\r")

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
