"""Calls that change points, payloads and payload indexes.

Every operation is on disk when it is answered, so `wait` makes no difference. What an operation
holds is checked whole before any of it is applied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.filters import filter_, requested_filter
from gateway.embedded.qdrant.schema import member
from gateway.embedded.qdrant.values import payload, point_id, point_ids
from gateway.embedded.qdrant.vectors import stored_vectors

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from gateway.embedded.qdrant.collection import Collection
    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards

    Build: TypeAlias = Callable[[Collection, Any], list[edge.UpdateOperation]]
    """Reads a request (or the same fields in a batched operation) into the engine's operations."""

_Operation = edge.UpdateOperation
_PIECE = 256
"""Points given to the engine at once: it lets nobody else run meanwhile, some milliseconds."""


def _upsert(collection: Collection, request: Any) -> list[edge.UpdateOperation]:
    points = [
        edge.Point(
            point_id(point.id),
            stored_vectors(point.vectors, collection.kinds),
            payload(point.payload),
        )
        for point in request.points
    ]
    mode = member(edge.UpdateMode, pb.UpdateMode, request.update_mode)
    wanted = requested_filter(request, "update_filter")
    return [
        _Operation.upsert_points(points[start : start + _PIECE], wanted, mode)
        for start in range(0, len(points), _PIECE)
    ]


def _delete(_collection: Collection, request: Any) -> list[edge.UpdateOperation]:
    ids, filter_given = _selected(request.points)
    if filter_given is not None:
        return [_Operation.delete_points_by_filter(filter_given)]
    return [_Operation.delete_points(ids)]


def _set_payload(_collection: Collection, request: Any) -> list[edge.UpdateOperation]:
    fields, key = payload(request.payload), request.key if request.HasField("key") else None
    ids, filter_given = _selected(request.points_selector)
    if filter_given is not None:
        return [_Operation.set_payload_by_filter(filter_given, fields, key)]
    return [_Operation.set_payload(ids, fields, key)]


def _overwrite_payload(_collection: Collection, request: Any) -> list[edge.UpdateOperation]:
    if request.HasField("key"):
        raise unsupported("overwriting a payload below a key")
    fields = payload(request.payload)
    ids, filter_given = _selected(request.points_selector)
    if filter_given is not None:
        return [_Operation.overwrite_payload_by_filter(filter_given, fields)]
    return [_Operation.overwrite_payload(ids, fields)]


def _delete_payload(_collection: Collection, request: Any) -> list[edge.UpdateOperation]:
    ids, filter_given = _selected(request.points_selector)
    if filter_given is not None:
        return [_Operation.delete_payload_by_filter(filter_given, list(request.keys))]
    return [_Operation.delete_payload(ids, list(request.keys))]


def _create_index(
    _collection: Collection, request: pb.CreateFieldIndexCollection
) -> list[edge.UpdateOperation]:
    if request.HasField("field_index_params"):
        raise unsupported("parameters of a payload index")
    if not request.HasField("field_type"):
        raise invalid(f"field {request.field_name!r}: say which type of index it gets")
    kind = pb.FieldType.Name(request.field_type).removeprefix("FieldType")
    schema = getattr(edge.PayloadSchemaType, kind)
    return [_Operation.create_field_index(request.field_name, schema)]


def _delete_index(
    _collection: Collection, request: pb.DeleteFieldIndexCollection
) -> list[edge.UpdateOperation]:
    return [_Operation.delete_field_index(request.field_name)]


def _selected(selector: pb.PointsSelector) -> tuple[list[Any], edge.Filter | None]:
    """The points an operation is for: ids, or else a filter. Raises `Fault` for neither."""
    kind = selector.WhichOneof("points_selector_one_of")
    if kind == "points":
        return point_ids(selector.points.ids), None
    if kind == "filter":
        return [], filter_(selector.filter)
    raise invalid("say which points: ids or a filter")


def _call(build: Build) -> Call:
    def answer(shards: Shards, request: Any) -> pb.PointsOperationResponse:
        collection = shards.get(request.collection_name)
        collection.update(build(collection, request), request.ByteSize())
        return pb.PointsOperationResponse(result=_done())

    return answer


def _update_batch(shards: Shards, request: pb.UpdateBatchPoints) -> pb.UpdateBatchResponse:
    """Several operations in order; all are read and checked before the first is applied."""
    collection = shards.get(request.collection_name)
    operations = []
    for operation in request.operations:
        kind = operation.WhichOneof("operation")
        if kind not in _BATCHED:
            raise unsupported(f"the batched operation {kind}")
        part = getattr(operation, kind)
        operations.append((_BATCHED[kind](collection, part), part.ByteSize()))
    for built, size in operations:
        collection.update(built, size)
    return pb.UpdateBatchResponse(result=[_done() for _ in operations])


def _done() -> pb.UpdateResult:
    return pb.UpdateResult(operation_id=0, status=pb.Completed)


_BATCHED: dict[str, Build] = {
    "upsert": _upsert,
    "delete_points": _delete,
    "set_payload": _set_payload,
    "overwrite_payload": _overwrite_payload,
    "delete_payload": _delete_payload,
}

WRITE_CALLS: dict[str, Call] = {
    "Upsert": _call(_upsert),
    "Delete": _call(_delete),
    "SetPayload": _call(_set_payload),
    "OverwritePayload": _call(_overwrite_payload),
    "DeletePayload": _call(_delete_payload),
    "CreateFieldIndex": _call(_create_index),
    "DeleteFieldIndex": _call(_delete_index),
    "UpdateBatch": _update_batch,
}
