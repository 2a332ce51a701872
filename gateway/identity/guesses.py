"""How often one client may guess: API keys that nobody here knows cost a question each.

A key that was known here before is none of that, so whoever holds one is never held up, whatever
others send from the same address.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gateway.errors import CredentialsError
from gateway.identity.refusing import Reason, too_many_guesses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import Scope

    from gateway.identity.clients import Clients

SECONDS = 60.0
AT_ONCE = 8
"""Questions under way for one client; the others wait, and are refused if these were wrong."""
REMEMBERED = 10_000
"""Clients that are remembered; of more, those are forgotten that have guessed longest ago."""


class _Guesser:
    """One client: `wrong` guesses as of `since`, from when on they wear off."""

    __slots__ = ("since", "turns", "wrong")

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(AT_ONCE)
        self.wrong = self.since = 0.0


class Guesses:
    """At most `most` wrong guesses of a client in a minute, evenly once they are used up.

    `clients` tells who is one, by its address, as nobody knows yet who it is.
    """

    def __init__(
        self, most: int, clients: Clients, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._clients = clients
        self._clock = clock
        self._guessers: dict[str, _Guesser] = {}

    @asynccontextmanager
    async def guess(self, scope: Scope) -> AsyncIterator[None]:
        """Around the question whose key it is, which raises CredentialsError where nobody's.

        Raises CredentialsError (RATE_LIMITED) where there were too many of these of late.
        """
        guesser = self._guesser(self._clients.name(None, scope))
        async with guesser.turns:
            wait = (self._level(guesser) + 1 - self._most) * SECONDS / self._most
            if wait > 0:
                raise too_many_guesses(math.ceil(wait))
            try:
                yield
            except CredentialsError as error:
                if error.reason == Reason.API_KEY:
                    guesser.wrong, guesser.since = self._level(guesser) + 1, self._clock()
                raise

    def _level(self, guesser: _Guesser) -> float:
        worn = (self._clock() - guesser.since) * self._most / SECONDS
        return max(0.0, guesser.wrong - worn)

    def _guesser(self, client: str) -> _Guesser:
        found = self._guessers.pop(client, None) or _Guesser()
        if len(self._guessers) >= REMEMBERED:
            del self._guessers[next(iter(self._guessers))]
        self._guessers[client] = found
        return found
