"""Bytes under keys, for caches that several processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.sources.redis.client import Client
from gateway.sources.redis.link import Command, look_ups, looked_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CONNECTIONS = 4


class RedisBlobs:
    """A store of bytes, on a few connections of its own.

    `timeout`: seconds for each call, waiting for a connection included. Every call may raise a
    `SourceError`; the caller decides what that means.
    """

    def __init__(
        self, name: str, url: str, *, connect_timeout: float = 0.5, timeout: float = 0.5
    ) -> None:
        self._client = Client(
            name, url, timeout=timeout, connect_timeout=connect_timeout, connections=_CONNECTIONS
        )

    async def load(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """What is stored under each key, in their order, in one round trip."""
        names = [key.encode() for key in keys]
        groups, commands = look_ups(self._client.link, names)
        return looked_up(groups, await self._client.ask(commands), len(names))

    async def save(self, values: Mapping[str, bytes], seconds: int) -> None:
        """Store values for `seconds`, in one round trip."""
        await self._client.ask(
            [Command(("SET", key.encode(), value, "EX", seconds)) for key, value in values.items()]
        )

    async def aclose(self) -> None:
        """Release the connections; idempotent."""
        await self._client.close()
