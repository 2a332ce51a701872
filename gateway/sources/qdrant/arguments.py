"""Arguments of searches, checked and frozen before any engine is called. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.embedding.contract import check_text
from gateway.errors import InputError
from gateway.sources.qdrant.filters import Filter, parse_filter
from gateway.sources.qdrant.ids import PointId, parse_point_id

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LIMIT = 1_000
MAX_NEAREST = 100
MAX_OFFSET = 10_000
MAX_DIMENSIONS = 65_536
MAX_TEXT = 8_192
DEFAULT_LIMIT = 10
_LARGEST = 3.4028235e38
"""The largest 32-bit float."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search by exactly one of `vector`, `text` or `point_id`."""

    vector: tuple[float, ...] | None = None
    text: str | None = None
    point_id: PointId | None = None
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    score_threshold: float | None = None
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class Nearest:
    """How many neighbours of each stored point, how close, and among which points."""

    limit: int = DEFAULT_LIMIT
    score_threshold: float | None = None
    filter: Filter | None = None


def search_arguments(  # noqa: PLR0913 - the arguments of the GraphQL field, one for one
    *,
    vector: Any = None,
    text: Any = None,
    id: Any = None,  # noqa: A002 - named as the GraphQL argument is
    limit: Any = None,
    offset: Any = None,
    score_threshold: Any = None,
    filter: Mapping[str, Any] | None = None,  # noqa: A002 - likewise
    dimensions: int | None = None,
) -> Search:
    """The arguments of a search as one value; None stands for an argument not given.

    `dimensions` is the collection's vector size where it is declared. Raises `InputError` naming
    the argument that is wrong and what would be right.
    """
    given = [n for n, v in (("vector", vector), ("text", text), ("id", id)) if v is not None]
    if len(given) != 1:
        got = " and ".join(given) or "none of them"
        raise InputError(f"give exactly one of vector, text and id; got {got}")
    if text is not None:
        _check_text(text)
    return Search(
        vector=None if vector is None else parse_vector(vector, dimensions),
        text=text,
        point_id=None if id is None else parse_point_id(id, "id"),
        limit=_whole(limit, "limit", 1, MAX_LIMIT, DEFAULT_LIMIT),
        offset=_whole(offset, "offset", 0, MAX_OFFSET, 0),
        score_threshold=_threshold(score_threshold),
        filter=_filter(filter),
    )


def nearest_arguments(
    *,
    limit: Any = None,
    score_threshold: Any = None,
    filter: Mapping[str, Any] | None = None,  # noqa: A002 - named as the GraphQL argument is
) -> Nearest:
    """The arguments of "more like this" as one value. Raises `InputError`."""
    return Nearest(
        limit=_whole(limit, "limit", 1, MAX_NEAREST, DEFAULT_LIMIT),
        score_threshold=_threshold(score_threshold),
        filter=_filter(filter),
    )


def parse_vector(value: Any, dimensions: int | None, name: str = "vector") -> tuple[float, ...]:
    """A vector of finite 32-bit numbers, `dimensions` long where known. Raises `InputError`."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        raise InputError(f"{name} must be a list of numbers")
    if len(value) > MAX_DIMENSIONS:
        raise InputError(f"{name} has {len(value)} numbers; at most {MAX_DIMENSIONS} are allowed")
    check_dimensions(value, dimensions, name)
    if not {type(one) for one in value} <= {int, float}:
        raise InputError(f"{name} must hold only numbers")
    try:
        numbers = tuple(map(float, value))
    except OverflowError:
        numbers = (math.inf,)
    if not all(abs(one) <= _LARGEST for one in numbers):  # not true of NaN either
        raise InputError(f"{name} holds NaN or an infinity; every number must be finite")
    return numbers


def check_dimensions(vector: Sequence[Any], dimensions: int | None, name: str = "vector") -> None:
    """Refuse a vector that is not `dimensions` long, where that is known. Raises `InputError`."""
    if dimensions is not None and len(vector) != dimensions:
        raise InputError(
            f"{name} has {len(vector)} dimensions; this collection's vectors have {dimensions}"
        )


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        raise InputError("text must be a string")
    check_text(text, MAX_TEXT)


def _whole(value: Any, name: str, low: int, high: int, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{name} must be a whole number from {low} to {high}")
    return value


def _threshold(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError("scoreThreshold must be a number")
    if not abs(value) <= _LARGEST:
        raise InputError("scoreThreshold must be finite")
    return float(value)


def _filter(value: Mapping[str, Any] | None) -> Filter | None:
    return None if value is None else parse_filter(value) or None
