"""Commands to Redis on a few connections of their own, every call within one time."""

from __future__ import annotations

import asyncio
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError, RedisError

from gateway.sources.redis.faults import opening, our_errors
from gateway.sources.redis.link import Command, close
from gateway.sources.redis.links import Times, make_link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.sources.redis.link import Word

_OPEN_SECONDS = 0.5
"""More than a call has, as the first connection is made."""


class Script:
    """Lua, and the digest by which a server that knows it is asked to run it."""

    __slots__ = ("digest", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()


class Client:
    """A server, a cluster, or a server that sentinels name.

    `timeout`: seconds for each call, waiting for a connection included. `connections`: calls at
    once. `first`: what a server is told before it learns a script. Nothing is tried twice; calls
    raise `SourceError`. Raises `ConfigurationError` for a wrong URL.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        url: str,
        *,
        timeout: float,
        connect_timeout: float,
        connections: int,
        first: Callable[[], Command] | None = None,
    ) -> None:
        self.name = name
        self._first = first
        self.timeout = timeout
        times = Times(connect=connect_timeout, answer=None)  # every call has one timer
        self.link = make_link(name, url, connections=connections, times=times)
        self._room = asyncio.Semaphore(connections)

    async def open(self) -> None:
        """Connect once. Raises `SourceError`, or `ConfigurationError` for refused credentials."""
        with opening(self.name):
            async with asyncio.timeout(self.timeout + _OPEN_SECONDS):
                await self._exchange([Command(("PING",), key=b"PING")])

    async def close(self) -> None:
        """Release the connections; idempotent."""
        await close(self.link, self.name)

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """One answer for each command, in one round trip."""
        with our_errors(self.name):
            async with asyncio.timeout(self.timeout), self._room:
                return await self._exchange(commands)

    async def run(self, script: Script, keys: Sequence[bytes], given: Sequence[Word]) -> Any:
        """What a script gives; a server that does not know it is told its text."""
        words = (len(keys), *keys, *given)
        with our_errors(self.name):
            async with asyncio.timeout(self.timeout), self._room:
                try:
                    told = Command(("EVALSHA", script.digest, *words), key=keys[0])
                    (answer,) = await self._exchange([told])
                except NoScriptError:
                    if self._first is not None:
                        await self._exchange([self._first()])
                    told = Command(("EVAL", script.text, *words), key=keys[0])
                    (answer,) = await self._exchange([told])
                return answer

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        answers = await self.link.exchange(commands)
        for answer in answers:
            if isinstance(answer, RedisError):
                raise answer
        return answers
