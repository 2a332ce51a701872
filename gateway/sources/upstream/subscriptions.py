"""Subscriptions of an upstream, over graphql-transport-ws, as server-sent events or in parts.

Equal subscriptions of one process are one there: equal documents, variables and headers.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec
import orjson

from gateway.errors import SourceError, SourceRefused, SourceTimeout, SourceUnavailable
from gateway.sources.fanout import Fanout
from gateway.sources.upstream.answers import result

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from gateway.sources.streams import Socket, Streams
    from gateway.sources.upstream.answers import Envelope
    from gateway.sources.upstream.error_log import ErrorLog
    from gateway.sources.upstream.refusals import Refusals

PROTOCOL = "graphql-transport-ws"
_ID = "1"


class _Message(msgspec.Struct):
    """A message of the server."""

    type: str
    payload: msgspec.Raw = msgspec.Raw()


class _Part(msgspec.Struct):
    """A part of a multipart answer; one without anything says that the stream lives."""

    payload: msgspec.Raw = msgspec.Raw()
    errors: msgspec.Raw = msgspec.Raw()


_MESSAGE = msgspec.json.Decoder(_Message)
_PART = msgspec.json.Decoder(_Part)
PARTS = 'multipart/mixed;subscriptionSpec="1.0"'
"""https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol"""


@dataclass(frozen=True, slots=True)
class Topic:
    """What is subscribed to, and the headers it goes with.

    `body` is the whole request of who came first: others may call the same `document` otherwise.
    """

    document: str
    variables: bytes
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(compare=False)


class UpstreamSubscriptions:
    """The events of one upstream. `refusals` say what its errors are, `log` takes them in."""

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        streams: Streams,
        url: str,
        *,
        way: Literal["websocket", "sse", "multipart"],
        init_seconds: float,
        credentials: Mapping[str, str],
        refusals: Refusals,
        log: ErrorLog | None = None,
    ) -> None:
        self._name = streams.name
        self._streams = streams
        self._way = way
        self._init_seconds = init_seconds
        self._credentials = dict(credentials)
        self._refusals = refusals
        self._log = log
        secure = url.replace("https://", "wss://", 1).replace("http://", "ws://", 1)
        self._url = secure if way == "websocket" else url
        self._shared: Fanout[Topic, Envelope] = Fanout(self._listen)

    def events(self, topic: Topic) -> AsyncGenerator[Envelope, None]:
        """The upstream's answers, event for event. Raises SourceError."""
        return self._shared.events(topic)

    def __len__(self) -> int:
        """How many event streams there are."""
        return len(self._shared)

    async def close(self) -> None:
        """End all subscriptions; idempotent."""
        await self._shared.close()
        await self._streams.close()

    async def _listen(self, topic: Topic) -> AsyncGenerator[Envelope, None]:
        ways = {"websocket": self._over_socket, "sse": self._over_lines}
        async with aclosing(ways.get(self._way, self._in_parts)(topic)) as answers:
            try:
                async for answer in answers:
                    yield answer
            except SourceError as error:
                raise self._refusals.of_stream(error) from None

    # graphql-transport-ws ------------------------------------------------------------------------

    async def _over_socket(self, topic: Topic) -> AsyncGenerator[Envelope, None]:
        headers = dict(topic.headers)
        async with self._streams.socket(self._url, (PROTOCOL,), headers) as socket:
            # Many servers look for credentials here, as browsers can send them nowhere else.
            payload = orjson.dumps({**self._credentials, **headers}).decode()
            await socket.send(f'{{"type":"connection_init","payload":{payload}}}')
            try:
                async with asyncio.timeout(self._init_seconds):
                    if (await self._message(socket)).type != "connection_ack":
                        raise SourceRefused(f"{self._name} did not accept the connection.")
            except TimeoutError:
                raise SourceTimeout(f"{self._name} did not answer in time.") from None
            body = topic.body.decode()
            await socket.send(f'{{"id":"{_ID}","type":"subscribe","payload":{body}}}')
            while True:
                message = await self._message(socket)
                if message.type == "complete":
                    return
                if message.type == "error":
                    raise self._refused(b'{"errors":' + bytes(message.payload) + b"}")
                if message.type == "next":
                    yield result(self._refusals, bytes(message.payload))

    async def _message(self, socket: Socket) -> _Message:
        """The next message that is not about the connection being alive."""
        while True:
            try:
                message = _MESSAGE.decode(await socket.receive())
            except msgspec.MsgspecError:
                raise SourceRefused(f"{self._name} sent no message of {PROTOCOL}.") from None
            if message.type == "ping":
                await socket.send('{"type":"pong"}')
            elif message.type != "pong":
                return message

    # Server-sent events --------------------------------------------------------------------------

    async def _over_lines(self, topic: Topic) -> AsyncGenerator[Envelope, None]:
        headers = dict(topic.headers)
        async with self._streams.lines(self._url, topic.body, headers) as lines:
            kind, data = b"", list[bytes]()
            async for line in lines:
                name, _, value = line.partition(b":")
                if name == b"event":
                    kind = value.strip()
                elif name == b"data":
                    data.append(value.removeprefix(b" "))
                elif not line:
                    if kind == b"complete":
                        return
                    if data:
                        yield result(self._refusals, b"\n".join(data))
                    kind, data = b"", list[bytes]()
        raise SourceUnavailable(f"{self._name} ended the stream without saying so.")

    # multipart/mixed -----------------------------------------------------------------------------

    async def _in_parts(self, topic: Topic) -> AsyncGenerator[Envelope, None]:
        headers = dict(topic.headers)
        async with self._streams.parts(self._url, topic.body, headers, PARTS) as parts:
            async for part in parts:
                if part.startswith(b"--"):
                    return
                body = part.partition(b"\r\n\r\n")[2]
                if not body:
                    continue
                try:
                    told = _PART.decode(body)
                except msgspec.MsgspecError:
                    raise SourceRefused(f"{self._name} sent a part that is no event.") from None
                payload, errors = bytes(told.payload), bytes(told.errors)
                if payload not in (b"", b"null"):
                    yield result(self._refusals, payload)
                elif errors:
                    raise self._refused(b'{"errors":' + errors + b"}")
        raise SourceUnavailable(f"{self._name} ended the stream without saying so.")

    def _refused(self, body: bytes) -> SourceError:
        try:
            found = result(self._refusals, body)
        except SourceError as error:
            return error
        if self._log is not None:
            self._log.note(found.errors)
        return self._refusals.of_error(found.errors[0], found)
