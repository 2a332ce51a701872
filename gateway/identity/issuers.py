"""From settings to the issuers whose tokens are believed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.errors import ConfigurationError
from gateway.identity.algorithms import ASYMMETRIC, SYMMETRIC, fits
from gateway.identity.claims import ClaimNames
from gateway.identity.fetching import fetch
from gateway.identity.keysets import Ages, FixedKeys, PublishedKeys, SigningKey
from gateway.identity.tokens import Issuer, Tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.identity.keysets import KeySet
    from gateway.settings import Jwt

ANY_AUDIENCE = "*"


def tokens_of(issuers: Mapping[str, Jwt], max_bytes: int) -> Tokens:
    """What reads the tokens of these issuers. Raises ConfigurationError naming the setting."""
    found = [_issuer(name, one) for name, one in issuers.items()]
    if len({issuer.issuer for issuer in found}) < len(found):
        raise ConfigurationError("jwt: two issuers have the same `issuer`.")
    return Tokens(found, max_bytes=max_bytes)


def _issuer(name: str, one: Jwt) -> Issuer:
    place = f"jwt.{name}"
    if not one.issuer:
        raise ConfigurationError(f"{place}.issuer: expected the `iss` of its tokens.")
    if not one.audience:
        raise ConfigurationError(
            f"{place}.audience: expected what `aud` must be, or `{ANY_AUDIENCE}` where its tokens "
            "are for nobody but this API."
        )
    algorithms = frozenset(one.algorithms.split())
    unknown = sorted(algorithms - ASYMMETRIC - SYMMETRIC)
    if unknown or not algorithms:
        known = ", ".join(sorted(ASYMMETRIC | SYMMETRIC))
        raise ConfigurationError(f"{place}.algorithms: expected some of {known}.")
    return Issuer(
        issuer=one.issuer,
        audiences=None if one.audience == ANY_AUDIENCE else tuple(one.audience.split()),
        algorithms=algorithms,
        keys=_keys(name, one, algorithms),
        leeway=one.leeway,
        names=ClaimNames(one.subject, one.roles, one.scopes, one.tenant, tuple(one.claims.split())),
        prefix=one.subject_prefix,
    )


def _keys(name: str, one: Jwt, algorithms: frozenset[str]) -> KeySet:
    place = f"jwt.{name}"
    if sum(map(bool, (one.jwks_url, one.key_file, one.secret_file))) != 1:
        raise ConfigurationError(f"{place}: give one of jwks_url, key_file and secret_file.")
    # A public key that served as a secret would let everybody sign.
    wrong = sorted(algorithms - (SYMMETRIC if one.secret_file else ASYMMETRIC))
    if wrong:
        kind = "a secret" if one.secret_file else "public keys"
        raise ConfigurationError(f"{place}.algorithms: {', '.join(wrong)} does not go with {kind}.")
    if one.jwks_url:
        ages = Ages(one.refresh_seconds, one.max_age_seconds, one.interval_seconds)
        return PublishedKeys(name, partial(fetch, one.jwks_url, one.fetch_seconds), ages)
    setting = f"{place}.secret_file" if one.secret_file else f"{place}.key_file"
    content = _content(one.secret_file or one.key_file, setting)
    key: Any = content.strip() if one.secret_file else _public(content, setting)
    for algorithm in sorted(algorithms):
        if not fits(key, algorithm):
            raise ConfigurationError(
                f"{setting}: expected a key of the kind and size that {algorithm} needs."
            )
    return FixedKeys([SigningKey(key)])


def _content(path: str, setting: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{setting}: cannot be read: {error.strerror}.") from None


def _public(content: bytes, setting: str) -> Any:
    try:
        return load_pem_public_key(content)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(f"{setting}: expected a public key as PEM.") from None
