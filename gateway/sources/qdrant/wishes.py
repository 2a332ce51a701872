"""What a field of the vector source asks for, by its binding: arguments checked and frozen. Pure.

Searches and neighbours have their values in `gateway.sources.qdrant.arguments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.errors import Code, InputError, SourceRefused
from gateway.schema import opaque
from gateway.schema.vector_reading import Reading
from gateway.sources.qdrant.arguments import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    MAX_OFFSET,
    Fusion,
    Nearest,
    Search,
    Sparse,
    check_words,
    fusion_arguments,
    nearest_arguments,
    open_collection,
    optional_filter,
    parse_sparse,
    parse_vector,
    search_arguments,
    threshold,
    whole,
)
from gateway.sources.qdrant.filters import Filter, field_path
from gateway.sources.qdrant.ids import PointId, parse_point_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.schema.bindings import Vectors
    from gateway.schema.vector_collections import PayloadField, VectorCollection
    from gateway.sources.qdrant.narrowing import Among

MAX_EXAMPLES = 100
MAX_SEARCHES = 100
MAX_HITS = 10_000
"""The hits that the searches of one field may ask for together."""
MAX_GROUPS = 100
MAX_GROUP_SIZE = 100
MAX_FACETS = 1_000
MAX_POINTS = 1_000
_PAGE = 100
_GROUP_SIZE = 3


class Strategy(StrEnum):
    """How liked and disliked examples become a ranking; the values are Qdrant's names."""

    AVERAGE_VECTOR = "average_vector"
    BEST_SCORE = "best_score"
    SUM_SCORES = "sum_scores"


@dataclass(frozen=True, slots=True)
class Example:
    """A point liked or disliked: exactly one of `vector`, `sparse`, `text` and `point_id`."""

    vector: tuple[float, ...] | None = None
    text: str | None = None
    point_id: PointId | None = None
    sparse: Sparse | None = None


@dataclass(frozen=True, slots=True)
class Recommend:
    """Points like `positive` examples and unlike `negative` ones."""

    positive: tuple[Example, ...]
    negative: tuple[Example, ...] = ()
    strategy: Strategy = Strategy.AVERAGE_VECTOR
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    score_threshold: float | None = None
    filter: Filter | None = None
    using: str | None = None
    collection: str | None = None
    among: Among | None = None
    exact: bool = False


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


def arguments(binding: Vectors, values: Mapping[str, Any]) -> Wish:
    """The arguments of a field with this binding, by their GraphQL names, as one value.

    Raises `InputError` naming the one that is wrong and what would be right.
    """
    return _Read(binding, values).wish()


def no_such_point(wish: Any, collection: str, place: int = 0) -> SourceRefused:
    """The error of a search near a point that is not stored; `place`: which of several searches."""
    where = {Searches: f"searches[{place}].id", Recommend: "positive or negative"}
    words = f"{where.get(type(wish), 'id')}: collection {collection!r} has no such point"
    return SourceRefused(words, code=Code.BAD_USER_INPUT)


def cursor(collection: str, point: PointId) -> str:
    """The cursor of a point in the order of ids."""
    return opaque.encode(f"points {collection}", (str(point),))


class _Read:
    """The arguments of one field, read once."""

    def __init__(self, binding: Vectors, values: Mapping[str, Any]) -> None:
        self.values = values
        self.binding = binding
        self.declared: VectorCollection | None = binding.collection
        self.fields = _declared_fields(binding.collection)
        self.named = None
        if binding.collection is None:
            self.named = open_collection(values["collection"], binding.opened)

    def wish(self) -> Wish:
        """The one value."""
        return _WISHES[self.binding.reading](self)

    def filter(self) -> Filter | None:
        return optional_filter(self.values.get("filter"), self.fields)

    def using(self, given: Mapping[str, Any], *, sparse: bool = False) -> str | None:
        """The vector to search by; a sparse input finds the only sparse vector by itself."""
        name = given.get("using")
        declared = self.declared
        if name is None and sparse and declared is not None and len(declared.sparse) == 1:
            return declared.sparse[0]
        if name is None and sparse:
            raise InputError.about("using", "must name the sparse vector to search by")
        if name is None or declared is None:
            return name if name is None else field_path(name, "using")
        if name not in declared.choices:
            known = ", ".join(declared.choices) or "none"
            raise InputError.about("using", f"must be one of this collection's vectors: {known}")
        if (name in declared.sparse) != sparse and given.get("id") is None:
            right = "sparse" if name in declared.sparse else "vector or text"
            raise InputError.about("using", f"names a vector that is searched by {right}")
        return str(name)

    def search(self, given: Mapping[str, Any] | None = None) -> Search:
        """A search; `given` where it is one of several."""
        one = self.values if given is None else given
        sparse = one.get("sparse") is not None
        dense = any(one.get(name) is not None for name in ("text", "vector"))
        fusion = self._fusion(one) if sparse and dense else None
        if fusion is None and one.get("fusion") is not None:
            raise InputError.about("fusion", "is of sparse and one of text and vector; give both")
        using = self.using(one, sparse=sparse and not dense)
        return search_arguments(
            one,
            fusion=fusion,
            using=using,
            collection=self.named,
            dimensions=self._dimensions(using),
            fields=self.fields,
        )

    def _fusion(self, given: Mapping[str, Any]) -> Fusion:
        fusion: Mapping[str, Any] = given.get("fusion") or {}
        using = self.using({"using": fusion.get("using")}, sparse=True)
        return fusion_arguments(fusion, using or "")

    def nearest(self) -> Nearest:
        using = self.using({"id": 0, **self.values})
        return nearest_arguments(self.values, using=using, fields=self.fields)

    def recommend(self) -> Recommend:
        values = self.values
        using = self.using({"id": 0, **values})
        positive = self._examples(values.get("positive"), "positive", using)
        negative = self._examples(values.get("negative"), "negative", using)
        strategy = Strategy[getattr(values.get("strategy"), "name", "AVERAGE_VECTOR")]
        if not positive and (strategy is Strategy.AVERAGE_VECTOR or not negative):
            raise InputError.about("positive", "must hold at least one example")
        return Recommend(
            positive=positive,
            negative=negative,
            strategy=strategy,
            limit=whole(values.get("limit"), "limit", 1, MAX_LIMIT, DEFAULT_LIMIT),
            offset=whole(values.get("offset"), "offset", 0, MAX_OFFSET, 0),
            score_threshold=threshold(values.get("scoreThreshold")),
            filter=self.filter(),
            using=using,
            collection=self.named,
        )

    def batch(self) -> Searches:
        given: Sequence[Mapping[str, Any]] = self.values["searches"]
        if not 1 <= len(given) <= MAX_SEARCHES:
            raise InputError.about(
                "searches", f"has {len(given)} searches; give 1 to {MAX_SEARCHES}"
            )
        searches = []
        for place, one in enumerate(given):
            try:
                searches.append(self.search(one))
            except InputError as error:
                raise InputError(f"`searches[{place}]`: {error.message}") from None
        if sum(one.limit for one in searches) > MAX_HITS:
            raise InputError.about("searches", f"ask for more than {MAX_HITS} hits together")
        return Searches(tuple(searches), self.named)

    def groups(self) -> Grouped:
        values = self.values
        search = self.search({**values, "limit": None})
        if search.fusion is not None:
            raise InputError.about(
                "sparse", "is not fused in groups; give it alone, or leave it out"
            )
        return Grouped(
            search=search,
            by=self._key("groupBy"),
            limit=whole(values.get("limit"), "limit", 1, MAX_GROUPS, DEFAULT_LIMIT),
            size=whole(values.get("groupSize"), "groupSize", 1, MAX_GROUP_SIZE, _GROUP_SIZE),
        )

    def facets(self) -> Facets:
        return Facets(
            key=self._key("key"),
            limit=whole(self.values.get("limit"), "limit", 1, MAX_FACETS, DEFAULT_LIMIT),
            exact=bool(self.values.get("exact")),
            filter=self.filter(),
            collection=self.named,
        )

    def points(self) -> PointIds:
        given: Sequence[Any] = self.values["ids"]
        if len(given) > MAX_POINTS:
            raise InputError.about("ids", f"has {len(given)} ids; at most {MAX_POINTS} are allowed")
        ids = (parse_point_id(one, f"ids[{place}]") for place, one in enumerate(given))
        return PointIds(tuple(ids), self.named)

    def count(self) -> Count:
        return Count(self.values.get("exact") is not False, self.filter(), self.named)

    def page(self) -> Page:
        first = whole(self.values.get("first"), "first", 0, MAX_POINTS, _PAGE)
        return Page(first, self._after(), self.filter(), self.named)

    def _after(self) -> PointId | None:
        text = self.values.get("after")
        if text is None:
            return None
        decoded = opaque.decode(text)
        name = self.named or (self.declared.name if self.declared else "")
        if decoded is None or decoded[0] != f"points {name}" or len(decoded[1]) != 1:
            raise InputError.about(
                "after", "is not a cursor of this collection; use `endCursor` of a page"
            )
        return parse_point_id(decoded[1][0], "after")

    def _key(self, name: str) -> str:
        """The path of a payload field to group by or to count."""
        given = self.values[name]
        if self.fields is None:
            return field_path(given, name)
        field = self.fields.get(str(getattr(given, "value", given)))
        if field is None or not field.counted:
            known = ", ".join(one.name for one in self.fields.values() if one.counted)
            raise InputError.about(name, f"must be one of {known}")
        return field.path

    def _dimensions(self, using: str | None) -> int | None:
        declared = self.declared
        return None if declared is None else declared.dimensions(using or declared.vector)

    def _examples(
        self, given: Sequence[Mapping[str, Any]] | None, name: str, using: str | None
    ) -> tuple[Example, ...]:
        if given is not None and len(given) > MAX_EXAMPLES:
            raise InputError.about(
                name, f"has {len(given)} examples; at most {MAX_EXAMPLES} are allowed"
            )
        return tuple(
            self._example(one, f"{name}[{place}]", using) for place, one in enumerate(given or ())
        )

    def _example(self, given: Mapping[str, Any], path: str, using: str | None) -> Example:
        present = {name: value for name, value in given.items() if value is not None}
        if len(present) != 1:
            raise InputError.about(path, "must have exactly one of id, text, vector and sparse")
        ((kind, value),) = present.items()
        path = f"{path}.{kind}"
        if kind == "id":
            return Example(point_id=parse_point_id(value, path))
        if kind == "text":
            check_words(value, path)
            return Example(text=value)
        if kind == "sparse":
            return Example(sparse=parse_sparse(value, path))
        return Example(vector=parse_vector(value, self._dimensions(using), path))


def _declared_fields(collection: VectorCollection | None) -> Mapping[str, PayloadField] | None:
    return collection.fields if collection is not None and collection.fields else None


_WISHES: Mapping[Reading, Callable[[_Read], Wish]] = {
    Reading.SEARCH: _Read.search,
    Reading.NEAREST: _Read.nearest,
    Reading.RECOMMEND: _Read.recommend,
    Reading.BATCH: _Read.batch,
    Reading.GROUPS: _Read.groups,
    Reading.FACET: _Read.facets,
    Reading.POINTS: _Read.points,
    Reading.COUNT: _Read.count,
    Reading.PAGE: _Read.page,
}
