"""Many points at once, for those who fill a collection. Imports the client library.

What is stored comes from us: it is not looked at again, as what a client sends is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from qdrant_client import models

from gateway.sources.qdrant.collections import CollectionMissing
from gateway.sources.qdrant.wire.wires import hit_of

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
        """The vectors of those points that are stored, by id."""
        wanted: Any = list(ids)
        records = await self._session.run(
            lambda client: client.retrieve(
                collection, wanted, with_payload=False, with_vectors=True
            ),
            deadline,
        )
        return {hit.id: hit.vector.tolist() for hit in map(hit_of, records)}

    async def ids(self, collection: str, seconds: float) -> AsyncIterator[list[PointId]]:
        """The ids of all points, page by page, each in at most `seconds`; none of no collection."""
        offset: Any = None
        while True:
            start = offset
            try:
                points, offset = await self._session.run(
                    lambda client, start=start: client.scroll(  # type: ignore[misc]  # bound now
                        collection, limit=PAGE, offset=start, with_payload=False
                    ),
                    asyncio.get_running_loop().time() + seconds,
                )
            except CollectionMissing:
                return
            yield [hit_of(point).id for point in points]
            if offset is None:
                return
