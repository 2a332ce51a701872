"""How a type or a field says that it may be cached: in Python, and as `@cacheControl`.

    @entity(models.topics, cache=Cache(max_age=60, stale_while_revalidate=30))
    trends: Connection[Trend] | None = listing(cache=Cache(max_age=5))

The directive is printed in the schema for people and for gateways in front of this one; what is
done with it stands in `gateway.caching`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Literal

import strawberry
from strawberry.schema_directive import Location

from gateway.errors import ConfigurationError
from gateway.schema.definitions import directives_on, noted


@strawberry.enum(description="Who may share a cached answer.")
class CacheScope(enum.Enum):
    """Who may share a cached answer."""

    PUBLIC = strawberry.enum_value("public", description="Whoever asks the same.")
    PRIVATE = strawberry.enum_value("private", description="One viewer alone.")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    name="cacheControl",
    description="How long an answer may be served again; times are in seconds.",
)
class CacheControl:
    """`@cacheControl` as the schema prints it."""

    max_age: int = 0
    scope: CacheScope | None = strawberry.UNSET
    stale_while_revalidate: int | None = strawberry.UNSET
    stale_if_error: int | None = strawberry.UNSET
    tags: list[str] | None = strawberry.UNSET


@dataclass(frozen=True, slots=True)
class Cache:
    """What a type or a field allows.

    `max_age`: seconds for which an answer is fresh; 0 keeps it out of every cache. `scope`:
    `private` keeps an entry for each viewer, and none for anonymous ones. After its `max_age` an
    answer may be served for `stale_while_revalidate` seconds while it is read anew, and for
    `stale_if_error` seconds when that fails. `tags`: more names by which it can be invalidated,
    for what the gateway cannot see, such as the tables below a view.

    Raises ConfigurationError for a negative time or an empty tag.
    """

    max_age: int
    scope: Literal["public", "private"] = "public"
    stale_while_revalidate: int = 0
    stale_if_error: int = 0
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_age", "stale_while_revalidate", "stale_if_error"):
            if not 0 <= getattr(self, name) <= MAX_SECONDS:
                raise ConfigurationError(f"cache: {name} must be from 0 to {MAX_SECONDS} seconds.")
        if self.scope not in {"public", "private"}:
            raise ConfigurationError("cache: scope must be 'public' or 'private'.")
        if type(self.tags) not in {tuple, list} or not all(self.tags):
            raise ConfigurationError("cache: tags must be a tuple of texts that are not empty.")

    def directive(self) -> CacheControl:
        """The same for the printed schema, without what is as it would be anyway."""
        given: dict[str, Any] = {
            "scope": CacheScope.PRIVATE if self.scope == "private" else None,
            "stale_while_revalidate": self.stale_while_revalidate,
            "stale_if_error": self.stale_if_error,
            "tags": list(self.tags),
        }
        return CacheControl(
            max_age=self.max_age, **{name: one for name, one in given.items() if one}
        )


def cache_directives(cache: Cache | None) -> tuple[CacheControl, ...]:
    """The directives of what was declared: one, or none where nothing was."""
    return () if cache is None else (cache.directive(),)


CACHE = "plait-cache"
"""Where a field or a type that Strawberry did not make keeps its declaration, in its extensions."""


def declared_cache(element: Any) -> Cache | None:
    """What a field or a type of the schema declares, None where it declares nothing."""
    own: Cache | None = noted(element, CACHE)
    if own is not None:
        return own
    for directive in directives_on(element):
        if isinstance(directive, CacheControl):
            return Cache(
                directive.max_age,
                "private" if directive.scope is CacheScope.PRIVATE else "public",
                directive.stale_while_revalidate or 0,
                directive.stale_if_error or 0,
                tuple(directive.tags or ()),
            )
    return None


MAX_SECONDS = 30 * 86_400
"""The longest time a declaration may give: thirty days."""
