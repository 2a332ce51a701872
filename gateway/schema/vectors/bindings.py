"""Root fields over a vector collection beside `search`; each is one engine call.

    recommend_trends: Hits[Trend] | None = recommend(TRENDS)
    search_trends_batch: list[Hits[Trend]] | None = search_batch(TRENDS)
    search_trend_groups: HitGroups[Trend] | None = search_groups(TRENDS)
    trend_facets: Facets[Trend] | None = facets(TRENDS)

The options are `source`, the vector source's name, and those of every field. `vector_queries()`
makes the fields that take the collection's name as an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigurationError
from gateway.schema.bindings import Vectors, bound, declared
from gateway.schema.lists.connection import Facets, HitGroups, Hits
from gateway.schema.roots import queries
from gateway.schema.vectors.reading import Reading

if TYPE_CHECKING:
    from gateway.schema.vectors.collections import VectorCollection


def recommend(collection: str | VectorCollection, **options: Any) -> Any:
    """Rows like some and unlike others; annotated `Hits[Trend] | None`."""
    return _reading(Reading.RECOMMEND, collection, **options)


def search_batch(collection: str | VectorCollection, **options: Any) -> Any:
    """Several searches as one field; annotated `list[Hits[Trend]] | None`."""
    return _reading(Reading.BATCH, collection, **options)


def search_groups(collection: str | VectorCollection, **options: Any) -> Any:
    """The best hits of each value of a payload field; annotated `HitGroups[Trend] | None`."""
    return _reading(Reading.GROUPS, collection, **options)


def facets(collection: str | VectorCollection, **options: Any) -> Any:
    """How many points have each value of a payload field; annotated `Facets[Trend] | None`."""
    return _reading(Reading.FACET, collection, **options)


def _reading(
    reading: Reading,
    collection: str | VectorCollection,
    *,
    source: str = "default",
    **options: Any,
) -> Any:
    return bound(Vectors(reading, declared(collection), source), options)


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

    def of(reading: Reading, says: str) -> Any:
        return bound(Vectors(reading, None, source, patterns), {**options, "description": says})

    body: dict[str, Any] = {"__module__": __name__, "__doc__": "Reading vector collections."}
    body["__annotations__"] = {name: hint | None for name, (_, hint, _) in _GENERIC.items()}
    body |= {name: of(reading, says) for name, (reading, _, says) in _GENERIC.items()}
    return queries(type("VectorQueries", (), body))


_GENERIC: dict[str, tuple[Reading, Any, str]] = {
    "vector_search": (Reading.SEARCH, Hits[Any], "The points that are nearest to something."),
    "vector_search_batch": (
        Reading.BATCH,
        list[Hits[Any]],
        "Several searches, in one engine call.",
    ),
    "vector_search_groups": (
        Reading.GROUPS,
        HitGroups[Any],
        "The nearest points of each value of a payload field.",
    ),
    "vector_recommend": (Reading.RECOMMEND, Hits[Any], "Points like some and unlike others."),
    "vector_facets": (
        Reading.FACET,
        Facets[Any],
        "How many points have each value of a payload field, the most frequent first.",
    ),
    "points": (Reading.POINTS, list[Any], "Points by their ids; null where there is none."),
    "point_count": (Reading.COUNT, int, "How many points a collection has."),
    "point_scroll": (Reading.PAGE, Any, "All points of a collection, in the order of their ids."),
}
"""The generic fields: their bindings, what a domain's annotation would say, and descriptions."""
