"""What is compiled once per document for Qdrant. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.schema.vector_collections import VectorCollection
from gateway.sources.contract import Prepared, Together
from gateway.sources.qdrant.shape import HitField, HitKind, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from gateway.schema.vector_reading import Reading

PayloadWish: TypeAlias = bool | tuple[str, ...]
"""All of the payload, none of it, or the fields with these paths."""

UNBOUND = VectorCollection("named-by-an-argument")
"""Stands for the collection where an argument names it."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedHits(Prepared):
    """Rankings of hits: where, what to fetch, and how a hit is written.

    `batch.arguments` is one wish: of a `Search` or `Recommend` the value is an array of hits, of
    `Searches` an array of such arrays. With `by_key` it is `Nearest`: `batch.keys` are the ids of
    stored points, or what points hold where the collection has an `entity_key`, and each value an
    array of hits without the point itself, absent when there is no such point.
    """

    collection: VectorCollection
    with_payload: PayloadWish
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


def prepare_hits(  # noqa: PLR0913 - what is read, where, and how it is written
    source: str,
    collection: VectorCollection,
    hit: tuple[HitField, ...],
    *,
    by_key: bool = False,
    typename: str = "",
    key: Callable[[Any], Any] | None = None,
) -> PreparedHits:
    """Compile rankings of hits, `by_key` "more like this" for a batch of entities.

    `hit` is the selection on a hit in response order, `typename` the GraphQL type of a hit, `key`
    makes an entity's key of what a point keeps.
    """
    payload, vectors = fetched(collection, hit)
    shape = shape_of(collection, hit, typename, key)
    return PreparedHits(source, by_key, collection, payload, vectors, shape, hit)


def prepare_tree(  # noqa: PLR0913 - what is read, where, and how it is written
    source: str,
    reading: Reading,
    collection: VectorCollection,
    fields: tuple[HitField, ...],
    *,
    hit: tuple[HitField, ...],
    write: Callable[[Any], bytes],
) -> PreparedTree:
    """Compile a reading that is no list of hits; `hit` are the hits' fields wherever they are."""
    payload, vectors = fetched(collection, hit)
    return PreparedTree(
        source,
        False,  # noqa: FBT003 - by_key
        collection,
        payload,
        vectors,
        shape_of(collection, hit),
        hit,
        reading,
        fields,
        frozenset(field.kind for field in _every(fields)),
        write,
    )


def fetched(collection: VectorCollection, hit: tuple[HitField, ...]) -> tuple[PayloadWish, bool]:
    """What to fetch of the payload and of the vectors for these fields."""
    payload = shown(hit)
    kinds = {field.kind for field in hit}
    key = collection.entity_key if HitKind.ENTITY in kinds else None
    if key is not None and payload is not True:
        payload = tuple(dict.fromkeys((*(payload or ()), key)))
    return payload, bool(kinds & {HitKind.VECTOR, HitKind.VECTORS})


def shown(hit: tuple[HitField, ...]) -> PayloadWish:
    """What of the payload any of these fields shows."""
    wishes = [field.fields for field in hit if field.kind is HitKind.PAYLOAD]
    if not wishes or None in wishes:
        return bool(wishes)
    return tuple(dict.fromkeys(path for wish in wishes for path in wish or ()))


def shape_of(
    collection: VectorCollection,
    hit: tuple[HitField, ...],
    typename: str = "",
    key: Callable[[Any], Any] | None = None,
) -> Shape:
    """How hits with these fields are written."""
    return Shape(hit, typename, collection.entity_key, shown=shown(hit), key=key)


def is_unbound(prepared: Prepared) -> bool:
    """Whether an argument named the collection."""
    parts = prepared.parts if isinstance(prepared, Together) else (prepared,)
    return any(isinstance(one, PreparedHits) and one.collection is UNBOUND for one in parts)


def _every(fields: tuple[HitField, ...]) -> Iterator[HitField]:
    for field in fields:
        yield field
        yield from _every(field.below)
