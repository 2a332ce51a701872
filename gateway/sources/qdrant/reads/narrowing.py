"""Vector searches that take more than one request: rankings alone, and hits among given rows. Pure.

A search that SQL narrows, or that is fused with another ranking, is made of smaller requests. What
they have in common is the field's wish; `Rankings` makes that of each request from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from gateway.schema.vectors.reading import Reading
from gateway.sources.contract import Prepared
from gateway.sources.qdrant.points import point_id
from gateway.sources.qdrant.reads.prepared import PreparedTree
from gateway.sources.qdrant.reads.shape import OPTIONS, HitKind, Shape
from gateway.sources.qdrant.requests.wishes import (
    PointIds,
    Recommend,
    Search,
    Sparse,
    no_such_point,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.errors import SourceRefused
    from gateway.sources.qdrant.points import PointId
    from gateway.sources.qdrant.reads.prepared import PreparedHits
    from gateway.sources.qdrant.reads.shape import Hit, HitField, WithPayload
    from gateway.sources.qdrant.requests.wishes import Ranking

_SHOWN = {HitKind.PAYLOAD, HitKind.VECTOR, HitKind.VECTORS}


@dataclass(frozen=True, slots=True)
class Among:
    """Only these points: those with one of `ids`, or one of `keys` in payload field `field`."""

    ids: tuple[PointId, ...] = ()
    field: str | None = None
    keys: tuple[int | str, ...] = ()


class RowShape(Shape):
    """Hits as plain rows: `[id, score, key, shown]`.

    `key` is the entity's: the point's id, or what lies in the payload field for it. `shown` lists
    what the hits' fields show of payload and vectors, in their order. `whole` is the hits' shape.
    """

    def __init__(self, whole: Shape, hit: tuple[HitField, ...]) -> None:
        fields = tuple(field for field in hit if field.kind in _SHOWN)
        key = whole.entity_key
        super().__init__(fields, entity_key=key, key=whole.key)
        self._writers = [self._writer(field) for field in fields]

    def encode(self, hits: Iterable[Hit]) -> bytes:
        """The hits as a JSON array of rows."""
        return orjson.dumps([self._row(hit) for hit in hits], option=OPTIONS)

    def _row(self, hit: Hit) -> list[Any]:
        held = hit.id if self.entity_key is None else hit.payload.get(self.entity_key)
        shown = [orjson.Fragment(write(hit)) for write in self._writers]
        return [hit.id, hit.score, self.key(held), shown]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedTarget(Prepared):
    """What a search is near to; `batch.arguments` is `(Search,)`, the value a vector as JSON."""

    hits: PreparedHits


class Rankings:
    """The requests that a search or the neighbours of stored points are made of.

    `hits` is the whole as one request, `ranking` gives rows without payload and vector, `details`
    gives them with what the hits show, `target` the vector of a search by text, `stored` the rows
    of the points that `named` tells of.
    """

    def __init__(self, hits: PreparedHits) -> None:
        collection = hits.collection
        key = collection.entity_key
        self.hits: Prepared = hits
        self._name_of = hits.named
        self.shown = any(field.kind in _SHOWN for field in hits.hit)
        keyed: WithPayload = False if key is None else (key,)
        self.ranking: Prepared = replace(
            hits, shape=RowShape(hits.shape, ()), with_payload=keyed, with_vectors=False, hit=()
        )
        payload = hits.with_payload or keyed
        if key is not None and isinstance(payload, tuple) and key not in payload:
            payload = (*payload, key)
        full = RowShape(hits.shape, hits.hit)
        self.details: Prepared = replace(hits, shape=full, with_payload=payload, hit=())
        self.target: Prepared = PreparedTarget(hits.source, False, hits)  # noqa: FBT003 - by_key
        self.stored: Prepared = PreparedTree(
            hits.source,
            by_key=False,
            collection=collection,
            with_payload=keyed,
            with_vectors=False,
            shape=hits.shape,
            hit=(),
            reading=Reading.POINTS,
            fields=(),
            asked=frozenset(),
            write=lambda found: RowShape(hits.shape, ()).encode(filter(None, found)),
        )
        self._key = key

    def window(self, wish: Ranking) -> tuple[int, int]:
        """How many hits the client leaves out at the beginning, and how many are wanted then."""
        return wish.offset, wish.limit

    def by_text(self, wish: Ranking) -> str | None:
        """The text of a search, None where it is by something else."""
        return getattr(wish, "text", None)

    def named(self, wish: Ranking) -> PointIds | None:
        """The stored points that the client wants hits near to, None where there are none."""
        by = (*wish.positive, *wish.negative) if isinstance(wish, Recommend) else (wish,)
        ids = [id_ for one in by if (id_ := getattr(one, "point_id", None)) is not None]
        return PointIds(tuple(dict.fromkeys(ids))) if ids else None

    def absent(self, wish: Ranking) -> SourceRefused:
        """What a search near to a point that is not stored is answered."""
        return no_such_point(wish, self._name_of(wish))

    def sides(self, wish: Ranking) -> Sequence[tuple[Search, int]]:
        """The rankings that a search by a vector fuses, and how far; none where it is one."""
        if not isinstance(wish, Search) or wish.fusion is None:
            return ()
        fusion, depth = wish.fusion, wish.fusion.candidates
        alone = replace(wish, fusion=None, score_threshold=None, offset=0, limit=depth)
        by_sparse = replace(alone, vector=None, using=fusion.using)
        return (replace(alone, sparse=None), depth), (by_sparse, depth)

    def at(self, wish: Search, vector: bytes) -> Search:
        """The same search by a vector, as the value of `target` has it."""
        found = orjson.loads(vector)
        if isinstance(found, dict):
            sparse = Sparse(tuple(found["indices"]), tuple(found["values"]))
            return replace(wish, text=None, sparse=sparse)
        return replace(wish, text=None, vector=tuple(found))

    def first(self, wish: Ranking, count: int, *, exact: bool) -> Ranking:
        """The first `count` hits from the beginning; `exact`: by every vector's true distance."""
        return replace(wish, offset=0, limit=count, exact=exact)

    def among(
        self,
        wish: Ranking,
        keys: Sequence[Any],
        ids: Sequence[PointId] = (),
        count: int | None = None,
    ) -> Ranking:
        """Hits among the rows with `keys` and the points with `ids`, by their true distances.

        The field's own window of them, or the first `count` from the beginning.
        """
        if self._key is None:
            found = Among((*ids, *point_ids(keys)))
        else:
            found = Among(tuple(ids), self._key, tuple(keys))
        narrowed = replace(wish, among=found, exact=True)
        return narrowed if count is None else replace(narrowed, offset=0, limit=count)


def point_ids(keys: Sequence[Any]) -> Sequence[PointId]:
    """The ids of the points of rows with these keys; keys that no point can have are left out."""
    if all(type(key) is int for key in keys):
        return keys if not keys or min(keys) >= 0 else [key for key in keys if key >= 0]
    return [found for found in map(point_id, keys) if found is not None]
