"""A domain without a source: greetings, which may be kept, and files that are weighed."""

from __future__ import annotations

from collections.abc import AsyncGenerator  # noqa: TC003 - Strawberry reads annotations

import strawberry

from gateway import Cache, Domain, Upload, field, mutations, queries, subscriptions


@queries
class Reads:
    """Reading."""

    @field(cache=Cache(60))
    def hello(self) -> str:
        """Always the same."""
        return "hello"

    @field()
    def now(self) -> str:
        """Never kept."""
        return "now"


@mutations
class Writes:
    """Writing."""

    @field()
    async def weigh(self, file: Upload) -> int:
        """The bytes of a file."""
        return len(await file.read())


@subscriptions
class Telling:
    """What is told."""

    @strawberry.subscription
    async def countdown(self, start: int) -> AsyncGenerator[int, None]:
        """Numbers down to one."""
        for number in range(start, 0, -1):
            yield number


domain = Domain(entities=[], queries=[Reads], mutations=[Writes], subscriptions=[Telling])
