"""What is compiled once per document for Qdrant. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gateway.errors import ConfigurationError
from gateway.sources.contract import Prepared
from gateway.sources.qdrant.shape import HitField, HitKind, Shape

PayloadWish: TypeAlias = bool | tuple[str, ...]
"""All of the payload, none of it, or the fields with these names."""


@dataclass(frozen=True, slots=True)
class VectorCollection:
    """A Qdrant collection as a binding declares it.

    `size`: its vectors' dimensions; where it is not declared, the source asks Qdrant once.
    `vector`: the name of the vector to search by, None for the default one.
    `entity_key`: the payload field that holds the SQL entity's key; None when the point's id is
    that key.
    """

    name: str
    size: int | None = None
    vector: str | None = None
    entity_key: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PreparedHits(Prepared):
    """What searches have in common: where, what to fetch, and how a hit is written."""

    collection: VectorCollection
    with_payload: PayloadWish
    with_vectors: bool
    shape: Shape
    hit: tuple[HitField, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSearch(PreparedHits):
    """One search; `batch.arguments` is `(Search,)` and the value an array of hits."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedNearest(PreparedHits):
    """Neighbours of stored points; `batch.keys` are their ids, `batch.arguments` `(Nearest,)`.

    A key's value is an array of hits without the point itself; absent when there is no such point.
    """


def prepare_search(
    source: str,
    collection: VectorCollection,
    hit: tuple[HitField, ...],
    *,
    typename: str,
    payload: PayloadWish = True,
) -> PreparedSearch:
    """Compile a search by vector, text or id.

    `hit` is the selection on a hit in response order, `typename` the GraphQL type of a hit,
    `payload` what a `PAYLOAD` field shows.
    """
    fetch, shape = _fetch(collection, hit, typename, payload)
    vectors = any(field.kind is HitKind.VECTOR for field in hit)
    return PreparedSearch(source, False, collection, fetch, vectors, shape, hit)  # noqa: FBT003 - by_key


def prepare_nearest(
    source: str,
    collection: VectorCollection,
    hit: tuple[HitField, ...],
    *,
    typename: str,
    payload: PayloadWish = True,
) -> PreparedNearest:
    """Compile "more like this" for a batch of entities; arguments as for `prepare_search`.

    Raises `ConfigurationError` for a collection whose points are not stored under their entity's
    key: an entity could not name its point.
    """
    if collection.entity_key is not None:
        raise ConfigurationError(
            f"collection {collection.name!r}: neighbours of an entity need points stored under "
            f"its key, not with the key in payload field {collection.entity_key!r}"
        )
    fetch, shape = _fetch(collection, hit, typename, payload)
    vectors = any(field.kind is HitKind.VECTOR for field in hit)
    return PreparedNearest(source, True, collection, fetch, vectors, shape, hit)  # noqa: FBT003 - by_key


def _fetch(
    collection: VectorCollection, hit: tuple[HitField, ...], typename: str, payload: PayloadWish
) -> tuple[PayloadWish, Shape]:
    """What to fetch of the payload, and the shape that shows no more than was asked for."""
    kinds = {field.kind for field in hit}
    shown = payload if HitKind.PAYLOAD in kinds else False
    key = collection.entity_key if HitKind.ENTITY in kinds else None
    names = shown if isinstance(shown, tuple) else ()
    hidden = key is not None and shown is not True and key not in names
    fetch = (*names, key) if hidden and key is not None else shown
    return fetch, Shape(hit, typename, key, hidden=hidden)
