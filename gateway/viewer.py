"""Who is asking: the immutable result of authentication."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection

Claim: TypeAlias = str | int | float | bool
ANYBODY = "*"
"""Among the roles of a setting: everybody, with or without a role."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The identity under which a request runs.

    `subject` is None for an anonymous caller. Plans name the attributes they read; the values of
    just those make the scope under which an answer may be shared. `claims` are what else the
    credentials say and the settings keep, as (name, value), sorted by name.
    """

    subject: str | None = None
    roles: frozenset[str] = field(default_factory=frozenset)
    scopes: frozenset[str] = field(default_factory=frozenset)
    tenant: str | None = None
    claims: tuple[tuple[str, Claim], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    """The request headers that may go on to upstreams, sorted."""

    def claim(self, name: str) -> Claim | None:
        """The claim of that name, None where there is none."""
        return next((value for own, value in self.claims if own == name), None)

    def is_among(self, roles: Collection[str]) -> bool:
        """Whether the viewer has one of the roles that a setting names."""
        return ANYBODY in roles or not self.roles.isdisjoint(roles)


ANONYMOUS = Viewer()
