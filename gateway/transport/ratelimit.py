"""How often one client may ask: by its subject, else by its address."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from gateway.errors import Code, RequestError, SourceError
from gateway.identity.clients import Clients
from gateway.sources.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

    from gateway.viewer import Viewer


class Rate(Protocol):
    """Counts requests; `gateway.sources.redis.ratelimit` is one."""

    async def take(self, client: str, count: int) -> float:
        """0 where they may be made, else the seconds until they might. Raises `SourceError`."""


class RateLimit:
    """Holds clients to a rate.

    `fail_open`: whether they may ask while nobody can count. `client_header`: see `Clients`.
    """

    def __init__(self, rate: Rate, *, fail_open: bool = True, client_header: str = "") -> None:
        self._rate = rate
        self._fail_open = fail_open
        self._clients = Clients(client_header)
        self._breaker = Breaker()
        self._counts = {"limited": 0, "uncounted": 0}

    async def require(self, viewer: Viewer, scope: Scope, count: int = 1) -> None:
        """Let `count` operations of a viewer pass.

        Raises RequestError: RATE_LIMITED, or SOURCE_UNAVAILABLE where nobody can count and that is
        not to be put up with.
        """
        wait: float | None = None
        if self._breaker.allows():
            try:
                wait = await self._rate.take(self._clients.name(viewer, scope), count)
            except SourceError:
                self._breaker.failed()
            else:
                self._breaker.succeeded()
        if wait is None:
            self._counts["uncounted"] += 1
            if not self._fail_open:
                raise RequestError(
                    "Requests cannot be counted at the moment; try again later.",
                    code=Code.SOURCE_UNAVAILABLE,
                )
        elif wait:
            self._counts["limited"] += 1
            seconds = math.ceil(wait)
            raise RequestError(
                f"Too many requests; try again in {seconds} seconds.",
                code=Code.RATE_LIMITED,
                extensions={"retryAfter": seconds},
            )

    def figures(self) -> Mapping[str, float]:
        """Counters: requests refused, and those let through or refused uncounted."""
        return {**self._counts, "breaker_open": float(self._breaker.open)}


def retry_after(error: RequestError) -> list[tuple[bytes, bytes]]:
    """The header that says when to ask again, where the refusal says so."""
    seconds = error.details.get("retryAfter")
    return [] if seconds is None else [(b"retry-after", b"%d" % seconds)]
