"""The adapter: bound fields read from Redis, all keys of a batch in one MGET."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import Redis

from gateway.errors import ConfigurationError, SourceDataError, SourceError, SourceTimeout
from gateway.sources.contract import Batch, Budget, Health, Prepared
from gateway.sources.redis.connection import CREDENTIAL_ERRORS, make_pool, our_errors
from gateway.sources.redis.pattern import KeyPattern
from gateway.sources.redis.values import counter, json_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.sources.contract import Value

MGET_KEYS = 1_000
"""Keys of one MGET; a larger batch is several of them in one pipeline."""

_CLOSE_SECONDS = 1.0


class Kind(StrEnum):
    """How a stored value is read."""

    COUNTER = "counter"
    VALUE = "value"


_READERS: Mapping[Kind, Callable[[bytes | None], Value]] = {
    Kind.COUNTER: counter,
    Kind.VALUE: json_value,
}


@dataclass(frozen=True, slots=True, eq=False)
class RedisPrepared(Prepared):
    """A bound field: the key each entity has in Redis, and how its value is read."""

    pattern: KeyPattern
    kind: Kind


class RedisSource:
    """One Redis server (or what speaks its protocol), by URL.

    `concurrency`: executions at once, one connection each. `connect_timeout`, `socket_timeout`:
    seconds for a connection and for each answer. Nothing is tried twice; a connection that was
    lost is made anew by the next call. Raises `ConfigurationError` for a wrong URL.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        concurrency: int = 4,
        connect_timeout: float = 0.5,
        socket_timeout: float = 0.1,
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self._open_seconds = connect_timeout + 2 * socket_timeout
        self._pool = make_pool(
            name,
            url,
            connections=concurrency + 1,  # one for the readiness check
            connect_timeout=connect_timeout,
            socket_timeout=socket_timeout,
        )
        self._redis: Redis = Redis(connection_pool=self._pool)

    def prepare_counter(self, pattern: str, key_names: Sequence[str]) -> RedisPrepared:
        """A field that counts: JSON integers, **0 where nothing is stored**.

        `pattern`: the Redis key, `views:trend_{id}`, with names of `key_names`, the entity's key
        columns in their order. A value that is no integer, or beyond GraphQL's Int, is a
        `SourceDataError` in its place. Pure; raises `ConfigurationError` for a bad pattern.
        """
        return self._prepare(pattern, key_names, Kind.COUNTER)

    def prepare_value(self, pattern: str, key_names: Sequence[str]) -> RedisPrepared:
        """A field that holds JSON text: as it was stored, None where nothing is.

        A value that is not JSON, or over a mebibyte, is a `SourceDataError` in its place. Pure;
        raises `ConfigurationError` for a bad pattern.
        """
        return self._prepare(pattern, key_names, Kind.VALUE)

    async def open(self) -> None:
        """Connect once. Raises `SourceUnavailable`, `SourceTimeout` or `ConfigurationError`."""
        deadline = asyncio.get_running_loop().time() + self._open_seconds
        with our_errors(self.name):
            try:
                async with asyncio.timeout_at(deadline):
                    await self._redis.ping()
            except CREDENTIAL_ERRORS:
                raise ConfigurationError(
                    f"source {self.name!r} refused the credentials of its URL"
                ) from None

    async def close(self) -> None:
        """Release the connections; idempotent."""
        with suppress(SourceError), our_errors(self.name):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._pool.disconnect()

    async def check(self, budget: Budget) -> Health:
        """PING; never raises. `figures`: the round trip in milliseconds."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            with our_errors(self.name):
                async with asyncio.timeout_at(budget.deadline):
                    await self._redis.ping()
        except SourceError as error:
            return Health(ready=False, detail=error.message)
        return Health(
            ready=True, detail="answers", figures={"round_trip_ms": (clock() - started) * 1_000}
        )

    async def execute(
        self, prepared: RedisPrepared, batch: Batch, budget: Budget
    ) -> Sequence[Value]:
        """One MGET for all keys of the batch; values in the order of the keys.

        Raises `SourceTimeout`, `SourceUnavailable`, `SourceOverloaded` or `SourceRefused`.
        """
        if asyncio.get_running_loop().time() >= budget.deadline:
            raise SourceTimeout(f"source {self.name!r} was not asked: no time was left")
        values: list[Value] = [None] * len(batch.keys)
        asked: list[tuple[int, bytes]] = []
        for place, key in enumerate(batch.keys):
            try:
                asked.append((place, prepared.pattern.key(key)))
            except SourceDataError as error:
                values[place] = error
        if asked:
            with our_errors(self.name):
                async with asyncio.timeout_at(budget.deadline):
                    stored = await self._get([key for _, key in asked])
            read = _READERS[prepared.kind]
            for (place, _), value in zip(asked, stored, strict=True):
                values[place] = read(value)
        return values

    def describe(self, prepared: RedisPrepared) -> Mapping[str, Any]:
        """The command and the pattern of its keys."""
        return {
            "source": self.name,
            "command": "MGET",
            "keys": prepared.pattern.text,
            "kind": prepared.kind.value,
        }

    def _prepare(self, pattern: str, key_names: Sequence[str], kind: Kind) -> RedisPrepared:
        return RedisPrepared(
            source=self.name, by_key=True, pattern=KeyPattern.parse(pattern, key_names), kind=kind
        )

    async def _get(self, keys: list[bytes]) -> list[bytes | None]:
        if len(keys) <= MGET_KEYS:
            return cast("list[bytes | None]", await self._redis.mget(keys))  # nothing is decoded
        async with self._redis.pipeline(transaction=False) as pipeline:
            for start in range(0, len(keys), MGET_KEYS):
                pipeline.mget(keys[start : start + MGET_KEYS])
            answers: list[list[bytes | None]] = await pipeline.execute()
        return [value for one in answers for value in one]
