"""The neighbours of entities whose key lies in the payload of their points.

An entity may have several points, one for each part of its text. Its neighbours are those of the
average of its points, and its own points are not among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import SourceRefused
from gateway.schema.vectors.inputs import RecommendStrategy
from gateway.sources.qdrant.reads.query import Liked, Query
from gateway.sources.qdrant.requests.conditions import MAX_VALUES, one_of
from gateway.sources.qdrant.requests.filters import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.qdrant.points import PointId
    from gateway.sources.qdrant.reads.prepared import PreparedHits
    from gateway.sources.qdrant.reads.shape import Hit
    from gateway.sources.qdrant.requests.wishes import Nearest
    from gateway.sources.qdrant.wire.session import Session

MAX_OWN = 20_000
"""The points that the entities of one batch may have together."""
_PAGE = 1_000


async def near_own_points(
    session: Session, prepared: PreparedHits, keys: Sequence[Any], wish: Nearest, deadline: float
) -> list[Query | None]:
    """The query about each key's points, None for a key without any.

    Raises `SourceRefused` where there are more than `MAX_OWN` points.
    """
    field = prepared.collection.entity_key or ""
    found = await _points_by_key(session, prepared.collection.name, field, keys, deadline)
    return [_query(prepared, found.get(key), wish) for key in keys]


def _query(prepared: PreparedHits, ids: list[PointId] | None, wish: Nearest) -> Query | None:
    """What is near these points, which the engine leaves out of the hits itself."""
    if ids is None:
        return None
    if len(ids) == 1:
        return Query.of(prepared, ids[0], wish)
    average = Liked(tuple(ids), (), RecommendStrategy.AVERAGE_VECTOR)
    return Query.of(prepared, average, wish)


async def _points_by_key(
    session: Session, collection: str, field: str, keys: Sequence[Any], deadline: float
) -> dict[Any, list[PointId]]:
    """The ids of the points that hold each key, in the order of ids."""
    found: dict[Any, list[PointId]] = {}
    wanted = [key for key in dict.fromkeys(keys) if type(key) in {int, str}]
    for kind in (int, str):
        of_kind = [key for key in wanted if type(key) is kind]
        for start in range(0, len(of_kind), MAX_VALUES):
            part = of_kind[start : start + MAX_VALUES]
            among = Filter(must=(one_of(field, part, "keys", negated=False),))
            for point in await _points(session, collection, among, field, deadline):
                held = point.payload.get(field)
                for key in held if isinstance(held, list) else [held]:
                    if type(key) is kind and key in part:
                        found.setdefault(key, []).append(point.id)
    return found


async def _points(
    session: Session, collection: str, among: Filter, field: str, deadline: float
) -> list[Hit]:
    """The points that `among` lets through, with this field of their payload."""
    points: list[Hit] = []
    start: PointId | None = None
    while True:
        found, start = await session.page(
            collection, start, _PAGE, deadline, among=among, payload=(field,)
        )
        points += found
        if len(points) > MAX_OWN:
            raise SourceRefused(f"these entities have more than {MAX_OWN} points together")
        if start is None:
            return points
