"""The arguments of fields that are read from vector collections."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import strawberry

from gateway.errors import ConfigurationError
from gateway.schema.arguments import argument
from gateway.schema.vector_inputs import VectorInputs
from gateway.schema.vector_reading import Reading
from gateway.schema.vectors import SparseFusion, SparseVector, VectorExample, VectorFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema import bindings as b
    from gateway.schema.inputs import Inputs
    from gateway.schema.vector_collections import VectorCollection

PAYLOAD_ARGUMENTS = [
    argument(
        "fields",
        list[str] | None,
        "Only these fields of it: names joined by dots, with `[]` behind a list to go on below.",
    )
]
"""The arguments of a hit's `payload`."""


@strawberry.enum(description="How examples become a ranking.")
class RecommendStrategy(enum.Enum):
    """The strategies of `recommend`."""

    AVERAGE_VECTOR = strawberry.enum_value(
        "average_vector", description="Near the average of the liked, away from that of the others."
    )
    BEST_SCORE = strawberry.enum_value(
        "best_score", description="By the nearest example: better a liked one."
    )
    SUM_SCORES = strawberry.enum_value(
        "sum_scores", description="By the sum over all liked, less that over the others."
    )


@dataclass(frozen=True, slots=True)
class _Types:
    """The inputs of one collection; `keys` are the fields to group by and to count."""

    label: str
    filter: Any
    keys: Any


class VectorArguments:
    """Makes the arguments of the vector fields of one schema."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._declared = VectorInputs(inputs)
        self._types: dict[VectorCollection | None, _Types] = {}
        self._searches: dict[str, Any] = {}
        self._labels: dict[str, VectorCollection] = {}

    def label(self, collection: VectorCollection, entity: str, where: str) -> str:
        """What the names of a collection's types begin with.

        Raises ConfigurationError where another collection's do already.
        """
        known = self._types.get(collection)
        if known is not None:
            return known.label
        label = collection.label or entity
        if not collection.fields:
            return label
        first = self._labels.setdefault(label, collection)
        if first is not collection:
            raise ConfigurationError(
                f"{where}: the types of collection {first.name!r} are called {label} already; "
                f"declare one of them once and use it everywhere, or give {collection.name!r} "
                "a `label`."
            )
        return label

    def inputs_of(self, collection: VectorCollection, label: str, where: str) -> tuple[str, Any]:
        """What the names of a collection's types begin with, `label` by default; and its filter."""
        own = self.label(collection, label, where)
        return own, self._of(collection, own).filter

    def of(self, binding: b.Vectors, label: str | None) -> list[StrawberryArgument]:
        """The arguments of a field; those about rows come from elsewhere."""
        named = argument("collection", str, "The collection's name.")
        first = [] if binding.collection is not None else [named]
        return [*first, *_ARGUMENTS[binding.reading](self, binding.collection, label)]

    def _of(self, collection: VectorCollection | None, label: str | None) -> _Types:
        if collection not in self._types:
            made = _Types(label or "Vector", VectorFilter, str)
            if collection is not None and collection.fields and label is not None:
                wanted = self._declared.filter_of(collection, label)
                made = _Types(label, wanted, self._declared.keys_of(collection, label) or str)
            self._types[collection] = made
        return self._types[collection]

    def _near(self, collection: VectorCollection | None) -> list[StrawberryArgument]:
        sparse = collection is None or bool(collection.sparse)
        by = argument(
            "sparse", SparseVector | None, "Find what is near this sparse vector: alone, or fused."
        )
        return [
            argument("text", str | None, "Find what means something like this."),
            argument("vector", list[float] | None, "Find what is near this vector."),
            argument("id", strawberry.ID | None, "Find what is near this stored point."),
            *([by] if sparse else []),
        ]

    def _narrowed(
        self, collection: VectorCollection | None, label: str | None
    ) -> list[StrawberryArgument]:
        chosen = collection is None or bool(collection.choices)
        return [
            argument("scoreThreshold", float | None, "Leave out hits scored below this."),
            self._filter(collection, label),
            *(
                [argument("using", str | None, "The vector to go by, by its name.")]
                if chosen
                else []
            ),
        ]

    def _filter(self, collection: VectorCollection | None, label: str | None) -> StrawberryArgument:
        wanted = self._of(collection, label).filter
        return argument("filter", wanted | None, "Only points like this.")

    def _key(
        self, name: str, says: str, collection: VectorCollection | None, label: str | None
    ) -> StrawberryArgument:
        return argument(name, self._of(collection, label).keys, says)

    def search(self, collection: VectorCollection | None, label: str | None) -> Any:
        """Of a search."""
        sparse = collection is None or bool(collection.sparse)
        says = "How `sparse` is fused with `text` or `vector`, where both are given."
        fusion = [argument("fusion", SparseFusion | None, says)] if sparse else []
        return [*self._near(collection), *_WINDOW, *self._narrowed(collection, label), *fusion]

    def nearest(self, collection: VectorCollection | None, label: str | None) -> Any:
        """Of the neighbours of a row."""
        first = argument("first", int, "How many hits at most.", 10)
        return [first, *self._narrowed(collection, label)]

    def recommend(self, collection: VectorCollection | None, label: str | None) -> Any:
        """Of a recommendation."""
        examples = list[VectorExample] | None
        strategy = RecommendStrategy.AVERAGE_VECTOR
        return [
            argument("positive", examples, "What hits should be like."),
            argument("negative", examples, "What hits should be unlike."),
            argument("strategy", RecommendStrategy, "How examples become a ranking.", strategy),
            *_WINDOW,
            *self._narrowed(collection, label),
        ]

    def batch(self, collection: VectorCollection | None, label: str | None) -> Any:
        """Of several searches."""
        label = self._of(collection, label).label
        name = f"{label}SearchInput"
        if name not in self._searches:
            members = {
                one.python_name: (one.type_annotation.raw_annotation, one.description or "")
                for one in self.search(collection, label)
            }
            optional = {key: (hint | None, says) for key, (hint, says) in members.items()}
            self._searches[name] = self._inputs.make(name, optional, "One search of several.")
        made = self._searches[name]
        return [argument("searches", list[made], "The searches; each gives hits of its own.")]  # type: ignore[valid-type]  # made at run time

    def groups(self, collection: VectorCollection | None, label: str | None) -> Any:
        """Of a search whose hits are grouped."""
        return [
            self._key("groupBy", "The payload field to group by.", collection, label),
            argument("groupSize", int, "How many hits of each group at most.", 3),
            argument("limit", int, "How many groups at most.", 10),
            *self._near(collection),
            *self._narrowed(collection, label),
        ]

    def facets(self, collection: VectorCollection | None, label: str | None) -> Any:
        """Of counted values."""
        return [
            self._key("key", "The payload field whose values are counted.", collection, label),
            argument("limit", int, "How many values at most, the most frequent first.", 10),
            argument("exact", bool, "Count exactly, which takes longer.", default=False),
            self._filter(collection, label),
        ]

    def points(self, *_: Any) -> Any:
        """Of points by their ids."""
        return [argument("ids", list[strawberry.ID], "The ids, in the order of the answer.")]

    def count(self, collection: VectorCollection | None, label: str | None) -> Any:
        """Of a number of points."""
        exact = argument("exact", bool, "Count exactly; else it is an estimate.", default=True)
        return [self._filter(collection, label), exact]

    def page(self, collection: VectorCollection | None, label: str | None) -> Any:
        """Of all points, page by page."""
        return [
            argument("first", int | None, "At most this many points."),
            argument("after", str | None, "Only points behind this cursor."),
            self._filter(collection, label),
        ]


_WINDOW = [
    argument("limit", int, "How many hits at most.", 10),
    argument("offset", int, "How many hits to leave out at the beginning.", 0),
]

_ARGUMENTS: Mapping[Reading, Callable[..., list[StrawberryArgument]]] = {
    Reading.SEARCH: VectorArguments.search,
    Reading.NEAREST: VectorArguments.nearest,
    Reading.RECOMMEND: VectorArguments.recommend,
    Reading.BATCH: VectorArguments.batch,
    Reading.GROUPS: VectorArguments.groups,
    Reading.FACET: VectorArguments.facets,
    Reading.POINTS: VectorArguments.points,
    Reading.COUNT: VectorArguments.count,
    Reading.PAGE: VectorArguments.page,
}
