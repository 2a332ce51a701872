"""Readings that rank nothing, and groups: each is a call of its own kind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gateway.schema.vectors.reading import Reading
from gateway.sources.qdrant.collections import PointMissing
from gateway.sources.qdrant.reads.query import Query
from gateway.sources.qdrant.reads.searching import Part
from gateway.sources.qdrant.reads.shape import Hit, HitKind
from gateway.sources.qdrant.reads.trees import Counted, Points
from gateway.sources.qdrant.requests.wishes import no_such_point
from gateway.sources.qdrant.wire.filters import native_filter

if TYPE_CHECKING:
    from gateway.sources.qdrant.points import PointId
    from gateway.sources.qdrant.reads.prepared import PreparedTree
    from gateway.sources.qdrant.reads.trees import Group
    from gateway.sources.qdrant.requests.wishes import Facets, Grouped, Page, PointIds
    from gateway.sources.qdrant.wire.session import Session

_LARGEST_NUMBER = 2**64 - 1
_LARGEST_UUID = 2**128 - 1


class PointReads:
    """The points, counts, facets and pages of one source."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._count = session.administration.count

    async def value(self, prepared: PreparedTree, wish: Any, deadline: float) -> bytes:
        """The value of a reading that is no list of hits, written."""
        name = prepared.named(wish)
        match prepared.reading:
            case Reading.FACET:
                found: Any = await self._facets(name, wish, deadline)
            case Reading.POINTS:
                found = await self._points(name, prepared, wish, deadline)
            case Reading.COUNT:
                found = await self._count(name, wish.filter, exact=wish.exact, deadline=deadline)
            case Reading.GROUPS:
                found = await self._groups(name, prepared, wish, deadline)
            case _:
                found = await self._page(name, prepared, wish, deadline)
        return prepared.write(found)

    async def _groups(
        self, name: str, prepared: PreparedTree, wish: Grouped, deadline: float
    ) -> list[Group]:
        part = Part(prepared, wish.search)
        target = await self._session.searching.target(part, deadline)
        query = Query.of(prepared, target, wish.search)
        try:
            return await self._session.groups(name, query, wish, deadline)
        except PointMissing:
            raise no_such_point(wish, name) from None

    async def _facets(self, name: str, wish: Facets, deadline: float) -> list[Counted]:
        wanted = native_filter(wish.filter)
        answer = await self._session.run(
            lambda client: client.facet(
                name, wish.key, facet_filter=wanted, limit=wish.limit, exact=wish.exact
            ),
            deadline,
        )
        found = [Counted(_plain(hit.value), hit.count) for hit in answer.hits]
        # Which of equally frequent values comes first is the engine's whim.
        return sorted(found, key=lambda one: (-one.count, str(one.value)))

    async def _points(
        self, name: str, prepared: PreparedTree, wish: PointIds, deadline: float
    ) -> list[Hit | None]:
        if not wish.ids:
            return []
        ids: list[Any] = list(dict.fromkeys(wish.ids))
        records = await self._session.records(
            name, ids, prepared.with_payload, deadline, with_vectors=prepared.with_vectors
        )
        by_id = {hit.id: hit for hit in records}
        return [by_id.get(one) for one in wish.ids]

    async def _page(self, name: str, prepared: PreparedTree, wish: Page, deadline: float) -> Points:
        """The page, and the number of all points, which is counted only when asked for."""
        page = self._scroll(name, prepared, wish, deadline)
        if HitKind.TOTAL not in prepared.asked:
            points, more = await page
            return Points(name, points, wish.after is not None, more, None)
        (points, more), total = await asyncio.gather(
            page, self._count(name, wish.filter, deadline=deadline)
        )
        return Points(name, points, wish.after is not None, more, total)

    async def _scroll(
        self, name: str, prepared: PreparedTree, wish: Page, deadline: float
    ) -> tuple[list[Hit], bool]:
        """The points, and whether there are more behind them."""
        start = None if wish.after is None else following(wish.after)
        seen = wish.first or HitKind.HAS_NEXT in prepared.asked
        if not seen or (wish.after is not None and start is None):
            return [], False
        points, further = await self._session.page(
            name,
            start,
            max(wish.first, 1),
            deadline,
            among=wish.filter,
            payload=prepared.with_payload,
            with_vectors=prepared.with_vectors,
        )
        return (points, further is not None) if wish.first else ([], bool(points))


def following(point: PointId) -> PointId | None:
    """The id behind `point` in Qdrant's order, numbers before UUIDs; None behind the last one."""
    if isinstance(point, int):
        return point + 1 if point < _LARGEST_NUMBER else str(UUID(int=0))
    number = UUID(point).int
    return str(UUID(int=number + 1)) if number < _LARGEST_UUID else None


def _plain(value: Any) -> int | str | bool:
    return value if isinstance(value, int) else str(value)
