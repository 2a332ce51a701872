"""Does what vector writes and administration ask for."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigurationError, InputError
from gateway.sources.qdrant.acts import only_names
from gateway.sources.qdrant.changes import (
    ChangeIndex,
    CreateCollection,
    DeleteCollection,
    ReadCollections,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.embedding.contract import Embedder
    from gateway.schema.asks import Part
    from gateway.sources.qdrant.administration import Administration
    from gateway.sources.qdrant.changes import Change
    from gateway.sources.qdrant.collections import Collection

MAX_COLLECTIONS = 1_000
"""Collections that one list looks at."""


async def act(
    administration: Administration,
    change: Change,
    parts: Sequence[Part],
    embedder: Embedder | None,
    deadline: float,
) -> Any:
    """The result of a change, by the names of its GraphQL type's fields; None for no collection.

    `parts` are what is shown of it, so that nothing else is looked at. Raises `InputError` and
    `SourceError`.
    """
    match change:
        case ReadCollections():
            return await _read(administration, change, parts, deadline)
        case CreateCollection():
            changed = await _create(administration, change, embedder, deadline)
        case DeleteCollection():
            changed = await administration.delete_collection(change.collection, deadline=deadline)
        case ChangeIndex():
            changed = await administration.change_index(change, deadline=deadline)
        case _:
            return await administration.changing.apply(change, embedder, deadline)
    return {"collection": change.collection, "changed": changed}


async def _create(
    administration: Administration,
    change: CreateCollection,
    embedder: Embedder | None,
    deadline: float,
) -> bool:
    if not change.text:
        await administration.create(change, deadline=deadline)
        return True
    if embedder is None:
        raise ConfigurationError("there is no embedder whose model could be remembered")
    size = change.dense[""][0]
    if size not in {None, embedder.dimensions}:
        raise InputError.about(
            "size",
            f"must be the {embedder.dimensions} dimensions that model {embedder.model} makes; "
            "leave it or `text` out",
        )
    await administration.create(
        change, model=embedder.model, dimensions=embedder.dimensions, deadline=deadline
    )
    return True


async def _read(
    administration: Administration,
    change: ReadCollections,
    parts: Sequence[Part],
    deadline: float,
) -> Any:
    if change.collection is not None:
        try:
            return _shown(await administration.collection(change.collection, deadline))
        except InputError:
            return None
    names = [
        name
        for name in await administration.names(deadline)
        if any(fnmatchcase(name, pattern) for pattern in change.opened)
    ]
    if only_names(parts):
        return [{"name": name} for name in names]
    if len(names) > MAX_COLLECTIONS:
        raise InputError(
            f"There are {len(names)} collections; ask for no more than their names, or for one."
        )
    found = []
    for name in names:
        try:
            found.append(_shown(await administration.collection(name, deadline)))
        except InputError:
            continue  # deleted since it was listed
    return found


def _shown(one: Collection) -> dict[str, Any]:
    return {
        "name": one.name,
        "status": one.status,
        "pointCount": str(one.points),
        "vectors": [
            {"name": name or None, "size": size, "distance": distance.upper()}
            for name, (size, distance) in one.dense.items()
        ],
        "sparseVectors": list(one.sparse),
        "payloadIndexes": [
            {"field": field, "type": kind, "pointCount": str(points)}
            for field, (kind, points) in sorted(one.indexes.items())
        ],
        "embeddingModel": one.model,
        "embeddingDimensions": one.dimensions,
    }
