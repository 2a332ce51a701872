"""What fields ask of vectors, checked and frozen before any engine is called. Pure.

`gateway.sources.qdrant.requests.wish_arguments` makes them of a field's arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.errors import Code, SourceRefused
from gateway.schema import opaque
from gateway.schema.vectors.inputs import RecommendStrategy

if TYPE_CHECKING:
    from gateway.sources.qdrant.points import PointId
    from gateway.sources.qdrant.reads.narrowing import Among
    from gateway.sources.qdrant.requests.filters import Filter

DEFAULT_LIMIT = 10
DEFAULT_K = 60
DEFAULT_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Sparse:
    """A sparse vector: `values` at `indices`, zeros everywhere else."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fusion:
    """How a dense and a sparse ranking are fused by reciprocal rank.

    A hit's score is the sum of `1 / (k + rank / weight)` over the rankings it is in, ranks from 1,
    of which the first `candidates` count. `using` names the sparse vector.
    """

    using: str
    vector: float = 1.0
    sparse: float = 1.0
    k: int = DEFAULT_K
    candidates: int = DEFAULT_CANDIDATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """A part of the hits, best first.

    `using` names the vector to search by, None the collection's own. `collection` is its name,
    where an argument gave it. `among` are the points a `where` leaves, `exact` asks for every
    vector's true distance.
    """

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    score_threshold: float | None = None
    filter: Filter | None = None
    using: str | None = None
    collection: str | None = None
    among: Among | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Search(Ranking):
    """A search by exactly one of `vector`, `sparse`, `text` or `point_id`.

    With a `fusion` it is by `sparse` and one of `vector` and `text`.
    """

    vector: tuple[float, ...] | None = None
    text: str | None = None
    point_id: PointId | None = None
    sparse: Sparse | None = None
    fusion: Fusion | None = None


@dataclass(frozen=True, slots=True)
class Nearest(Ranking):
    """The neighbours of each stored point that the keys name."""


@dataclass(frozen=True, slots=True)
class Example:
    """A point liked or disliked: exactly one of `vector`, `sparse`, `text` and `point_id`."""

    vector: tuple[float, ...] | None = None
    text: str | None = None
    point_id: PointId | None = None
    sparse: Sparse | None = None


@dataclass(frozen=True, slots=True)
class Recommend(Ranking):
    """Points like `positive` examples and unlike `negative` ones."""

    positive: tuple[Example, ...]
    negative: tuple[Example, ...] = ()
    strategy: RecommendStrategy = RecommendStrategy.AVERAGE_VECTOR


@dataclass(frozen=True, slots=True)
class Searches:
    """Several searches, each with an answer of its own."""

    searches: tuple[Search, ...]
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class Grouped:
    """The best `limit` groups by payload field `by`, the best `size` hits of each."""

    search: Search
    by: str
    limit: int
    size: int

    @property
    def collection(self) -> str | None:
        """The collection's name, where an argument gave it."""
        return self.search.collection


@dataclass(frozen=True, slots=True)
class Facets:
    """How many points have each value of payload field `key`; the most frequent `limit`."""

    key: str
    limit: int
    exact: bool
    filter: Filter | None = None
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class PointIds:
    """Points by their ids, each answered in its place."""

    ids: tuple[PointId, ...]
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many points there are; `exact`, or estimated."""

    exact: bool
    filter: Filter | None = None
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The first points in the order of their ids, behind the one with id `after`."""

    first: int
    after: PointId | None
    filter: Filter | None = None
    collection: str | None = None


Wish: TypeAlias = (
    Search | Nearest | Recommend | Searches | Grouped | Facets | PointIds | Count | Page
)


def no_such_point(wish: Any, collection: str, place: int = 0) -> SourceRefused:
    """The error of a search near a point that is not stored; `place`: which of several searches."""
    where = {Searches: f"searches[{place}].id", Recommend: "positive or negative"}
    words = f"{where.get(type(wish), 'id')}: collection {collection!r} has no such point"
    return SourceRefused(words, code=Code.BAD_USER_INPUT)


def cursor(collection: str, point: PointId) -> str:
    """The cursor of a point in the order of ids."""
    return opaque.encode(f"points {collection}", (str(point),))
