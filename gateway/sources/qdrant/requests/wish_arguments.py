"""From the arguments of a field that reads vectors to its wish. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.embedding.contract import check_text
from gateway.errors import InputError
from gateway.schema import opaque
from gateway.schema.vectors.inputs import RecommendStrategy
from gateway.schema.vectors.reading import Reading
from gateway.sources.qdrant.points import PointId, parse_point_id
from gateway.sources.qdrant.requests.arguments import (
    LARGEST,
    Arguments,
    parse_sparse,
    parse_vector,
)
from gateway.sources.qdrant.requests.conditions import check_count
from gateway.sources.qdrant.requests.filters import field_path
from gateway.sources.qdrant.requests.wishes import (
    DEFAULT_CANDIDATES,
    DEFAULT_K,
    DEFAULT_LIMIT,
    Count,
    Example,
    Facets,
    Fusion,
    Grouped,
    Nearest,
    Page,
    PointIds,
    Recommend,
    Search,
    Searches,
    Wish,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.schema.bindings import Vectors

MAX_LIMIT = 1_000
MAX_NEAREST = 100
MAX_OFFSET = 10_000
MAX_TEXT = 8_192
MAX_K = 1_000
MAX_WEIGHT = 1_000.0
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
_NEAR = ("vector", "text", "id", "sparse")


def wish_of(binding: Vectors, values: Mapping[str, Any]) -> Wish:
    """What a field with this binding asks for. Raises `InputError`."""
    return _WISHES[binding.reading](_Arguments(binding, values))


class _Arguments(Arguments):
    """The arguments of one reading."""

    def __init__(self, binding: Vectors, values: Mapping[str, Any]) -> None:
        super().__init__(binding, values)
        self.named = self.collection() if self.declared is None else None

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
        vector, text, point, sparse = (one.get(name) for name in _NEAR)
        near = [name for name in _NEAR if one.get(name) is not None]
        dense = vector is not None or text is not None
        fusion = self._fusion(one) if dense and sparse is not None else None
        if fusion is None and one.get("fusion") is not None:
            raise InputError.about("fusion", "is of sparse and one of text and vector; give both")
        using = self.using(one, sparse=sparse is not None and not dense)
        if len(near) != (1 if fusion is None else 2):
            got = " and ".join(near) or "none of them"
            raise InputError(f"Give exactly one of `vector`, `text` and `id`; got {got}.")
        if text is not None:
            _check_words(text)
        limit, offset = _window(one)
        if fusion is not None:  # whose rankings reach at least as far as the page
            fusion = replace(fusion, candidates=max(fusion.candidates, offset + limit))
        return Search(
            vector=None if vector is None else parse_vector(vector, self._size(using)),
            text=text,
            point_id=None if point is None else parse_point_id(point, "id"),
            limit=limit,
            offset=offset,
            score_threshold=_threshold(one.get("scoreThreshold")),
            filter=self.filter(one),
            sparse=None if sparse is None else parse_sparse(sparse),
            fusion=fusion,
            using=using,
            collection=self.named,
        )

    def _fusion(self, values: Mapping[str, Any]) -> Fusion:
        """How two rankings are fused."""
        given: Mapping[str, Any] = values.get("fusion") or {}
        return Fusion(
            self.using({"using": given.get("using")}, sparse=True) or "",
            vector=_weight(given.get("vector"), "fusion.vector"),
            sparse=_weight(given.get("sparse"), "fusion.sparse"),
            k=_whole(given.get("k"), "fusion.k", 1, MAX_K, DEFAULT_K),
            candidates=_whole(
                given.get("candidates"), "fusion.candidates", 1, MAX_LIMIT, DEFAULT_CANDIDATES
            ),
        )

    def nearest(self) -> Nearest:
        using = self.using({"id": 0, **self.values})
        return Nearest(
            limit=_whole(self.values.get("first"), "first", 0, MAX_NEAREST, DEFAULT_LIMIT),
            score_threshold=_threshold(self.values.get("scoreThreshold")),
            filter=self.filter(),
            using=using,
        )

    def recommend(self) -> Recommend:
        values = self.values
        using = self.using({"id": 0, **values})
        positive = self._examples("positive", using)
        negative = self._examples("negative", using)
        average = RecommendStrategy.AVERAGE_VECTOR
        strategy = values.get("strategy") or average
        if not positive and (strategy is average or not negative):
            raise InputError.about("positive", "must hold at least one example")
        limit, offset = _window(values)
        return Recommend(
            positive=positive,
            negative=negative,
            strategy=strategy,
            limit=limit,
            offset=offset,
            score_threshold=_threshold(values.get("scoreThreshold")),
            filter=self.filter(),
            using=using,
            collection=self.named,
        )

    def _examples(self, name: str, using: str | None) -> tuple[Example, ...]:
        given: Sequence[Mapping[str, Any]] = self.values.get(name) or ()
        check_count(given, "examples", name, MAX_EXAMPLES)
        return tuple(
            self._example(one, f"{name}[{place}]", using) for place, one in enumerate(given)
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
            _check_words(value, path)
            return Example(text=value)
        if kind == "sparse":
            return Example(sparse=parse_sparse(value, path))
        return Example(vector=parse_vector(value, self._size(using), path))

    def batch(self) -> Searches:
        given: Sequence[Mapping[str, Any]] = self.values["searches"]
        check_count(given, "searches", "searches", MAX_SEARCHES, 1)
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
            limit=_whole(values.get("limit"), "limit", 1, MAX_GROUPS, DEFAULT_LIMIT),
            size=_whole(values.get("groupSize"), "groupSize", 1, MAX_GROUP_SIZE, _GROUP_SIZE),
        )

    def facets(self) -> Facets:
        return Facets(
            key=self._key("key"),
            limit=_whole(self.values.get("limit"), "limit", 1, MAX_FACETS, DEFAULT_LIMIT),
            exact=bool(self.values.get("exact")),
            filter=self.filter(),
            collection=self.named,
        )

    def points(self) -> PointIds:
        given: Sequence[Any] = self.values["ids"]
        check_count(given, "ids", "ids", MAX_POINTS)
        ids = (parse_point_id(one, f"ids[{place}]") for place, one in enumerate(given))
        return PointIds(tuple(ids), self.named)

    def count(self) -> Count:
        return Count(self.values.get("exact") is not False, self.filter(), self.named)

    def page(self) -> Page:
        first = _whole(self.values.get("first"), "first", 0, MAX_POINTS, _PAGE)
        return Page(first, self._after(), self.filter(), self.named)

    def _after(self) -> PointId | None:
        text = self.values.get("after")
        if text is None:
            return None
        decoded = opaque.decode(text)
        if decoded is None or decoded[0] != f"points {self.collection()}" or len(decoded[1]) != 1:
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

    def _size(self, using: str | None) -> int | None:
        """The declared size of the vector to search by."""
        declared = self.declared
        return None if declared is None else declared.dimensions(using or declared.vector)


_WISHES: Mapping[Reading, Callable[[_Arguments], Wish]] = {
    Reading.SEARCH: _Arguments.search,
    Reading.NEAREST: _Arguments.nearest,
    Reading.RECOMMEND: _Arguments.recommend,
    Reading.BATCH: _Arguments.batch,
    Reading.GROUPS: _Arguments.groups,
    Reading.FACET: _Arguments.facets,
    Reading.POINTS: _Arguments.points,
    Reading.COUNT: _Arguments.count,
    Reading.PAGE: _Arguments.page,
}


def _check_words(text: Any, name: str = "text") -> None:
    """Refuse a text that nothing can be searched by."""
    if not isinstance(text, str):
        raise InputError.about(name, "must be a string")
    check_text(text, MAX_TEXT, name)


def _window(given: Mapping[str, Any]) -> tuple[int, int]:
    """How many hits, and how many are left out before them."""
    limit = _whole(given.get("limit"), "limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
    return limit, _whole(given.get("offset"), "offset", 0, MAX_OFFSET, 0)


def _whole(value: Any, name: str, low: int, high: int, default: int) -> int:
    """A whole number within bounds, or the default for None."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError.about(name, f"must be a whole number from {low} to {high}")
    return value


def _weight(value: Any, name: str) -> float:
    number = 1.0 if value is None else float(value)
    if not 0 < number <= MAX_WEIGHT:
        raise InputError.about(name, f"must be above 0 and at most {MAX_WEIGHT:g}")
    return number


def _threshold(value: Any) -> float | None:
    """The least score, None for none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError.about("scoreThreshold", "must be a number")
    if not abs(value) <= LARGEST:
        raise InputError.about("scoreThreshold", "must be finite")
    return float(value)
