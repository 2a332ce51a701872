"""How often one client may ask: by its subject, else by its address."""

from __future__ import annotations

import hashlib
import math
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Protocol

from gateway.errors import Code, RequestError, SourceError
from gateway.sources.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

    from gateway.viewer import Viewer

_IPV6_PREFIX = 64
"""Bits of an IPv6 address that tell clients apart: one of them has all the rest."""
_UNKNOWN = "unknown"


class Rate(Protocol):
    """Counts requests; `gateway.sources.redis.ratelimit` is one."""

    async def take(self, client: str, count: int) -> float:
        """0 where they may be made, else the seconds until they might. Raises `SourceError`."""


class RateLimit:
    """Holds clients to a rate.

    `fail_open`: whether they may ask while nobody can count. `client_header`: where a proxy of
    ours puts the client's address, behind what the client itself claimed; empty for no proxy.
    """

    def __init__(self, rate: Rate, *, fail_open: bool = True, client_header: str = "") -> None:
        self._rate = rate
        self._fail_open = fail_open
        self._header = client_header.lower().encode()
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
                wait = await self._rate.take(self._client(viewer, scope), count)
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

    def _client(self, viewer: Viewer, scope: Scope) -> str:
        """The client's name: hashed, as a subject may hold anything and be as long as it likes."""
        if viewer.subject is not None:
            name = f"subject {viewer.tenant or ''} {viewer.subject}"
        else:
            name = f"address {self._address(scope)}"
        return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()

    def _address(self, scope: Scope) -> str:
        given = scope.get("client")
        text = given[0] if given else _UNKNOWN
        if self._header:
            lines = [value for name, value in scope["headers"] if name == self._header]
            if lines:  # the proxy's own word is the last
                text = lines[-1].decode("latin-1").rpartition(",")[2].strip()
        try:
            address = ip_address(text)
        except ValueError:
            return _UNKNOWN
        if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
            return str(ip_network((address, _IPV6_PREFIX), strict=False))
        return str(address)


def retry_after(error: RequestError) -> list[tuple[bytes, bytes]]:
    """The header that says when to ask again, where the refusal says so."""
    seconds = error.details.get("retryAfter")
    return [] if seconds is None else [(b"retry-after", b"%d" % seconds)]
