"""Which key goes with which algorithm (RFC 7518, 8037): no key is ever used with another's."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

SYMMETRIC = frozenset({"HS256", "HS384", "HS512"})
ASYMMETRIC = frozenset(
    {
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES384",
        "ES512",
        "EdDSA",
    }
)
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
MIN_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_CURVES = {"ES256": SECP256R1, "ES384": SECP384R1, "ES512": SECP521R1}


def fits(key: Any, algorithm: str) -> bool:
    """Whether a signature by `algorithm` may be checked with `key`, which is of a good size."""
    if isinstance(key, bytes):
        return len(key) >= MIN_SECRET_BYTES.get(algorithm, len(key) + 1)
    if isinstance(key, RSAPublicKey):
        return algorithm[:2] in {"RS", "PS"} and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS
    if isinstance(key, EllipticCurvePublicKey):
        return isinstance(key.curve, _CURVES.get(algorithm, ()))
    return algorithm == "EdDSA" and isinstance(key, Ed25519PublicKey | Ed448PublicKey)
