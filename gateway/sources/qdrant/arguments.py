"""Arguments of searches, checked and frozen before any engine is called. Pure.

Those of everything else that is read stand in `gateway.sources.qdrant.wishes`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from gateway.embedding.contract import check_text
from gateway.errors import InputError
from gateway.schema.vector_collections import is_collection_name
from gateway.sources.qdrant.filters import Filter, parse_filter
from gateway.sources.qdrant.ids import PointId, parse_point_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.vector_collections import PayloadField
    from gateway.sources.qdrant.narrowing import Among

MAX_LIMIT = 1_000
MAX_NEAREST = 100
MAX_OFFSET = 10_000
MAX_DIMENSIONS = 65_536
MAX_TEXT = 8_192
MAX_K = 1_000
MAX_WEIGHT = 1_000.0
DEFAULT_LIMIT = 10
DEFAULT_K = 60
DEFAULT_CANDIDATES = 100
_LARGEST = 3.4028235e38
"""The largest 32-bit float."""
_NEAR = ("vector", "text", "id", "sparse")
_INDEXES = range(2**32)
_NUMBERS = frozenset({int, float})


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


@dataclass(frozen=True, slots=True)
class Search:
    """A search by exactly one of `vector`, `sparse`, `text` or `point_id`.

    With a `fusion` it is by `sparse` and one of `vector` and `text`. `using` names the vector to
    search by, None the collection's own. `collection` is its name, where an argument gave it.
    `among` are the points a `where` leaves, `exact` asks for every vector's true distance.
    """

    vector: tuple[float, ...] | None = None
    text: str | None = None
    point_id: PointId | None = None
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    score_threshold: float | None = None
    filter: Filter | None = None
    sparse: Sparse | None = None
    fusion: Fusion | None = None
    using: str | None = None
    collection: str | None = None
    among: Among | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Nearest:
    """How many neighbours of each stored point, how close, and among which points."""

    limit: int = DEFAULT_LIMIT
    score_threshold: float | None = None
    filter: Filter | None = None
    using: str | None = None
    among: Among | None = None
    exact: bool = False


def search_arguments(  # noqa: PLR0913 - what a declared collection says, each by its name
    given: Mapping[str, Any],
    *,
    fusion: Fusion | None = None,
    using: str | None = None,
    collection: str | None = None,
    dimensions: int | None = None,
    fields: Mapping[str, PayloadField] | None = None,
) -> Search:
    """The arguments of a search, by their GraphQL names, as one value.

    `dimensions` is the vector's size where it is declared, `fields` the payload's likewise. Raises
    `InputError` naming the argument that is wrong and what would be right.
    """
    vector, text, point, sparse = (given.get(name) for name in _NEAR)
    near = [name for name in _NEAR if given.get(name) is not None]
    if len(near) != 1 and not (fusion and len(near) == 2 and point is None):  # noqa: PLR2004 - fused
        got = " and ".join(near) or "none of them"
        raise InputError(f"Give exactly one of `vector`, `text` and `id`; got {got}.")
    if text is not None:
        check_words(text)
    limit = whole(given.get("limit"), "limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
    offset = whole(given.get("offset"), "offset", 0, MAX_OFFSET, 0)
    if fusion is not None:  # whose rankings reach at least as far as the page
        fusion = replace(fusion, candidates=max(fusion.candidates, offset + limit))
    return Search(
        vector=None if vector is None else parse_vector(vector, dimensions),
        text=text,
        point_id=None if point is None else parse_point_id(point, "id"),
        limit=limit,
        offset=offset,
        score_threshold=threshold(given.get("scoreThreshold")),
        filter=optional_filter(given.get("filter"), fields),
        sparse=None if sparse is None else parse_sparse(sparse),
        fusion=fusion,
        using=using,
        collection=collection,
    )


def fusion_arguments(given: Mapping[str, Any], using: str) -> Fusion:
    """How two rankings are fused, `using` naming the sparse vector. Raises `InputError`."""
    return Fusion(
        using,
        vector=_weight(given.get("vector"), "fusion.vector"),
        sparse=_weight(given.get("sparse"), "fusion.sparse"),
        k=whole(given.get("k"), "fusion.k", 1, MAX_K, DEFAULT_K),
        candidates=whole(
            given.get("candidates"), "fusion.candidates", 1, MAX_LIMIT, DEFAULT_CANDIDATES
        ),
    )


def _weight(value: Any, name: str) -> float:
    number = 1.0 if value is None else float(value)
    if not 0 < number <= MAX_WEIGHT:
        raise InputError.about(name, f"must be above 0 and at most {MAX_WEIGHT:g}")
    return number


def nearest_arguments(
    given: Mapping[str, Any],
    *,
    using: str | None = None,
    fields: Mapping[str, PayloadField] | None = None,
) -> Nearest:
    """The arguments of "more like this" as one value. Raises `InputError`."""
    return Nearest(
        limit=whole(given.get("first"), "first", 0, MAX_NEAREST, DEFAULT_LIMIT),
        score_threshold=threshold(given.get("scoreThreshold")),
        filter=optional_filter(given.get("filter"), fields),
        using=using,
    )


def parse_vector(value: Any, dimensions: int | None, name: str = "vector") -> tuple[float, ...]:
    """A vector of finite 32-bit numbers, `dimensions` long where known. Raises `InputError`."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        raise InputError.about(name, "must be a list of numbers")
    if len(value) > MAX_DIMENSIONS:
        raise InputError.about(
            name, f"has {len(value)} numbers; at most {MAX_DIMENSIONS} are allowed"
        )
    check_dimensions(value, dimensions, name)
    if not _NUMBERS.issuperset(map(type, value)):
        raise InputError.about(name, "must hold only numbers")
    try:
        numbers = tuple(map(float, value))
    except OverflowError:
        numbers = (math.inf,)
    # A sum with NaN in it is NaN; least and greatest alone would not see one.
    within = min(numbers) >= -_LARGEST and max(numbers) <= _LARGEST
    if not (within and math.isfinite(sum(numbers))):
        raise InputError.about(name, "holds NaN or an infinity; every number must be finite")
    return numbers


def check_dimensions(vector: Sequence[Any], dimensions: int | None, name: str = "vector") -> None:
    """Refuse a vector that is not `dimensions` long, where that is known. Raises `InputError`."""
    if dimensions is not None and len(vector) != dimensions:
        raise InputError.about(
            name, f"has {len(vector)} dimensions; this collection's vectors have {dimensions}"
        )


def parse_sparse(value: Any, name: str = "sparse") -> Sparse:
    """A sparse vector: as many finite values as different indices. Raises `InputError`."""
    given = value if hasattr(value, "get") else {}
    indices, values = given.get("indices"), given.get("values")
    if not isinstance(indices, Sequence) or not all(
        isinstance(one, int) and not isinstance(one, bool) and one in _INDEXES for one in indices
    ):
        raise InputError.about(f"{name}.indices", f"must be integers from 0 to {_INDEXES[-1]}")
    numbers = parse_vector(values, None, f"{name}.values")
    if len(indices) != len(numbers) or len(set(indices)) != len(indices):
        raise InputError.about(name, "must have as many values as indices, each index once")
    return Sparse(tuple(indices), numbers)


def check_words(text: Any, name: str = "text") -> None:
    """Refuse a text that nothing can be searched by. Raises `InputError` calling it `name`."""
    if not isinstance(text, str):
        raise InputError.about(name, "must be a string")
    check_text(text, MAX_TEXT, name)


def whole(value: Any, name: str, low: int, high: int, default: int) -> int:
    """A whole number within bounds, or the default for None. Raises `InputError`."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError.about(name, f"must be a whole number from {low} to {high}")
    return value


def threshold(value: Any) -> float | None:
    """The least score, None for none. Raises `InputError`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError.about("scoreThreshold", "must be a number")
    if not abs(value) <= _LARGEST:
        raise InputError.about("scoreThreshold", "must be finite")
    return float(value)


def open_collection(given: Any, opened: Sequence[str], name: str = "collection") -> str:
    """The collection that an argument names. Raises `InputError` for one that is not open."""
    if not is_collection_name(given):
        raise InputError.about(name, "is not a name that a collection can have")
    if not any(fnmatchcase(given, pattern) for pattern in opened):
        raise InputError.about(name, f"must be one of those open here: {', '.join(opened)}")
    return str(given)


def optional_filter(
    value: Mapping[str, Any] | None, fields: Mapping[str, PayloadField] | None = None
) -> Filter | None:
    """A filter, None for one that lets everything through. Raises `InputError`."""
    return None if value is None else parse_filter(value, fields=fields) or None
