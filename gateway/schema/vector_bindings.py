"""Root fields over a vector collection beside `search`; each is one engine call.

    recommend_trends: Hits[Trend] | None = recommend(TRENDS)
    search_trends_batch: list[Hits[Trend]] | None = search_batch(TRENDS)
    search_trend_groups: HitGroups[Trend] | None = search_groups(TRENDS)
    trend_facets: Facets[Trend] | None = facets(TRENDS)

`vector_queries()` makes the fields that take the collection's name as an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gateway.errors import ConfigurationError
from gateway.schema.bindings import Search, Vectors, bound, declared
from gateway.schema.connection import Facets, HitGroups, Hits
from gateway.schema.roots import queries
from gateway.schema.vector_reading import Reading

if TYPE_CHECKING:
    from gateway.schema.vector_collections import VectorCollection


@dataclass(frozen=True, slots=True)
class Recommend(Vectors):
    """Points like some and unlike others."""

    reading = Reading.RECOMMEND


@dataclass(frozen=True, slots=True)
class SearchBatch(Vectors):
    """Several searches, each with hits of its own."""

    reading = Reading.BATCH


@dataclass(frozen=True, slots=True)
class SearchGroups(Vectors):
    """The best hits of each value of a payload field."""

    reading = Reading.GROUPS


@dataclass(frozen=True, slots=True)
class FacetCounts(Vectors):
    """How many points have each value of a payload field."""

    reading = Reading.FACET


@dataclass(frozen=True, slots=True)
class PointsById(Vectors):
    """Points by their ids."""

    reading = Reading.POINTS


@dataclass(frozen=True, slots=True)
class PointCount(Vectors):
    """How many points there are."""

    reading = Reading.COUNT


@dataclass(frozen=True, slots=True)
class PointPage(Vectors):
    """All points, as a connection in the order of their ids."""

    reading = Reading.PAGE


def recommend(
    collection: str | VectorCollection,
    *,
    source: str = "default",
    init: Literal[False] = False,  # noqa: ARG001 - for type checkers only
    **options: Any,
) -> Any:
    """Rows like some and unlike others; annotated `Hits[Trend] | None`."""
    return bound(Recommend(declared(collection), source), options)


def search_batch(
    collection: str | VectorCollection,
    *,
    source: str = "default",
    init: Literal[False] = False,  # noqa: ARG001 - for type checkers only
    **options: Any,
) -> Any:
    """Several searches as one field; annotated `list[Hits[Trend]] | None`."""
    return bound(SearchBatch(declared(collection), source), options)


def search_groups(
    collection: str | VectorCollection,
    *,
    source: str = "default",
    init: Literal[False] = False,  # noqa: ARG001 - for type checkers only
    **options: Any,
) -> Any:
    """The best hits of each value of a payload field; annotated `HitGroups[Trend] | None`."""
    return bound(SearchGroups(declared(collection), source), options)


def facets(
    collection: str | VectorCollection,
    *,
    source: str = "default",
    init: Literal[False] = False,  # noqa: ARG001 - for type checkers only
    **options: Any,
) -> Any:
    """How many points have each value of a payload field; annotated `Facets[Trend] | None`."""
    return bound(FacetCounts(declared(collection), source), options)


def vector_queries(*opened: str, source: str = "default", **options: Any) -> type:
    """A query class for collections that an argument names, with the generic filter.

    `opened` are patterns of the names it may have (`*` stands for any characters), all where none
    is given. The options are those of every field in it: say who may use them. Raises
    ConfigurationError for an option that is one field's own.
    """
    for name in ("name", "description"):
        if name in options:
            raise ConfigurationError(f"vector_queries() takes no {name}: it makes several fields.")
    patterns = opened or ("*",)

    def of(binding: type[Vectors], says: str) -> Any:
        return bound(binding(None, source, patterns), {**options, "description": says})

    body: dict[str, Any] = {"__module__": __name__, "__doc__": "Reading vector collections."}
    body["__annotations__"] = {name: hint | None for name, (_, hint, _) in _GENERIC.items()}
    body |= {name: of(binding, says) for name, (binding, _, says) in _GENERIC.items()}
    return queries(type("VectorQueries", (), body))


_GENERIC: dict[str, tuple[type[Vectors], Any, str]] = {
    "vector_search": (Search, Hits[Any], "The points that are nearest to something."),
    "vector_search_batch": (SearchBatch, list[Hits[Any]], "Several searches, in one engine call."),
    "vector_search_groups": (
        SearchGroups,
        HitGroups[Any],
        "The nearest points of each value of a payload field.",
    ),
    "vector_recommend": (Recommend, Hits[Any], "Points like some and unlike others."),
    "vector_facets": (
        FacetCounts,
        Facets[Any],
        "How many points have each value of a payload field, the most frequent first.",
    ),
    "points": (PointsById, list[Any], "Points by their ids; null where there is none."),
    "point_count": (PointCount, int, "How many points a collection has."),
    "point_scroll": (PointPage, Any, "All points of a collection, in the order of their ids."),
}
"""The generic fields: their bindings, what a domain's annotation would say, and descriptions."""
