"""Bytes under keys, for caches that several processes share."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, cast

from redis.asyncio import Redis

from gateway.errors import SourceError
from gateway.sources.redis.connection import make_pool, our_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CONNECTIONS = 4


class RedisBlobs:
    """A Redis server as a store of bytes, on a few connections of its own.

    Seconds. Every call may raise a `SourceError`; the caller decides what that means.
    """

    def __init__(
        self, name: str, url: str, *, connect_timeout: float = 0.5, socket_timeout: float = 0.1
    ) -> None:
        self._name = name
        self._pool = make_pool(
            name,
            url,
            connections=_CONNECTIONS,
            connect_timeout=connect_timeout,
            socket_timeout=socket_timeout,
        )
        self._redis: Redis = Redis(connection_pool=self._pool)

    async def load(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """What is stored under each key, in their order, by one MGET."""
        with our_errors(self._name):
            found = await self._redis.mget(keys)
        return cast("list[bytes | None]", found)  # nothing is decoded

    async def save(self, values: Mapping[str, bytes], seconds: int) -> None:
        """Store values for `seconds`, by one pipeline of SETs."""
        with our_errors(self._name):
            async with self._redis.pipeline(transaction=False) as pipeline:
                for key, value in values.items():
                    pipeline.set(key, value, ex=seconds)
                await pipeline.execute()

    async def aclose(self) -> None:
        """Release the connections; idempotent."""
        with suppress(SourceError), our_errors(self._name):
            await self._pool.disconnect()
