"""The keys that an issuer signs with: fixed ones, or those it publishes (JWKS, RFC 7517).

Published keys are fetched once and kept. They are fetched anew, in the background, when they grow
old, and at most once in an interval when a token names a key that is not among them: that is how
keys are rotated, and no flood of tokens makes it a flood of fetches. While the issuer cannot be
reached the old keys serve, but not for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import jwt
import msgspec

from gateway.identity.algorithms import fits
from gateway.identity.refusing import Reason, refused

_LOG = logging.getLogger(__name__)

MAX_KEYS = 100
"""Keys of one issuer that are looked at."""

Fetch: TypeAlias = Callable[[], Awaitable[bytes]]
"""Gets the published document, bounded in time and size; raises whatever it likes."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key, and what its owner says of it: its id and the one algorithm it is for, if any."""

    key: Any
    kid: str | None = None
    algorithm: str | None = None

    def serves(self, algorithm: str) -> bool:
        """Whether a signature by this algorithm may be checked with it."""
        return self.algorithm in {None, algorithm} and fits(self.key, algorithm)


class KeySet(Protocol):
    """Where an issuer's keys are."""

    def find(self, kid: str | None, algorithm: str) -> SigningKey | None:
        """The key at hand for a token's header, or None."""

    async def seek(self, kid: str | None, algorithm: str) -> SigningKey:
        """The same when it had to be fetched first; raises CredentialsError."""

    async def close(self) -> None:
        """End what is under way."""


class FixedKeys:
    """Keys from the settings."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self._keys = tuple(keys)

    def find(self, kid: str | None, algorithm: str) -> SigningKey | None:  # noqa: ARG002 - a fixed key has no id
        """See `KeySet`."""
        return next((key for key in self._keys if key.serves(algorithm)), None)

    async def seek(self, kid: str | None, algorithm: str) -> SigningKey:
        """See `KeySet`; nothing can be fetched."""
        del kid, algorithm
        raise refused(Reason.KEY)

    async def close(self) -> None:
        """See `KeySet`."""


@dataclass(frozen=True, slots=True)
class Ages:
    """How long published keys are kept, in seconds.

    `refresh`: then they are fetched anew, in the background. `most`: then they are no longer used.
    `interval`: between two fetches, whatever tokens say; `first` as long as there are no keys.
    """

    refresh: float = 300.0
    most: float = 86_400.0
    interval: float = 60.0
    first: float = 5.0


class PublishedKeys:
    """Keys that an issuer publishes. `name` is the issuer's in the settings, for the log."""

    def __init__(
        self,
        name: str,
        fetch: Fetch,
        ages: Ages,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._fetch = fetch
        self._ages = ages
        self._clock = clock
        self._keys: tuple[SigningKey, ...] = ()
        self._fetched = 0.0
        self._tried: float | None = None
        self._task: asyncio.Task[None] | None = None

    def find(self, kid: str | None, algorithm: str) -> SigningKey | None:
        """See `KeySet`; starts a fetch where the keys have grown old, without waiting for it."""
        if not self._keys:
            return None
        age = self._clock() - self._fetched
        if age > self._ages.most:
            return None
        if age > self._ages.refresh:
            self._begin()
        fitting = [key for key in self._keys if key.serves(algorithm)]
        if kid is not None:
            return next((key for key in fitting if key.kid == kid), None)
        return fitting[0] if len(fitting) == 1 else None

    async def seek(self, kid: str | None, algorithm: str) -> SigningKey:
        """See `KeySet`."""
        self._begin()
        if self._task is not None:
            # One who leaves must not end what others wait for.
            await asyncio.shield(self._task)
        found = self.find(kid, algorithm)
        if found is not None:
            return found
        usable = self._keys and self._clock() - self._fetched <= self._ages.most
        raise refused(Reason.KEY if usable else Reason.UNAVAILABLE)

    async def close(self) -> None:
        """See `KeySet`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _begin(self) -> None:
        """Start a fetch, unless one is under way or the last one was a moment ago."""
        if self._task is not None:
            return
        interval = self._ages.interval if self._keys else self._ages.first
        now = self._clock()
        if self._tried is None or now - self._tried >= interval:
            self._tried = now
            self._task = asyncio.get_running_loop().create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            keys = read_keys(await self._fetch())
            if not keys:
                raise ValueError("no usable key")  # noqa: TRY301 - handled as any other failure
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the old keys serve on
            kind = type(error).__name__
            _LOG.warning("the keys of jwt.%s could not be fetched: %s", self._name, kind)
        else:
            self._keys = keys
            self._fetched = self._clock()
        finally:
            self._task = None


class _Published(msgspec.Struct):
    keys: list[dict[str, Any]]


def read_keys(document: bytes) -> tuple[SigningKey, ...]:
    """The usable keys of a published document; raises where it is none.

    Left out are secrets and private keys, which nobody publishes on purpose, and keys that are for
    encryption or of a kind we do not know.
    """
    found = []
    for one in msgspec.json.decode(document, type=_Published).keys[:MAX_KEYS]:
        key = _read_key(one)
        if key is not None:
            found.append(key)
    return tuple(found)


def _read_key(one: dict[str, Any]) -> SigningKey | None:
    kid, algorithm = one.get("kid"), one.get("alg")
    operations = one.get("key_ops")
    if one.get("kty") not in {"RSA", "EC", "OKP"} or "d" in one or one.get("use", "sig") != "sig":
        return None
    if isinstance(operations, list) and "verify" not in operations:
        return None
    if not (kid is None or isinstance(kid, str)) or not (
        algorithm is None or isinstance(algorithm, str)
    ):
        return None
    try:
        made = jwt.PyJWK({**one, "alg": None} if algorithm is None else one)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return SigningKey(made.key, kid, algorithm)
