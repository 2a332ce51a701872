"""One order of hits: by score, hits of equal score by id, on every page of a ranking.

The engine puts equal scores in any order, and cuts through them where a page begins or ends. So
every page is asked with the hit before and the hit behind it, which tell whether that happened.
Where it did, the ranking is asked again from its beginning, until it leads out of the tie. Pure but
for the calls it is given.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import groupby
from typing import TYPE_CHECKING

from gateway.sources.qdrant.reads.query import Query
from gateway.sources.qdrant.requests.wish_arguments import MAX_LIMIT, MAX_OFFSET

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from gateway.sources.qdrant.points import PointId
    from gateway.sources.qdrant.reads.shape import Hit
    from gateway.sources.qdrant.reads.trees import Group

    Run = Callable[[Sequence[Query]], Awaitable[list[list[Hit]]]]
    Records = Callable[[Sequence[PointId], Query], Awaitable[list[Hit]]]
    """What a query fetches of these points."""

BEHIND = 256
"""How far behind a page its ranking is asked for first, where a tie crosses an edge of it."""
FARTHEST = MAX_OFFSET + MAX_LIMIT
"""How far then. Of a tie that leads on all pages know the same hits, for they ask the same."""


async def in_order(queries: Sequence[Query], run: Run, records: Records) -> list[list[Hit]]:
    """The hits of each of `queries` in the one order; mostly one call of `run`.

    Where a tie crosses an edge of a page, one or two more for all such pages, and one of `records`
    where their hits show more than a score.
    """
    around = [_with_edges(query) for query in queries]
    answers = await run(around)
    found = [_page(*one) for one in zip(queries, around, answers, strict=True)]
    torn = [place for place, hits in enumerate(found) if hits is None]
    if torn:
        mended = await _mended([queries[place] for place in torn], run, records)
        for place, hits in zip(torn, mended, strict=True):
            found[place] = hits
    return [hits or [] for hits in found]


def groups_in_order(groups: Iterable[Group]) -> list[Group]:
    """Groups by their best hits, and the hits of each, in the one order."""
    ordered = [group._replace(hits=_by_id(group.hits)) for group in groups]
    return [
        group
        for _, tied in groupby(ordered, lambda group: group.hits[0].score)
        for group in sorted(tied, key=lambda group: (_place(group.hits[0]), str(group.key)))
    ]


def _with_edges(query: Query) -> Query:
    """The page with the hits on both sides of it."""
    before = min(query.offset, 1)
    return replace(query, offset=query.offset - before, limit=query.limit + before + 1)


def _page(query: Query, asked: Query, hits: Sequence[Hit]) -> list[Hit] | None:
    """The page that `query` wants of the larger one that answers `asked`.

    None where hits of equal score may lie outside the larger one.
    """
    start = query.offset - asked.offset
    end = start + query.limit
    scores = [hit.score for hit in hits]
    if len(set(scores)) < len(scores) and start < len(scores):
        begun = asked.offset > 0 and scores[0] == scores[start]
        if begun or (len(scores) == asked.limit and scores[-1] == scores[end - 1]):
            return None
        hits = _by_id(hits)
    return list(hits[start:end])


async def _mended(queries: Sequence[Query], run: Run, records: Records) -> list[list[Hit]]:
    """The pages of `queries`, whose edges lie within ties."""
    pages: dict[int, list[Hit]] = {}
    for reach in (BEHIND, FARTHEST):
        torn = [place for place in range(len(queries)) if place not in pages]
        wider = [_from_start(queries[place], reach) for place in torn]
        for place, asked, hits in zip(torn, wider, await run(wider) if wider else (), strict=True):
            page = _page(queries[place], asked, hits)
            if page is None and asked.limit >= FARTHEST:
                page = _by_id(hits)[queries[place].offset :][: queries[place].limit]
            if page is not None:
                pages[place] = page
    return await _shown(queries, [pages[place] for place in range(len(queries))], records)


def _from_start(query: Query, reach: int) -> Query:
    """The ranking itself, `reach` hits further than the page or as far as any goes."""
    return replace(query.bare(), offset=0, limit=min(query.offset + query.limit + reach, FARTHEST))


async def _shown(
    queries: Sequence[Query], pages: list[list[Hit]], records: Records
) -> list[list[Hit]]:
    """The pages with what is fetched of their hits; without those that are gone by now."""
    fetching = [query for query in queries if query.with_payload or query.with_vectors]
    if not fetching:
        return pages
    ids = list(dict.fromkeys(hit.id for hits in pages for hit in hits))
    stored = {one.id: one for one in await records(ids, reduce(Query.fetching, fetching))}
    return [
        [_with(hit, stored[hit.id], query.using) for hit in hits if hit.id in stored]
        for query, hits in zip(queries, pages, strict=True)
    ]


def _with(hit: Hit, stored: Hit, using: str | None) -> Hit:
    vector = stored.vectors and stored.vectors.get(using or "")
    return stored._replace(score=hit.score, vector=vector)


def _by_id(hits: Sequence[Hit]) -> list[Hit]:
    """The same ranking, but hits of equal score by their ids."""
    ties = groupby(hits, lambda hit: hit.score)
    return [hit for _, tied in ties for hit in sorted(tied, key=_place)]


def _place(hit: Hit) -> tuple[bool, PointId]:
    """Where a point is in the engine's order of ids: numbers before UUIDs."""
    return isinstance(hit.id, str), hit.id
