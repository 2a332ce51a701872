"""What may be kept and for how long: declarations, and how those of one answer merge. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.caching.tags import of_declared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.schema.caching import Cache


@dataclass(frozen=True, slots=True)
class Policy:
    """The declaration of one field, or what those of an operation amount to. Seconds."""

    max_age: float = 0.0
    private: bool = False
    stale_while_revalidate: float = 0.0
    stale_if_error: float = 0.0
    tags: tuple[str, ...] = ()

    @property
    def cacheable(self) -> bool:
        """Whether anything may be kept at all."""
        return self.max_age > 0

    def times(self, most: float, part: float) -> tuple[float, float, float]:
        """How long an entry is fresh, and behind that may be served stale, or for an error.

        Seconds: of its fresh time only this `part`, of all three no more than `most`.
        """
        fresh = min(self.max_age, most) * part
        left = most - fresh
        return fresh, min(self.stale_while_revalidate, left), min(self.stale_if_error, left)

    def header(self, *, shared: bool = True) -> str:
        """The value of HTTP's `Cache-Control` (RFC 9111, and RFC 5861 for the stale ones).

        `shared`: whether the answer is anybody's; else it is private whatever was declared.
        """
        if not self.cacheable:
            return "no-store"
        public = shared and not self.private
        parts = [f"max-age={int(self.max_age)}", "public" if public else "private"]
        if self.stale_while_revalidate:
            parts.append(f"stale-while-revalidate={int(self.stale_while_revalidate)}")
        if self.stale_if_error:
            parts.append(f"stale-if-error={int(self.stale_if_error)}")
        return ", ".join(parts)


NEVER = Policy()
"""What was not declared: nothing is kept."""


def declared(cache: Cache) -> Policy:
    """The policy that a declaration in the schema gives."""
    return Policy(
        max_age=float(cache.max_age),
        private=cache.scope == "private",
        stale_while_revalidate=float(cache.stale_while_revalidate),
        stale_if_error=float(cache.stale_if_error),
        tags=of_declared(cache.tags),
    )


def merged(policies: Iterable[Policy]) -> Policy:
    """The policy of an answer made of several parts; `NEVER` where there are none.

    As Apollo's `@cacheControl` merges: the shortest time counts, and one private part makes the
    whole private. Tags add up.
    """
    parts = list(policies)
    if not parts:
        return NEVER
    return Policy(
        max_age=min(part.max_age for part in parts),
        private=any(part.private for part in parts),
        stale_while_revalidate=min(part.stale_while_revalidate for part in parts),
        stale_if_error=min(part.stale_if_error for part in parts),
        tags=tuple(dict.fromkeys(tag for part in parts for tag in part.tags)),
    )
