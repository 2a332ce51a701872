"""`datasource(name)`: reading key-value sources by GraphQL. A domain lists `DatasourceQueries`."""

from __future__ import annotations

from typing import Annotated, cast

import strawberry
from strawberry import argument
from strawberry.scalars import JSON  # noqa: TC002 - Strawberry reads annotations at run time

from gateway.context.datasource import Datasource  # noqa: TC001 - likewise
from gateway.errors import InputError
from gateway.schema.bindings import field
from gateway.schema.roots import queries

MOST = 1_000
"""Keys of one answer."""
_ANSWERING = 0.02
"""Seconds before the request's end at which a source is given up, so that its error arrives."""

Key = Annotated[str, argument(description="The key, without the source's prefix.")]
Pattern = Annotated[str, argument(description="Only keys like this.")]
First = Annotated[int, argument(description=f"At most this many keys; up to {MOST:,}.")]
Name = Annotated[str, argument(description="Its name in the settings.")]


@strawberry.type(name="Datasource", description="A key-value source, to read from.")
class DatasourceView:
    """A source that the viewer may read."""

    name: str = strawberry.field(description="Its name in the settings.")
    source: strawberry.Private[Datasource]

    @field(description="The value under a key; null where there is none, or where it is null.")
    async def get(self, key: Key) -> JSON | None:
        """See the description; raises InputError for what is no key."""
        return cast("JSON | None", await self.source.load(key))

    @field(description="Whether there is a value under a key.")
    async def exists(self, key: Key) -> bool | None:
        """See the description."""
        return await self.source.exists(key)

    @field(
        description="The keys like a pattern, sorted: `*` stands for any characters, `?` for one. "
        "Where there are more than `first`, any of them."
    )
    async def keys(self, pattern: Pattern = "*", first: First = 100) -> list[str] | None:
        """See the description; raises InputError for a wrong pattern or number."""
        if not 1 <= first <= MOST:
            raise InputError(f"`first` must be from 1 to {MOST}.")
        return await self.source.keys(pattern, first)

    @field(description="How many values there are.")
    async def size(self) -> int | None:
        """See the description."""
        return await self.source.size()


@queries
class DatasourceQueries:
    """Reading key-value sources."""

    @field(
        description="A key-value source of the settings, by name, for those whose roles may read "
        "it; the error for another name lists these."
    )
    async def datasource(self, name: Name, info: strawberry.Info) -> DatasourceView | None:
        """See the description; raises InputError for a name that is not among them."""
        context = info.context
        source = context.readable(name).within(context.deadline - _ANSWERING)
        return DatasourceView(name=name, source=source)
