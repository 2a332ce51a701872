"""`invalidate` as a mutation, for administrators; a domain lists `CacheMutations` to offer it."""

from __future__ import annotations

import re
from typing import Annotated

import strawberry

from gateway.caching.function import CURRENT
from gateway.caching.tags import MAX_TAG_BYTES, of_row
from gateway.errors import InputError
from gateway.schema.bindings import field
from gateway.schema.roots import mutations

_SURROGATES = re.compile(r"[\ud800-\udfff]")

MOST = 1_000
"""Tags and keys of one mutation."""


@strawberry.input(description="A row whose cached answers are to go.")
class CachedRow:
    """A type and the values of its key, in their order, as text."""

    type: str = strawberry.field(description="The name of the row's type.")
    key: list[str] = strawberry.field(description="The values of its key, in their order, as text.")


@mutations
class CacheMutations:
    """What administrators may do to the resolver cache."""

    @field(
        roles=("admin",),
        description="Invalidate cached answers by tag, by row, or by a pattern of tags with `*` and"
        " `?`; how many tags that were. Answers when no replica serves them any more.",
    )
    async def invalidate(
        self,
        tags: Annotated[
            list[str] | None,
            strawberry.argument(description="Tags: a type, `Type:key`, or those declared."),
        ] = None,
        rows: Annotated[
            list[CachedRow] | None, strawberry.argument(description="Rows by their type and key.")
        ] = None,
        pattern: Annotated[
            str | None, strawberry.argument(description="A pattern of tags, as in `Trend:*`.")
        ] = None,
    ) -> int:
        """See the description.

        Raises InputError for what cannot be a tag, SourceError where replicas cannot be told.
        """
        named = list(tags or ())
        for row in rows or ():
            tag = of_row(row.type, row.key)
            if tag is None:
                raise InputError(f"`rows`: a key of {row.type} is too long.")
            named.append(tag)
        wrong = any(
            not 0 < len(tag.encode(errors="replace")) <= MAX_TAG_BYTES or _SURROGATES.search(tag)
            for tag in (*named, pattern or "*")
        )
        if wrong or len(named) > MOST:
            raise InputError(
                f"`invalidate` takes at most {MOST} tags of 1 to {MAX_TAG_BYTES} characters."
            )
        cache = CURRENT.get()
        if cache is None:
            return 0
        await cache.told(named)
        return len(named) + (await cache.invalidate_like(pattern) if pattern else 0)
