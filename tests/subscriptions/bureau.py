"""A newsroom whose resolvers call cached functions: in live queries, for events, in generators."""

from __future__ import annotations

from collections.abc import AsyncGenerator  # noqa: TC003 - Strawberry reads annotations
from dataclasses import replace

import strawberry
from subscriptions import newsroom

from gateway import Change, Domain, by_key, cached, changes, entity, field, queries, subscriptions

CALLS: list[str] = []
"""What the functions were called with."""
VALUES = {"EUR": 1.0, "USD": 2.0}
READERS = [10]


@cached(max_age=600, tags=("Rate",))
async def rate(base: str) -> float:
    """A call of some service outside."""
    CALLS.append(base)
    return VALUES[base]


@cached(max_age=600, tags=("Story",))
async def readers() -> int:
    """Depends on a table, by its tag."""
    CALLS.append("readers")
    return READERS[0]


@entity(newsroom.stories)
class Article:
    """A story, and how many read."""

    id: strawberry.ID
    title: str

    @field(needs=("title",))
    async def readers(self) -> int:
        """How many read."""
        return await readers()


@queries
class Exchange:
    """Plain resolvers."""

    article: Article | None = by_key()

    @field()
    async def rate(self, base: str) -> float:
        """Not cached itself: its function is."""
        return await rate(base)

    @field()
    async def readers(self) -> int:
        """How many read."""
        return await readers()


@strawberry.type
class Reading:
    """Made for an event."""

    @strawberry.field
    async def readers(self) -> int:
        """How many read."""
        return await readers()


@subscriptions
class Ticker:
    """Generators that call cached functions, themselves and below their events."""

    article_changed: Change[Article] | None = changes()

    @strawberry.subscription
    async def rates(self, base: str, times: int) -> AsyncGenerator[float, None]:
        """The same rate, again and again."""
        for _ in range(times):
            yield await rate(base)

    @strawberry.subscription
    async def readings(self, times: int) -> AsyncGenerator[Reading, None]:
        """What is asked below calls the function."""
        for _ in range(times):
            yield Reading()


domain: Domain = replace(
    newsroom.domain,
    entities=[*newsroom.domain.entities, Article],
    queries=[*newsroom.domain.queries, Exchange],
    subscriptions=[*newsroom.domain.subscriptions, Ticker],
)
