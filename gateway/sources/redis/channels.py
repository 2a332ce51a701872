"""The channels of a namespace: what is published on them, by the names clients know them by."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.schema.state_keys import literal, shown
from gateway.sources.redis.values import json_value, text_value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.schema.state import Namespace
    from gateway.sources.contract import Value
    from gateway.sources.redis.messages import Channels, Listener


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
    """The messages of a namespace's channels like `pattern` (`gateway.schema.state_keys.glob`).

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
