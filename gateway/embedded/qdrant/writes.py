"""Calls that change points, payloads and payload indexes.

Every operation is on disk when it is answered, so `wait` makes no difference. What an operation
holds is checked whole before any of it is applied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.filters import filter_
from gateway.embedded.qdrant.values import payload, point_id, point_ids
from gateway.embedded.qdrant.vectors import stored_vectors

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from gateway.embedded.qdrant.collection import Collection
    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards

    Build: TypeAlias = Callable[[Collection, Any], list[edge.UpdateOperation]]
    """Reads a request into the engine's operations."""

_Operation = edge.UpdateOperation
_PIECE = 256
"""Points given to the engine at once: it lets nobody else run meanwhile, some milliseconds."""


def _upsert(collection: Collection, request: Any) -> list[edge.UpdateOperation]:
    if request.HasField("update_filter") or request.update_mode != pb.UpdateMode.Upsert:
        raise unsupported("upserts on a condition")
    sent = list(request.points)
    vectors = stored_vectors([point.vectors for point in sent], collection.sizes)
    points = [
        edge.Point(point_id(point.id), vector, payload(point.payload))
        for point, vector in zip(sent, vectors, strict=True)
    ]
    return [
        _Operation.upsert_points(points[start : start + _PIECE])
        for start in range(0, len(points), _PIECE)
    ]


def _delete(_collection: Collection, request: Any) -> list[edge.UpdateOperation]:
    by_ids, by_filter = _Operation.delete_points, _Operation.delete_points_by_filter
    return _selected(request.points, by_ids, by_filter)


def _set_payload(_collection: Collection, request: Any) -> list[edge.UpdateOperation]:
    fields, key = payload(request.payload), request.key if request.HasField("key") else None
    by_ids, by_filter = _Operation.set_payload, _Operation.set_payload_by_filter
    return _selected(request.points_selector, by_ids, by_filter, fields, key)


def _overwrite_payload(_collection: Collection, request: Any) -> list[edge.UpdateOperation]:
    if request.HasField("key"):
        raise unsupported("overwriting a payload below a key")
    by_ids, by_filter = _Operation.overwrite_payload, _Operation.overwrite_payload_by_filter
    return _selected(request.points_selector, by_ids, by_filter, payload(request.payload))


def _delete_payload(_collection: Collection, request: Any) -> list[edge.UpdateOperation]:
    by_ids, by_filter = _Operation.delete_payload, _Operation.delete_payload_by_filter
    return _selected(request.points_selector, by_ids, by_filter, list(request.keys))


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


def _selected(
    selector: pb.PointsSelector,
    by_ids: Callable[..., edge.UpdateOperation],
    by_filter: Callable[..., edge.UpdateOperation],
    *given: Any,
) -> list[edge.UpdateOperation]:
    """The operation on the points that are selected. Raises `Fault` where none are."""
    kind = selector.WhichOneof("points_selector_one_of")
    if kind == "points":
        return [by_ids(point_ids(selector.points.ids), *given)]
    if kind == "filter":
        return [by_filter(filter_(selector.filter), *given)]
    raise invalid("say which points: ids or a filter")


def _call(build: Build) -> Call:
    def answer(shards: Shards, request: Any) -> pb.PointsOperationResponse:
        collection = shards.get(request.collection_name)
        collection.update(build(collection, request), request.ByteSize())
        result = pb.UpdateResult(operation_id=0, status=pb.Completed)
        return pb.PointsOperationResponse(result=result)

    return answer


WRITE_CALLS: dict[str, Call] = {
    "Upsert": _call(_upsert),
    "Delete": _call(_delete),
    "SetPayload": _call(_set_payload),
    "OverwritePayload": _call(_overwrite_payload),
    "DeletePayload": _call(_delete_payload),
    "CreateFieldIndex": _call(_create_index),
    "DeleteFieldIndex": _call(_delete_index),
}
