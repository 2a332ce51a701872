"""Counts what clients ask for in Redis 7 or Valkey, over all replicas: GCRA, in one round trip.

The generic cell rate algorithm keeps one number for a client: when it will have been quiet long
enough for its next request (ITU-T I.371). The server's own clock counts, so replicas need not
agree on theirs.
"""

from __future__ import annotations

from gateway.sources.redis.client import Client, Script

_CONNECTIONS = 8

_GCRA = Script(
    """
-- KEYS: the client. ARGV: microseconds between two requests, how many may come at once, how many
-- come now. Gives 0 where they may, else the microseconds until they might.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local between, most, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + between * count
local wait = due - between * most - now
if wait >= 1 then
  return math.ceil(wait)
end
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1)
return 0
"""
)


class RedisRate:
    """`requests` in `seconds`, `burst` of them at once, for each client.

    Nothing is tried twice.

    `timeout`: seconds for a round trip, waiting for a connection included. Raises
    `ConfigurationError` for a wrong URL.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        url: str,
        *,
        requests: int,
        seconds: float,
        burst: int,
        timeout: float,
        connect_timeout: float,
    ) -> None:
        self._client = Client(
            name, url, timeout=timeout, connect_timeout=connect_timeout, connections=_CONNECTIONS
        )
        self._between = seconds * 1_000_000 / requests
        self._burst = burst

    async def take(self, client: str, count: int) -> float:
        """0 where `client` may make `count` requests now, else the seconds until it might.

        More than `burst` at once are counted as `burst`. Raises `SourceError`.
        """
        given = (self._between, self._burst, min(count, self._burst))
        wait = await self._client.run(_GCRA, [b"plait:rate:%b" % client.encode()], given)
        return int(wait) / 1_000_000

    async def close(self) -> None:
        """Release the connections; idempotent."""
        await self._client.close()
