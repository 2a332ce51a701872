"""Vector writes and administration as fields: prepared, described, done, and what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import ConfigurationError, InputError
from gateway.schema.selection import TYPENAME
from gateway.schema.vectors.writes import READS, Operation
from gateway.sources.contract import Prepared
from gateway.sources.qdrant.collections import NoCollection
from gateway.sources.qdrant.requests.changes import (
    ChangeIndex,
    CreateCollection,
    DeleteCollection,
    ReadCollections,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.asks import Part
    from gateway.schema.vectors.writes import VectorChange
    from gateway.sources.qdrant.collections import Collection
    from gateway.sources.qdrant.requests.changes import Change
    from gateway.sources.qdrant.wire.session import Session
    from gateway.sources.qdrant.writes.administration import Administration

MAX_COLLECTIONS = 1_000
"""Collections that one list looks at."""

_CALLS: Mapping[Operation, str] = {
    Operation.UPSERT: "upsert",
    Operation.DELETE_POINTS: "delete",
    Operation.COLLECTIONS: "get_collections, and get_collection for each",
    Operation.COLLECTION: "get_collection",
}
"""The engine's calls for operations, where they are not called like those."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedAct(Prepared):
    """One operation; `batch.arguments` is `(Change,)`. `parts` are what is shown of its result."""

    binding: VectorChange
    parts: tuple[Part, ...]


def describe_act(prepared: PreparedAct) -> Mapping[str, Any]:
    """The engine call for `explain` and the golden plans."""
    binding = prepared.binding
    collection = binding.collection.name if binding.collection else "as an argument names it"
    operation = binding.operation
    call = _CALLS.get(operation) or operation.value.replace(" ", "_")
    described = {"engine": "qdrant", "call": call}
    return described if operation in READS else {**described, "collection": collection}


async def performed(
    session: Session, prepared: PreparedAct, change: Change, deadline: float
) -> bytes | None:
    """Do what a field asks for; what is shown of the result as JSON, None for no collection.

    Nothing else is looked at. Raises `InputError` and `SourceError`.
    """
    administration, parts = session.administration, prepared.parts
    match change:
        case ReadCollections():
            found: Any = await _read(administration, change, parts, deadline)
            if found is None:
                return None
        case CreateCollection():
            found = await _created(session, change, deadline)
        case DeleteCollection():
            found = await administration.delete_collection(change.collection, deadline=deadline)
        case ChangeIndex():
            found = await administration.change_index(change, deadline=deadline)
        case _:
            found = await session.point_writes.apply(change, deadline)
    if isinstance(found, bool):
        found = {"collection": change.collection, "changed": found}
    return orjson.dumps(_shown(found, parts))


async def _created(session: Session, change: CreateCollection, deadline: float) -> bool:
    create, embedder = session.administration.create, session.embedder
    if not change.text:
        await create(change, deadline=deadline)
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
    await create(change, model=embedder.model, dimensions=embedder.dimensions, deadline=deadline)
    return True


async def _read(
    administration: Administration,
    change: ReadCollections,
    parts: Sequence[Part],
    deadline: float,
) -> Any:
    """A collection, None where there is none; or all that are open here."""
    if change.collection is not None:
        try:
            return _told(await administration.collection(change.collection, deadline))
        except NoCollection:
            return None
    names = [
        name
        for name in await administration.names(deadline)
        if any(fnmatchcase(name, pattern) for pattern in change.opened)
    ]
    if {part.name for part in parts} <= {"name", TYPENAME}:
        return [{"name": name} for name in names]
    if len(names) > MAX_COLLECTIONS:
        raise InputError(
            f"There are {len(names)} collections; ask for no more than their names, or for one."
        )
    found = []
    for name in names:
        try:
            found.append(_told(await administration.collection(name, deadline)))
        except NoCollection:
            continue  # deleted since it was listed
    return found


def _told(one: Collection) -> dict[str, Any]:
    """A collection by the names of its GraphQL type's fields."""
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


def _shown(value: Any, parts: Sequence[Part]) -> Any:
    if isinstance(value, list):
        return [_shown(one, parts) for one in value]
    shown = {}
    for part in parts:
        if part.name == TYPENAME:
            shown[part.key] = part.text
        else:
            inner = value[part.name]
            shown[part.key] = _shown(inner, part.parts) if part.parts else inner
    return shown
