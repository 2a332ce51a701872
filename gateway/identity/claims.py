"""What a verified token says, as a viewer.

A claim is named as it is (`sub`), or by a JSON pointer (RFC 6901) where it lies deeper:
`/realm_access/roles`, `/https:~1~1example.com~1roles`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.identity.refusing import Reason, refused
from gateway.viewer import Claim, Viewer

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CHARS = 256
"""Characters of a subject, a role, a scope, a tenant or a kept claim."""
MAX_NAMES = 1_000
"""Roles, and scopes, of one viewer."""
_BEYOND_BIGINT = 1 << 63
"""Numbers are kept up to here: rules read them as JSON."""


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Which claim says what; an empty name says that none does. `kept` are for rules to read."""

    subject: str = "sub"
    roles: str = "roles"
    scopes: str = "scope"
    tenant: str = "tenant"
    kept: tuple[str, ...] = ()


def viewer_of(claims: Mapping[str, Any], names: ClaimNames, prefix: str = "") -> Viewer:
    """The viewer that the claims speak of; `prefix` is put before the subject.

    Raises CredentialsError where there is no subject, or a claim is not what it must be.
    """
    subject = _text(_found(claims, names.subject))
    if not subject:
        raise refused(Reason.CLAIMS)
    kept = ((name, _kept(_found(claims, name))) for name in sorted(names.kept))
    return Viewer(
        subject=prefix + subject,
        roles=_names(_found(claims, names.roles)),
        scopes=_names(_found(claims, names.scopes)),
        tenant=_text(_found(claims, names.tenant)),
        claims=tuple((name, value) for name, value in kept if value is not None),
    )


def _found(claims: Any, name: str) -> Any:
    if not name.startswith("/"):
        return claims.get(name) if name else None
    for part in name[1:].split("/"):
        if not isinstance(claims, dict):
            return None
        claims = claims.get(part.replace("~1", "/").replace("~0", "~"))
    return claims


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_CHARS or not value.isprintable():
        raise refused(Reason.CLAIMS)
    return value


def _names(value: Any) -> frozenset[str]:
    """Names in a list, or in one text with spaces between them."""
    found = value.split() if isinstance(value, str) else [] if value is None else value
    if not isinstance(found, list) or len(found) > MAX_NAMES:
        raise refused(Reason.CLAIMS)
    names = [_text(name) for name in found]
    return frozenset(name for name in names if name)


def _kept(value: Any) -> Claim | None:
    if isinstance(value, str):
        return _text(value)
    if not isinstance(value, bool | int | float):
        return None
    if not -_BEYOND_BIGINT <= value < _BEYOND_BIGINT:
        raise refused(Reason.CLAIMS)
    return value
