"""What is known of collections: that they are there, their vectors, and who made these.

Which model made a collection's vectors of text is kept in the collection's own metadata, so that it
is with the vectors wherever they go (docs/decisions/embedding-model.md).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.errors import Code, InputError, SourceRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gateway.embedding.contract import Embedder

MODEL_KEY = "embedding_model"
DIMENSIONS_KEY = "embedding_dimensions"
REMEMBERED_SECONDS = 30.0


class PointMissing(SourceRefused):
    """A query named a point that is not stored."""


class CollectionMissing(SourceRefused):
    """A call named a collection that does not exist."""


class NoCollection(SourceRefused):
    """There is no collection of a name, which is the client's fault where it gave the name."""

    code = Code.BAD_USER_INPUT

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no collection {name!r}.")
        self.collection = name


def refused_late(error: InputError) -> SourceRefused:
    """The client is at fault, which only showed on the way: this field fails, no other."""
    return SourceRefused(error.message, code=error.code, extensions=error.details)


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as the engine describes it.

    `dense`: dimensions and distance by the vector's name, "" for the one without. `indexes`: by
    field, the type and how many points have it. `model` and `dimensions` are those of the embedder
    that made its vectors of text, None where nobody said.
    """

    name: str
    status: str
    points: int
    dense: Mapping[str, tuple[int, str]]
    sparse: tuple[str, ...]
    indexes: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    model: str | None = None
    dimensions: int | None = None

    def foreign_to(self, embedder: Embedder) -> str | None:
        """Why this embedder must not be used with the collection; None where it may."""
        if self.model is None:
            return None
        size = self.dimensions
        if self.model == embedder.model and size in {None, embedder.dimensions}:
            return None
        theirs = self.model if size is None else f"{self.model} ({size} dimensions)"
        return (
            f"collection {self.name!r} was made with the embedding model {theirs}, and this "
            f"gateway embeds text with {embedder.model} ({embedder.dimensions} dimensions): their "
            "vectors do not compare. Set [embedding] back to that model, search by vector or id, "
            f"or build the collection anew (where it is synced, plait sync --repair {self.name})"
        )


def from_info(name: str, info: Any) -> Collection:
    """A `CollectionInfo` of the client library."""
    params, metadata = info.config.params, info.config.metadata or {}
    vectors = params.vectors or {}
    if not isinstance(vectors, dict):
        vectors = {"": vectors}
    return Collection(
        name=name,
        status=str(getattr(info.status, "value", info.status)),
        points=int(info.points_count or 0),
        dense={key: (one.size, str(one.distance.value)) for key, one in vectors.items()},
        sparse=tuple(params.sparse_vectors or ()),
        indexes={
            key: (str(getattr(one.data_type, "value", one.data_type)), int(one.points))
            for key, one in (info.payload_schema or {}).items()
        },
        model=_text(metadata.get(MODEL_KEY)),
        dimensions=_whole(metadata.get(DIMENSIONS_KEY)),
    )


def metadata_of(model: str | None, dimensions: int | None) -> dict[str, Any] | None:
    """What a collection is to remember of the model that makes its vectors."""
    if model is None:
        return None
    return {MODEL_KEY: model, DIMENSIONS_KEY: dimensions}


class Known:
    """Collections that were looked at, remembered for half a minute each."""

    def __init__(self, look: Callable[[str, float | None], Awaitable[Collection]]) -> None:
        self._look = look
        self._found: dict[str, tuple[float, Collection]] = {}

    async def collection(self, name: str, deadline: float | None) -> Collection:
        """What is known of a collection; the engine is asked where that is too old."""
        now = asyncio.get_running_loop().time()
        found = self._found.get(name)
        if found is None or found[0] <= now:
            found = (now + REMEMBERED_SECONDS, await self._look(name, deadline))
            self._found[name] = found
        return found[1]

    async def fit_for(self, name: str, embedder: Embedder, deadline: float | None) -> Collection:
        """The collection, whose vectors the embedder may be compared with.

        Raises `SourceRefused` naming both models where it may not.
        """
        found = await self.collection(name, deadline)
        reason = self.foreign(found, embedder)
        if reason is not None:
            raise SourceRefused(reason, code=Code.CONFIGURATION)
        return found

    def foreign(self, found: Collection, embedder: Embedder) -> str | None:
        """Why the embedder must not be used with the collection; None where it may."""
        reason = found.foreign_to(embedder)
        if reason is not None:
            # It may have been built anew since: the next one who asks shall see.
            self.forget(found.name)
        return reason

    def forget(self, name: str) -> None:
        """Look again when it is needed next."""
        self._found.pop(name, None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    # gRPC's JSON knows integers, others write them as floats.
    return int(value) if isinstance(value, int | float) else None
