"""Why credentials are refused: a reason for the figures, and the little that a client is told."""

from __future__ import annotations

from enum import StrEnum

from gateway.errors import Code, CredentialsError


class Reason(StrEnum):
    """What was wrong."""

    MISSING = "missing"
    AMBIGUOUS = "ambiguous"
    MALFORMED = "malformed"
    TOO_LONG = "too long"
    ISSUER = "unknown issuer"
    ALGORITHM = "algorithm not allowed"
    KEY = "unknown key"
    SIGNATURE = "wrong signature"
    EXPIRED = "expired"
    NOT_YET = "not yet valid"
    AUDIENCE = "other audience"
    CLAIMS = "unusable claims"
    API_KEY = "unknown API key"
    GUESSES = "too many unknown API keys"
    UNAVAILABLE = "cannot be checked now"


_INVALID = "The credentials are not valid."
_TOLD = {
    Reason.MISSING: "Sign in to use this API.",
    Reason.AMBIGUOUS: "Send one credential: a bearer token or an API key, once.",
    # Told only of a token whose signature holds: its sender knows it already.
    Reason.EXPIRED: "The token has expired; get a new one.",
    Reason.UNAVAILABLE: "The credentials cannot be checked at the moment; try again.",
}


_FAULTS = dict.fromkeys(Reason, "invalid_token") | {
    Reason.AMBIGUOUS: "invalid_request",
    # Nothing is wrong with a token where there is none, or nobody could look at it.
    **dict.fromkeys((Reason.MISSING, Reason.API_KEY, Reason.GUESSES, Reason.UNAVAILABLE), ""),
}
"""What RFC 6750 calls them."""


def refused(reason: Reason) -> CredentialsError:
    """The error for credentials that are no good."""
    told = _TOLD.get(reason, _INVALID)
    return CredentialsError(told, reason=reason.value, fault=_FAULTS[reason])


def too_many_guesses(seconds: int) -> CredentialsError:
    """The error for a key that is not looked up, for so many seconds more."""
    return CredentialsError(
        f"Too many unknown API keys came from your address; try again in {seconds} seconds.",
        reason=Reason.GUESSES.value,
        code=Code.RATE_LIMITED,
        extensions={"retryAfter": seconds},
    )
