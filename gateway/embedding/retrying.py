"""When a call is tried again: full jitter between attempts, and what the service asked for."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from gateway.errors import SourceError, SourceOverloaded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
LONGEST_HOLD = 60.0
"""Seconds after which a service that asked for more patience is tried all the same."""


class Passing(Exception):  # noqa: N818 - caught within the package, never an error of its own
    """A failure that may pass: `error` is what it means if it does not.

    `hold`: seconds the service asked to be left alone, None where it did not.
    """

    def __init__(self, error: SourceError, hold: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.hold = hold


def retry_after(value: str | None) -> float | None:
    """The seconds a `Retry-After` header asks for (RFC 9110, 10.2.3); None where it is none."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_HOLD)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), LONGEST_HOLD)


class Retrying:
    """The attempts of all calls to one service; what it asks of one call, all of them heed."""

    def __init__(
        self,
        attempts: int,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`attempts`: how often a call is made at most. `jitter` gives numbers from 0 to 1."""
        self._attempts = attempts
        self._sleep = sleep
        self._jitter = jitter
        self._held_until = 0.0

    async def call(self, attempt: Callable[[], Awaitable[bytes]], deadline: float) -> bytes:
        """What `attempt` gives, tried again while it raises `Passing` and time is left.

        No pause is begun that `deadline` (event loop's clock) would cut. Raises the error of the
        last failure, or `SourceOverloaded` while the service wants to be left alone for longer.
        """
        error: SourceError = SourceOverloaded("the embedding service asked not to be called yet")
        ceiling = 0.0
        for number in range(self._attempts):
            now = asyncio.get_running_loop().time()
            pause = max(ceiling * self._jitter(), self._held(now))
            if pause and now + pause >= deadline:
                break
            if pause:
                await self._sleep(pause)
            try:
                return await attempt()
            except Passing as failure:
                error = failure.error
                self._heed(failure.hold)
            ceiling = min(FIRST_PAUSE * 2**number, LONGEST_PAUSE)
        raise error

    def _held(self, now: float) -> float:
        """Seconds until the service may be called, spread so that not all call at once."""
        left = self._held_until - now
        return left + FIRST_PAUSE * self._jitter() if left > 0 else 0.0

    def _heed(self, hold: float | None) -> None:
        if hold:
            until = asyncio.get_running_loop().time() + hold
            self._held_until = max(self._held_until, until)
