"""Who is asking: the immutable result of authentication."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Viewer:
    """The identity under which a request runs.

    `subject` is None for an anonymous caller. Plans name the attributes they read; the values of
    just those make the scope under which an answer may be shared.
    """

    subject: str | None = None
    roles: frozenset[str] = field(default_factory=frozenset)
    scopes: frozenset[str] = field(default_factory=frozenset)
    tenant: str | None = None


ANONYMOUS = Viewer()
