"""Many points at once, for those who fill a collection. Imports the client library.

What is stored comes from us: it is not looked at again, as what a client sends is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from qdrant_client import models

from gateway.sources.qdrant.collections import CollectionMissing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from gateway.sources.qdrant.points import Point, PointId
    from gateway.sources.qdrant.wire.session import Session

PAGE = 5_000
"""The ids of one call."""


class Bulk:
    """The points of one source, by the hundred. Raises `SourceError`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def store(
        self, collection: str, points: Sequence[Point], deadline: float | None = None
    ) -> None:
        """Store points, replacing those with the same ids; returns when they can be found."""
        await self._session.store(collection, points, deadline)

    async def remove(self, collection: str, ids: Sequence[PointId], deadline: float) -> None:
        """Delete points; those that are not there are none."""
        if ids:
            picked = models.PointIdsList(points=list(ids))
            await self._session.run(
                lambda client: client.delete(collection, picked, wait=True), deadline
            )

    async def vectors(
        self, collection: str, ids: Sequence[PointId], deadline: float
    ) -> dict[PointId, Sequence[float]]:
        """The vectors of those points that are stored with one, by id."""
        found = await self._session.records(
            collection, ids, payload=False, deadline=deadline, with_vectors=True
        )
        return {hit.id: hit.vector.tolist() for hit in found if hit.vector is not None}

    async def ids(self, collection: str, seconds: float) -> AsyncIterator[list[PointId]]:
        """The ids of all points, page by page, each in at most `seconds`; none of no collection."""
        start: PointId | None = None
        while True:
            deadline = asyncio.get_running_loop().time() + seconds
            try:
                points, start = await self._session.page(collection, start, PAGE, deadline)
            except CollectionMissing:
                return
            yield [point.id for point in points]
            if start is None:
                return
