"""Bearer tokens: JSON Web Tokens (RFC 7519) of declared issuers, checked as RFC 8725 asks.

The token's header chooses nothing but among what its issuer's settings allow: the algorithm must be
on their list and fit the key, keys come from the settings or the issuer's own address, and a header
that points elsewhere (`jku`, `x5u`, `jwk`) or says `crit` is refused.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt

from gateway.identity.claims import ClaimNames, viewer_of
from gateway.identity.refusing import Reason, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gateway.identity.keysets import KeySet, SigningKey
    from gateway.viewer import Viewer

REMEMBER_SECONDS = 300.0
"""How long a verified token is believed without looking again, or until it expires."""
REMEMBERED = 10_000
_FOREIGN = frozenset({"jku", "jwk", "x5u", "crit", "b64"})
_LATEST = 1 << 64
"""Seconds since the epoch that a token may name: any clock's, and a float all the same."""
_OPTIONS: Any = {
    "require": ["exp", "iss"],
    "verify_aud": True,
    "verify_iss": True,
    # The times are checked below, by a clock that tests can set.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    # What a subject must be is said by `claims`, as another claim may be the subject.
    "verify_sub": False,
    "verify_jti": False,
}


@dataclass(frozen=True, slots=True)
class Issuer:
    """One that may say who somebody is.

    `issuer` is its `iss`; `audiences` are what `aud` must name one of, None where any will do.
    `leeway` in seconds is for clocks that differ. `prefix` goes before its subjects, so that those
    of two issuers cannot be taken for each other.
    """

    issuer: str
    audiences: tuple[str, ...] | None
    algorithms: frozenset[str]
    keys: KeySet
    leeway: float = 30.0
    names: ClaimNames = field(default_factory=ClaimNames)
    prefix: str = ""


class Tokens:
    """Verifies tokens, and remembers for a while what it verified, by the token's hash.

    `max_bytes`: a longer token is refused unseen. `clock`: seconds since the epoch.
    """

    def __init__(
        self,
        issuers: Sequence[Issuer],
        *,
        max_bytes: int = 8192,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._max_bytes = max_bytes
        self._clock = clock
        self._verified: dict[bytes, tuple[Viewer, float]] = {}

    def viewer(self, token: bytes) -> Viewer | Awaitable[Viewer]:
        """Who the token speaks of; to be awaited only where keys must be fetched first.

        Raises CredentialsError, at once or when awaited.
        """
        if len(token) > self._max_bytes:
            raise refused(Reason.TOO_LONG)
        digest = hashlib.sha256(token).digest()
        known = self._verified.get(digest)
        if known is not None:
            if self._clock() < known[1]:
                return known[0]
            del self._verified[digest]
        issuer, kid, algorithm = self._read(token)
        key = issuer.keys.find(kid, algorithm)
        if key is None:
            return self._later(token, digest, issuer, kid, algorithm)
        return self._accept(token, digest, issuer, key, algorithm)

    async def close(self) -> None:
        """End what is under way."""
        for issuer in self._issuers.values():
            await issuer.keys.close()

    def _read(self, token: bytes) -> tuple[Issuer, str | None, str]:
        """Which issuer, key and algorithm a token names; nothing of it is believed yet."""
        try:
            header = jwt.get_unverified_header(token)
            said = jwt.decode(token, options={"verify_signature": False})
        except Exception:  # noqa: BLE001 - whatever a forged token makes a parser raise
            raise refused(Reason.MALFORMED) from None
        name = said.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise refused(Reason.ISSUER)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
            raise refused(Reason.ALGORITHM)
        kid = header.get("kid")
        if not _FOREIGN.isdisjoint(header) or not (kid is None or isinstance(kid, str)):
            raise refused(Reason.MALFORMED)
        return issuer, kid, algorithm

    async def _later(
        self, token: bytes, digest: bytes, issuer: Issuer, kid: str | None, algorithm: str
    ) -> Viewer:
        key = await issuer.keys.seek(kid, algorithm)
        return self._accept(token, digest, issuer, key, algorithm)

    def _accept(
        self, token: bytes, digest: bytes, issuer: Issuer, key: SigningKey, algorithm: str
    ) -> Viewer:
        claims = _verified(token, issuer, key, algorithm)
        now = self._clock()
        until = _valid_until(claims, now, issuer.leeway)
        viewer = viewer_of(claims, issuer.names, issuer.prefix)
        if len(self._verified) >= REMEMBERED:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = (viewer, min(until, now + REMEMBER_SECONDS))
        return viewer


def _verified(token: bytes, issuer: Issuer, key: SigningKey, algorithm: str) -> Mapping[str, Any]:
    """The claims of a token whose signature, issuer and audience are right."""
    options: Any = {**_OPTIONS, "verify_aud": issuer.audiences is not None}
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            audience=issuer.audiences,
            issuer=issuer.issuer,
            options=options,
        )
    except jwt.InvalidAudienceError:
        raise refused(Reason.AUDIENCE) from None
    except jwt.MissingRequiredClaimError:
        raise refused(Reason.CLAIMS) from None
    except jwt.InvalidSignatureError:
        raise refused(Reason.SIGNATURE) from None
    except Exception:  # noqa: BLE001 - whatever a forged token makes a parser raise
        raise refused(Reason.MALFORMED) from None
    return claims


def _valid_until(claims: Mapping[str, Any], now: float, leeway: float) -> float:
    """When the token ends, leeway included. Raises CredentialsError unless it holds now."""
    ends = _moment(claims, "exp")
    if ends is None:
        raise refused(Reason.CLAIMS)
    for name in ("nbf", "iat"):
        begins = _moment(claims, name)
        if begins is not None and begins - leeway > now:
            raise refused(Reason.NOT_YET)
    if ends + leeway <= now:
        raise refused(Reason.EXPIRED)
    return ends + leeway


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    """A time in seconds since the epoch (RFC 7519, `NumericDate`)."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LATEST:
        raise refused(Reason.CLAIMS)
    return float(value)
