"""The arguments of fields that are read from vector collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry

from gateway.schema.members import argument
from gateway.schema.vectors.inputs import (
    RecommendStrategy,
    SparseFusion,
    SparseVector,
    VectorExample,
)
from gateway.schema.vectors.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.vectors.payload_inputs import CollectionInputs

PAYLOAD_ARGUMENTS = [
    argument(
        "fields",
        list[str] | None,
        "Only these fields of it: names joined by dots, with `[]` behind a list to go on below.",
    )
]
"""The arguments of a hit's `payload`."""


def reading_arguments(reading: Reading, of: CollectionInputs) -> list[StrawberryArgument]:
    """The arguments of a field that reads a collection; those about rows come from elsewhere."""
    named = argument("collection", str, "The collection's name.")
    return [*([named] if of.collection is None else []), *_ARGUMENTS[reading](of)]


def _near(of: CollectionInputs) -> list[StrawberryArgument]:
    says = "Find what is near this sparse vector: alone, or fused."
    return [
        argument("text", str | None, "Find what means something like this."),
        argument("vector", list[float] | None, "Find what is near this vector."),
        argument("id", strawberry.ID | None, "Find what is near this stored point."),
        *([argument("sparse", SparseVector | None, says)] if of.sparse else []),
    ]


def _narrowed(of: CollectionInputs) -> list[StrawberryArgument]:
    using = argument("using", str | None, "The vector to go by, by its name.")
    return [
        argument("scoreThreshold", float | None, "Leave out hits scored below this."),
        _filter(of),
        *([using] if of.several else []),
    ]


def _filter(of: CollectionInputs) -> StrawberryArgument:
    return argument("filter", of.filter | None, "Only points like this.")


def _search(of: CollectionInputs) -> list[StrawberryArgument]:
    says = "How `sparse` is fused with `text` or `vector`, where both are given."
    fusion = [argument("fusion", SparseFusion | None, says)] if of.sparse else []
    return [*_near(of), *_WINDOW, *_narrowed(of), *fusion]


def _nearest(of: CollectionInputs) -> list[StrawberryArgument]:
    return [argument("first", int, "How many hits at most.", 10), *_narrowed(of)]


def _recommend(of: CollectionInputs) -> list[StrawberryArgument]:
    examples = list[VectorExample] | None
    strategy = RecommendStrategy.AVERAGE_VECTOR
    return [
        argument("positive", examples, "What hits should be like."),
        argument("negative", examples, "What hits should be unlike."),
        argument("strategy", RecommendStrategy, "How examples become a ranking.", strategy),
        *_WINDOW,
        *_narrowed(of),
    ]


def _batch(of: CollectionInputs) -> list[StrawberryArgument]:
    name = f"{of.label}SearchInput"
    members: dict[str, tuple[Any, str]] = {}
    for one in _search(of):
        hint: Any = one.type_annotation.raw_annotation
        members[one.python_name] = (hint | None, one.description or "")
    made: Any = of.inputs.known(name) or of.inputs.make(name, members, "One search of several.")
    return [argument("searches", list[made], "The searches; each gives hits of its own.")]


def _groups(of: CollectionInputs) -> list[StrawberryArgument]:
    return [
        argument("groupBy", of.keys, "The payload field to group by."),
        argument("groupSize", int, "How many hits of each group at most.", 3),
        argument("limit", int, "How many groups at most.", 10),
        *_near(of),
        *_narrowed(of),
    ]


def _facets(of: CollectionInputs) -> list[StrawberryArgument]:
    return [
        argument("key", of.keys, "The payload field whose values are counted."),
        argument("limit", int, "How many values at most, the most frequent first.", 10),
        argument("exact", bool, "Count exactly, which takes longer.", default=False),
        _filter(of),
    ]


def _points(_of: CollectionInputs) -> list[StrawberryArgument]:
    return [argument("ids", list[strawberry.ID], "The ids, in the order of the answer.")]


def _count(of: CollectionInputs) -> list[StrawberryArgument]:
    exact = argument("exact", bool, "Count exactly; else it is an estimate.", default=True)
    return [_filter(of), exact]


def _page(of: CollectionInputs) -> list[StrawberryArgument]:
    return [
        argument("first", int | None, "At most this many points."),
        argument("after", str | None, "Only points behind this cursor."),
        _filter(of),
    ]


_WINDOW = [
    argument("limit", int, "How many hits at most.", 10),
    argument("offset", int, "How many hits to leave out at the beginning.", 0),
]

_ARGUMENTS: Mapping[Reading, Callable[[CollectionInputs], list[StrawberryArgument]]] = {
    Reading.SEARCH: _search,
    Reading.NEAREST: _nearest,
    Reading.RECOMMEND: _recommend,
    Reading.BATCH: _batch,
    Reading.GROUPS: _groups,
    Reading.FACET: _facets,
    Reading.POINTS: _points,
    Reading.COUNT: _count,
    Reading.PAGE: _page,
}
