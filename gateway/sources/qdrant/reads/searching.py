"""Rankings: searches, recommendations and neighbours, as few engine calls as there can be.

All that is asked of a collection at once travels in one call, equal questions once, whoever asks
and whatever is shown of the hits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.embedding.contract import check_embeddable
from gateway.errors import Code, InputError, SourceDataError, SourceRefused
from gateway.sources.qdrant.collections import refused_late
from gateway.sources.qdrant.points import point_id
from gateway.sources.qdrant.reads.own_points import near_own_points
from gateway.sources.qdrant.reads.query import Fused, Liked, Query
from gateway.sources.qdrant.requests.arguments import check_dimensions
from gateway.sources.qdrant.requests.wishes import (
    Example,
    Nearest,
    Recommend,
    Search,
    Searches,
    no_such_point,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.errors import PlaitError
    from gateway.sources.contract import Key, Value
    from gateway.sources.qdrant.reads.prepared import PreparedHits
    from gateway.sources.qdrant.reads.query import Near, Target
    from gateway.sources.qdrant.reads.shape import Hit
    from gateway.sources.qdrant.wire.session import Session

    Wish = Search | Nearest | Recommend | Searches
    Queries = list[Query | None]
    Found = list[list[Hit] | None]


@dataclass(frozen=True, slots=True)
class Part:
    """One field's reading among those that travel together; `keys` are those of neighbours."""

    prepared: PreparedHits
    wish: Wish
    keys: Sequence[Key] = ()

    def examples(self) -> Iterator[Search | Example]:
        """Everything in the wish that may be a text."""
        if isinstance(self.wish, Search):
            yield self.wish
        elif isinstance(self.wish, Searches):
            yield from self.wish.searches
        elif isinstance(self.wish, Recommend):
            yield from (*self.wish.positive, *self.wish.negative)


class Searching:
    """Answers the rankings of one source."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def answers(self, parts: Sequence[Part], deadline: float) -> list[list[Value]]:
        """The values of every part: one, or one for each key.

        All parts are of one collection. A part that is wrong by itself has the error in the place
        of its values; a failure of the whole is raised.
        """
        texts = await self._embedded(parts, deadline)
        queries = [await self._queries(part, texts, deadline) for part in parts]
        name = parts[0].prepared.named(parts[0].wish)
        found = await self._found(name, queries, deadline)
        return [self._values(part, one) for part, one in zip(parts, found, strict=True)]

    async def target(self, part: Part, deadline: float) -> Near:
        """What one search is near to: given, stored under an id, or embedded from text."""
        search: Any = part.wish
        texts = await self._embedded([part], deadline)
        return await self._near(part, search, search.using, texts, deadline)

    # What is asked ---------------------------------------------------------------------------

    async def _queries(
        self, part: Part, texts: Mapping[str, Any], deadline: float
    ) -> Queries | PlaitError:
        try:
            if part.prepared.by_key:
                return await self._about_keys(part, deadline)
            if isinstance(part.wish, Searches):
                return await self._about_each(part, part.wish, texts, deadline)
            return [await self._about(part, part.wish, texts, deadline)]
        except InputError as error:
            return error

    async def _about_each(
        self, part: Part, wish: Searches, texts: Mapping[str, Any], deadline: float
    ) -> Queries:
        made: Queries = []
        for place, search in enumerate(wish.searches):
            try:
                made.append(await self._about(part, search, texts, deadline))
            except InputError as error:
                raise InputError(f"`searches[{place}]`: {error.message}") from None
        return made

    async def _about(
        self, part: Part, wish: Any, texts: Mapping[str, Any], deadline: float
    ) -> Query:
        if not isinstance(wish, Recommend):
            target: Target = await self._near(part, wish, wish.using, texts, deadline)
            if wish.fusion is not None and wish.sparse is not None and isinstance(target, tuple):
                target = Fused(target, wish.sparse, wish.fusion)
            return Query.of(part.prepared, target, wish)
        positive, negative = [
            tuple([await self._near(part, one, wish.using, texts, deadline) for one in side])
            for side in (wish.positive, wish.negative)
        ]
        return Query.of(part.prepared, Liked(positive, negative, wish.strategy), wish)

    async def _about_keys(self, part: Part, deadline: float) -> Queries:
        wish: Any = part.wish
        collection = part.prepared.collection
        if not wish.limit:
            return [None] * len(part.keys)
        keys = [self._only(key) for key in part.keys]
        if collection.entity_key is None:
            ids = map(point_id, keys)
            return [None if one is None else Query.of(part.prepared, one, wish) for one in ids]
        return await near_own_points(self._session, part.prepared, keys, wish, deadline)

    async def _near(
        self,
        part: Part,
        given: Search | Example,
        using: str | None,
        texts: Mapping[str, Any],
        deadline: float,
    ) -> Near:
        if given.point_id is not None:
            return given.point_id
        if given.sparse is not None and given.text is None and given.vector is None:
            return given.sparse
        collection = part.prepared.collection
        vector = using or collection.vector
        size = collection.dimensions(vector)
        if size is None:
            size = await self._session.size(part.prepared.named(part.wish), vector, deadline)
        if given.vector is not None:
            check_dimensions(given.vector, size)
            return given.vector
        made = texts[given.text or ""]
        if isinstance(made, InputError):
            raise made
        if size is not None and len(made) != size:
            raise SourceRefused(
                f"{self._session.name}: the embedding model makes {len(made)} dimensions, "
                f"the collection has {size}",
                code=Code.CONFIGURATION,
            )
        return tuple(made)

    async def _embedded(
        self, parts: Sequence[Part], deadline: float
    ) -> dict[str, tuple[float, ...] | InputError]:
        """The vectors of all texts, or why one has none; each text is embedded once.

        All parts are of one collection. Raises `SourceRefused` where another model made it.
        """
        texts = {one.text for part in parts for one in part.examples() if one.text is not None}
        if not texts:
            return {}
        embedder = self._session.embedder
        made: dict[str, tuple[float, ...] | InputError] = {}
        if embedder is None:
            wrong = InputError(
                f"{self._session.name} has no embedder for `text`; search by `vector` or `id`."
            )
            return dict.fromkeys(texts, wrong)
        collection = parts[0].prepared.named(parts[0].wish)
        await self._session.administration.known.fit_for(collection, embedder, deadline)
        for text in texts:
            try:
                check_embeddable(text, embedder.max_chars)
            except InputError as error:
                made[text] = error
        left = sorted(texts - made.keys())
        if left:
            vectors = await embedder.embed(left, deadline)
            made.update(zip(left, map(_meant, vectors), strict=True))
        return made

    # What is found ---------------------------------------------------------------------------

    async def _found(
        self, collection: str, asked: Sequence[Queries | PlaitError], deadline: float
    ) -> list[Found | PlaitError]:
        """The hits of every part's queries, in their order; None where a point is not stored."""
        parts = [() if isinstance(one, Exception) else one for one in asked]
        every = [query for part in parts for query in part if query is not None]
        alone = len(every) == 1  # as most are, and a vector takes longer to hash than to send
        unique: dict[Query, Query] = {}
        for one in () if alone else every:
            bare = one.bare()
            unique[bare] = unique[bare].fetching(one) if bare in unique else one
        queries = every if alone else list(unique.values())
        try:
            hits = await self._session.query_stored(collection, queries, deadline)
        except SourceDataError:
            self._session.administration.known.forget(collection)
            if len([part for part in parts if part]) < 2:  # noqa: PLR2004 - nobody to part from
                raise
            return [await self._singly(collection, one, deadline) for one in asked]
        by_query = {} if alone else dict(zip(unique, hits, strict=True))
        return [
            one
            if isinstance(one, Exception)
            else [
                None if query is None else hits[0] if alone else by_query[query.bare()]
                for query in one
            ]
            for one in asked
        ]

    async def _singly(
        self, collection: str, asked: Queries | PlaitError, deadline: float
    ) -> Found | PlaitError:
        """One part's hits, after all parts together were refused."""
        try:
            (found,) = await self._found(collection, [asked], deadline)
        except SourceDataError as error:
            return error
        return found

    def _values(self, part: Part, found: Found | PlaitError) -> list[Value]:
        if isinstance(found, InputError):
            found = refused_late(found)
        if isinstance(found, Exception):
            return [found] * (len(part.keys) if part.prepared.by_key else 1)
        encode = part.prepared.shape.encode
        if isinstance(part.wish, Nearest):
            absent = None if part.wish.limit else encode(())
            return [absent if hits is None else encode(hits) for hits in found]
        if None in found:
            name = part.prepared.named(part.wish)
            return [no_such_point(part.wish, name, found.index(None))]
        lists = [encode(hits) for hits in found if hits is not None]
        return [b"[" + b",".join(lists) + b"]" if isinstance(part.wish, Searches) else lists[0]]

    def _only(self, key: Key) -> Any:
        if len(key) != 1:
            raise SourceRefused(
                f"{self._session.name}: a point has one id, the entity's key has {len(key)} parts",
                code=Code.CONFIGURATION,
            )
        return key[0]


def _meant(vector: Sequence[float]) -> tuple[float, ...] | InputError:
    if any(vector):
        return tuple(vector)
    return InputError.about("text", "holds nothing that the embedding model knows; use other words")
