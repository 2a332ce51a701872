"""What is read of a collection, compiled once for each plan, and described. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.schema.vectors.collections import VectorCollection
from gateway.schema.vectors.hybrid import SIDES
from gateway.schema.vectors.keys import KEYS
from gateway.schema.vectors.reading import Reading
from gateway.sources.contract import Prepared, Together
from gateway.sources.qdrant.reads.shape import HitField, HitKind, Shape, shown_payload
from gateway.sources.qdrant.reads.trees import hit_fields, writer
from gateway.sources.qdrant.requests.payload_paths import check_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from gateway.schema import asks
    from gateway.sources.qdrant.reads.shape import WithPayload

    Key = Callable[[Any], Any]
    """Makes an entity's key of what a point keeps."""

UNBOUND = VectorCollection("named-by-an-argument")
"""Stands for the collection where an argument names it."""

_CALLS: Mapping[Reading, str] = {
    Reading.GROUPS: "query_points_groups",
    Reading.FACET: "facet",
    Reading.POINTS: "retrieve",
    Reading.COUNT: "count",
    Reading.PAGE: "scroll",
}
# Which ranking found a hit is known only where there are several.
_KINDS = {"__typename": HitKind.TYPENAME, **dict.fromkeys(SIDES, HitKind.NOTHING)}


@dataclass(frozen=True, slots=True, eq=False)
class PreparedHits(Prepared):
    """Rankings of hits: where, what to fetch, and how a hit is written.

    `batch.arguments` is one wish: of a `Search` or `Recommend` the value is an array of hits, of
    `Searches` an array of such arrays. With `by_key` it is `Nearest`: `batch.keys` are the ids of
    stored points, or what points hold where the collection has an `entity_key`, and each value an
    array of hits without the point itself, absent when there is no such point.
    """

    collection: VectorCollection
    with_payload: WithPayload
    with_vectors: bool
    shape: Shape
    hit: tuple[HitField, ...]

    @property
    def identity(self) -> str:
        """How a hit is written, in full: what a key of the cache needs beside the description."""
        return repr(self.hit)

    @property
    def collections(self) -> tuple[str, ...]:
        """See `Prepared`."""
        return ("" if self.collection is UNBOUND else self.collection.name,)

    def named(self, wish: Any) -> str:
        """The name of the collection: the binding's, or the one an argument gave."""
        return getattr(wish, "collection", None) or self.collection.name

    def together(self, arguments: tuple[Any, ...]) -> Hashable:
        """Rankings of one collection travel in one call."""
        return self.named(arguments[0] if arguments else None)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedTree(PreparedHits):
    """Something that is no list of hits, written by `write`; `batch.arguments` is its one wish.

    `fields` is the whole selection, `asked` the kinds of all fields in it.
    """

    reading: Reading
    fields: tuple[HitField, ...]
    asked: frozenset[HitKind]
    write: Callable[[Any], bytes]

    @property
    def identity(self) -> str:
        """See `PreparedHits`."""
        return repr((self.hit, self.fields))

    def together(self, arguments: tuple[Any, ...]) -> Hashable:
        """Never: each of these is a call of its own kind."""
        del arguments
        return None


def prepare(
    source: str, ask: asks.VectorRead, fields: Mapping[int, Any]
) -> PreparedHits | PreparedTree:
    """Compile what is read; `fields` are those of payloads that are shown, by their readers.

    Raises InputError for a payload's paths.
    """
    reading, selection = ask.reading, _fields(ask.parts, fields)
    collection, key = ask.collection or UNBOUND, KEYS.get(ask.key or "")
    if not reading.has_hits:
        return prepare_tree(source, reading, collection, selection, key)
    by_key = reading is Reading.NEAREST
    return prepare_hits(source, collection, selection, by_key=by_key, key=key)


def _fields(parts: Iterable[asks.Part], fields: Mapping[int, Any]) -> tuple[HitField, ...]:
    return tuple(_field(part, fields) for part in parts)


def _field(part: asks.Part, fields: Mapping[int, Any]) -> HitField:
    kind = _KINDS.get(part.name) or HitKind(part.name)
    names = None if part.spec is None else fields[part.spec]
    paths = None if names is None else check_paths(names)
    below = _fields(part.parts, fields)
    return HitField(part.key, kind, part.slot, paths, part.text or "", below)


def prepare_hits(
    source: str,
    collection: VectorCollection,
    hit: tuple[HitField, ...],
    *,
    by_key: bool = False,
    key: Key | None = None,
) -> PreparedHits:
    """Compile rankings of hits, `by_key` "more like this" for a batch of entities.

    `hit` is the selection on a hit in response order.
    """
    payload, vectors = _fetched(collection, hit)
    shape = Shape(hit, collection.entity_key, key=key)
    return PreparedHits(source, by_key, collection, payload, vectors, shape, hit)


def prepare_tree(
    source: str,
    reading: Reading,
    collection: VectorCollection,
    fields: tuple[HitField, ...],
    key: Key | None = None,
) -> PreparedTree:
    """Compile a reading that is no list of hits."""
    hit = hit_fields(reading, fields)
    payload, vectors = _fetched(collection, hit)
    shaped = partial(Shape, entity_key=collection.entity_key, key=key)
    return PreparedTree(
        source,
        False,  # noqa: FBT003 - by_key
        collection,
        payload,
        vectors,
        shaped(hit),
        hit,
        reading,
        fields,
        frozenset(field.kind for field in _every(fields)),
        writer(reading, fields, shaped),
    )


def _fetched(collection: VectorCollection, hit: tuple[HitField, ...]) -> tuple[WithPayload, bool]:
    """What to fetch of the payload and of the vectors for these fields."""
    payload = shown_payload(hit)
    kinds = {field.kind for field in hit}
    key = collection.entity_key if HitKind.ENTITY in kinds else None
    if key is not None and payload is not True:
        payload = tuple(dict.fromkeys((*(payload or ()), key)))
    return payload, bool(kinds & {HitKind.VECTOR, HitKind.VECTORS})


def is_unbound(prepared: Prepared) -> bool:
    """Whether an argument named the collection."""
    parts = prepared.parts if isinstance(prepared, Together) else (prepared,)
    return any(isinstance(one, PreparedHits) and one.collection is UNBOUND for one in parts)


def _every(fields: tuple[HitField, ...]) -> Iterator[HitField]:
    for field in fields:
        yield field
        yield from _every(field.below)


def described(prepared: PreparedHits) -> Mapping[str, Any]:
    """The engine call, the collection, and what is fetched and shown."""
    collection, payload = prepared.collection, prepared.with_payload
    shown: dict[str, Any] = {
        "engine": "qdrant",
        "call": "query_batch_points",
        "near": "the keys' points" if prepared.by_key else "vector, text or id",
        "collection": "given by an argument" if collection is UNBOUND else collection.name,
        "using": collection.vector,
        "with_payload": list(payload) if isinstance(payload, tuple) else payload,
        "with_vectors": prepared.with_vectors,
        "hit": _shown(prepared.hit),
    }
    if prepared.by_key and collection.entity_key is not None:
        shown["call"] = "scroll, then query_batch_points"
        shown["near"] = f"the points with the keys in payload field {collection.entity_key!r}"
    if isinstance(prepared, PreparedTree):
        shown["call"] = _CALLS[prepared.reading]
        if HitKind.TOTAL in prepared.asked:
            shown["call"] += " and count"
        if prepared.reading is not Reading.GROUPS:
            del shown["near"], shown["using"]
        if prepared.reading in {Reading.FACET, Reading.COUNT}:
            del shown["with_payload"], shown["with_vectors"], shown["hit"]
        if prepared.reading not in {Reading.COUNT, Reading.POINTS}:
            shown["answer"] = _shown(prepared.fields)
    return shown


def _shown(fields: Iterable[HitField]) -> dict[str, Any]:
    return {
        field.response_key: _shown(field.below) if field.below else field.kind.value
        for field in fields
    }
