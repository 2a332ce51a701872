"""Values in Redis or Valkey, which keep the time to live themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.context.contract import Store
from gateway.sources.redis.faults import accepted, our_errors
from gateway.sources.redis.link import Command, close, look_ups, looked_up
from gateway.sources.redis.links import Times, make_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from gateway.context.contract import Place
    from gateway.context.keys import Pattern

_PAGE = 1_000
"""Keys that one answer of SCAN looks at."""


class RedisStore(Store):
    """Keys of one prefix of one server, cluster, or service that sentinels know."""

    def __init__(self, place: Place) -> None:
        settings = place.settings
        self._name = f"datasource.{place.name}"
        self._prefix = place.prefix.encode()
        self._link = make_link(
            self._name,
            settings.url.reveal(),
            connections=settings.connections,
            times=Times(connect=settings.timeout_seconds, answer=settings.timeout_seconds),
        )

    async def disconnect(self) -> None:
        """See `Store`."""
        await close(self._link, self._name)

    async def ping(self) -> None:
        """See `Store`: every server of a cluster."""
        with our_errors(self._name):
            nodes = await self._link.nodes()
        await self._ask([Command(("PING",), node) for node in nodes])

    async def put(self, values: Mapping[str, bytes], ttl: float | None) -> None:
        """See `Store`: one round trip."""
        life = () if ttl is None else ("PX", max(1, round(ttl * 1000)))
        await self._ask(
            [Command(("SET", self._key(key), value, *life)) for key, value in values.items()]
        )

    async def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Store`: one round trip, and one MGET where that can be."""
        stored = [self._key(key) for key in keys]
        groups, commands = look_ups(self._link, stored)
        return looked_up(groups, await self._ask(commands), len(stored))

    async def has(self, key: str) -> bool:
        """See `Store`."""
        (found,) = await self._ask([Command(("EXISTS", self._key(key)))])
        return bool(found)

    async def remove(self, key: str) -> bool:
        """See `Store`."""
        (found,) = await self._ask([Command(("UNLINK", self._key(key)))])
        return bool(found)

    async def find(self, pattern: Pattern, limit: int) -> list[str]:
        """See `Store`: by SCAN."""
        found: set[str] = set()
        # SCAN's `?` is a byte and ours a character, so the server only narrows down.
        async for keys in self._scan(pattern.text.replace("?", "*")):
            found.update(key for key in keys if pattern.matches(key))
            if len(found) >= limit:
                break
        return list(found)[:limit]

    async def count(self) -> int:
        """See `Store`: by SCAN."""
        found: set[str] = set()
        async for keys in self._scan("*"):
            found.update(keys)
        return len(found)

    async def _scan(self, match: str) -> AsyncIterator[list[str]]:
        with our_errors(self._name):
            nodes = await self._link.nodes()
        like = self._prefix + match.encode()
        for node in nodes:
            cursor = b"0"
            while True:
                words = ("SCAN", cursor, "MATCH", like, "COUNT", _PAGE)
                ((cursor, stored),) = await self._ask([Command(words, node)])
                yield [key[len(self._prefix) :].decode(errors="replace") for key in stored]
                if cursor == b"0":
                    break

    def _key(self, key: str) -> bytes:
        return self._prefix + key.encode()

    async def _ask(self, commands: list[Command]) -> Sequence[Any]:
        with our_errors(self._name):
            answers = await self._link.exchange(commands)
        return accepted(answers, self._name, "text")
