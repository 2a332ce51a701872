"""Its types and roots."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import suppress

import strawberry

from gateway import (
    Cache,
    Connection,
    Domain,
    belongs_to,
    by_key,
    column,
    entity,
    field,
    has_many,
    insert,
    listing,
    mutations,
    queries,
    subscriptions,
)

from . import models


@entity(models.authors)
class Author:
    """Somebody who writes."""

    id: int
    name: str
    books: Connection["Book"] = has_many("author_id")


@entity(models.books)
class Book:
    """A book, as printed."""

    id: int
    title: str
    day: dt.date | None = column(roles=["editor"])
    author: "Author | None" = belongs_to("author_id")


@queries
class Queries:
    """What can be asked."""

    book: Book | None = by_key()
    books: Connection[Book] | None = listing(cache=Cache(60))

    @field()
    def me(self, info: strawberry.Info) -> str:
        """Who asks: subject, roles and claims."""
        viewer = info.context.viewer
        return f"{viewer.subject} {sorted(viewer.roles)} {dict(viewer.claims)}"

    @field()
    async def slow(self) -> str:
        """Does not heed the deadline, nor being cancelled for the first time."""
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)
        return "late"

    @field()
    def broken(self) -> str:
        """Fails."""
        raise ValueError("a secret")


@mutations
class Mutations:
    """What can be changed."""

    add_book: Book | None = insert(roles=["editor"])


@subscriptions
class Subscriptions:
    """What can be listened to."""

    @strawberry.subscription
    async def ticks(self, to: int = 2) -> AsyncGenerator[int, None]:
        """Counts."""
        for tick in range(to):
            yield tick


domain = Domain(
    entities=[Author, Book],
    queries=[Queries],
    mutations=[Mutations],
    subscriptions=[Subscriptions],
    examples={"Books": "{ books { nodes { title } } }"},
)
