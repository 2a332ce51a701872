"""Messages: pub/sub channels shared by all who listen, and those of a namespace.

One connection serves all listeners; each has a bounded buffer, and is told when it may have missed
something.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis.exceptions as vendor

from gateway.errors import SourceRefused, SourceUnavailable
from gateway.schema.state.keys import literal, shown
from gateway.sources.redis.values import json_value, text_value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio.connection import AbstractConnection

    from gateway.schema.state.namespaces import Namespace
    from gateway.sources.contract import Value
    from gateway.sources.redis.link import Link

BUFFER = 256
"""Messages that wait for a slow listener; more push out the oldest."""
LISTENERS = 10_000
QUIET = 5.0
"""Seconds of silence after which the server is asked whether it is still there."""
PAUSE = 0.1, 2.0
"""Seconds before a lost connection is tried again: at first, and at most."""


@dataclass(frozen=True, slots=True)
class Message:
    """What was published. `gap`: messages before this one may have been missed."""

    channel: str
    data: bytes
    gap: bool = False


class Listener:
    """An asynchronous iterator over messages; ends with the source."""

    def __init__(self, buffer: int) -> None:
        self._waiting: deque[Message] = deque(maxlen=buffer)
        self._gap = False
        self._ended: Exception | None = None
        self._woken = asyncio.Event()

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> Message:
        while not self._waiting:
            if self._ended is not None:
                raise self._ended
            self._woken.clear()
            await self._woken.wait()
        message = self._waiting.popleft()
        if self._gap:
            self._gap = False
            return Message(message.channel, message.data, gap=True)
        return message

    def give(self, message: Message) -> None:
        """Add a message; the oldest goes where there is no room."""
        self._gap = self._gap or len(self._waiting) == self._waiting.maxlen
        self._waiting.append(message)
        self._woken.set()

    def missed(self) -> None:
        """The next message comes after a time in which nobody listened."""
        self._gap = True

    def end(self, reason: Exception) -> None:
        """No more messages will come; those that wait are still given."""
        self._ended = reason
        self._woken.set()


class Channels:
    """All listeners to one source's channels, on one connection while there are any."""

    def __init__(self, name: str, link: Link, *, connect_timeout: float) -> None:
        self._name = name
        self._link = link
        self._seconds = connect_timeout
        self._listeners: dict[bytes, set[Listener]] = {}
        self._connection: AbstractConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._settled: dict[bytes, asyncio.Event] = {}

    @asynccontextmanager
    async def listen(
        self, pattern: str, *, deadline: float, buffer: int = BUFFER
    ) -> AsyncIterator[Listener]:
        r"""Messages of the channels like `pattern` (`*`, `?`, `[…]`, `\\` as in PSUBSCRIBE).

        Within the block nothing published is missed but where a message says so (`gap`). Raises
        `SourceUnavailable` where the server does not confirm before `deadline` (the event loop's
        clock), and `SourceOverloaded` beyond `LISTENERS`.
        """
        key = pattern.encode()
        listener = Listener(buffer)
        if sum(map(len, self._listeners.values())) >= LISTENERS:
            raise SourceRefused(f"source {self._name!r} has too many listeners")
        first = key not in self._listeners
        self._listeners.setdefault(key, set()).add(listener)
        self._settled.setdefault(key, asyncio.Event())
        try:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._serve())
            elif first and self._connection is not None:
                await self._say(b"PSUBSCRIBE", key)
            try:
                async with asyncio.timeout_at(deadline):
                    await self._settled[key].wait()
            except TimeoutError:
                raise SourceUnavailable(f"source {self._name!r} is not reachable") from None
            yield listener
        finally:
            await self._forget(key, listener)

    async def close(self) -> None:
        """End all listeners; idempotent."""
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.end(SourceUnavailable(f"source {self._name!r} was closed"))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _forget(self, key: bytes, listener: Listener) -> None:
        listeners = self._listeners[key]
        listeners.discard(listener)
        if listeners:
            return
        del self._listeners[key], self._settled[key]
        if self._listeners:
            await self._say(b"PUNSUBSCRIBE", key)
        elif self._task is not None:
            # Who listens next begins anew, and need not wait for this one's end.
            task, self._task = self._task, None
            task.cancel()
            await asyncio.wait([task])

    async def _say(self, *words: bytes) -> None:
        """A command of its own on the shared connection; its answer comes among the messages."""
        connection = self._connection
        if connection is not None:
            with suppress(vendor.RedisError, OSError):
                await connection.send_packed_command(connection.pack_command(*words))

    async def _serve(self) -> None:
        """Keep one connection subscribed to everything anybody listens to."""
        pause = PAUSE[0]
        while True:
            with suppress(vendor.RedisError, OSError):
                async with asyncio.timeout(self._seconds):
                    connection = await self._link.borrow()
                try:
                    self._connection = connection
                    await self._say(b"PSUBSCRIBE", *self._listeners)
                    pause = PAUSE[0]
                    await self._hear(connection)
                finally:
                    if self._connection is connection:
                        self._connection = None
                    await self._link.give_back(connection)
            for settled in self._settled.values():
                settled.clear()
            for listeners in self._listeners.values():
                for listener in listeners:
                    listener.missed()
            await asyncio.sleep(pause)
            pause = min(PAUSE[1], pause * 2)

    async def _hear(self, connection: AbstractConnection) -> None:
        """Hand out what comes, until the server is silent for too long."""
        asked = False
        while True:
            try:
                answer = await connection.read_response(
                    disable_decoding=True, timeout=QUIET, disconnect_on_error=False
                )
            except vendor.TimeoutError:
                if asked:
                    raise
                await self._say(b"PING")
                asked = True
                continue
            asked = False
            kind, *rest = answer
            if kind == b"pmessage":
                pattern, channel, data = rest
                message = Message(channel.decode(errors="replace"), data)
                for listener in self._listeners.get(pattern, ()):
                    listener.give(message)
            elif kind == b"psubscribe" and rest[0] in self._settled:
                self._settled[rest[0]].set()


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """What was published on `channel`, which is relative to the namespace.

    `value` is JSON, or why the message is none. `gap`: messages before it may have been missed.
    """

    channel: str
    value: Value
    gap: bool


@asynccontextmanager
async def listening(
    channels: Channels, namespace: Namespace, pattern: str, deadline: float
) -> AsyncIterator[AsyncIterator[ChannelMessage]]:
    """The messages of a namespace's channels like `pattern` (`gateway.schema.state.keys.glob`).

    Nothing published within the block is missed but where a message says so. Raises SourceError
    where the server does not confirm by `deadline`.
    """
    whole = literal(namespace.prefix) + pattern
    async with channels.listen(whole, deadline=deadline) as listener:
        yield _of_namespace(listener, namespace)


async def _of_namespace(listener: Listener, namespace: Namespace) -> AsyncIterator[ChannelMessage]:
    prefix = namespace.prefix.encode()
    read = text_value if namespace.text else json_value
    gap = False
    async for message in listener:
        gap = gap or message.gap
        channel = shown(message.channel.encode(), prefix)
        if channel is None:
            continue  # no key of the namespace is called so: it may be another's
        yield ChannelMessage(channel, read(message.data, namespace.max_value_bytes), gap)
        gap = False
