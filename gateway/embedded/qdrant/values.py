"""Payload values and point ids: protobuf on one side, what the engine takes on the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

EngineId: TypeAlias = int | UUID | str
"""A point id as the engine takes and gives it: an unsigned 64-bit integer or a UUID."""

_INT64 = range(-(2**63), 2**63)


def point_id(message: pb.PointId) -> EngineId:
    """Read a point id. Raises `Fault` when it is empty or not a UUID."""
    kind = message.WhichOneof("point_id_options")
    if kind == "num":
        return int(message.num)
    if kind != "uuid":
        raise invalid("a point id is empty: an unsigned integer or a UUID is needed")
    try:
        return UUID(message.uuid)
    except ValueError:
        raise invalid(f"point id {message.uuid[:64]!r} is not a UUID") from None


def point_ids(messages: Iterable[pb.PointId]) -> list[EngineId]:
    """Read several point ids, in their order."""
    return [point_id(message) for message in messages]


def point_id_message(value: EngineId) -> pb.PointId:
    """Write a point id."""
    return pb.PointId(num=value) if isinstance(value, int) else pb.PointId(uuid=str(value))


def payload(fields: Mapping[str, pb.Value]) -> dict[str, Any]:
    """Read a payload. Raises `Fault` for NaN and infinities, which no JSON can hold."""
    return {name: _value(message) for name, message in fields.items()}


def payload_message(fields: Mapping[str, Any] | None) -> dict[str, pb.Value]:
    """Write a payload; None is an empty one."""
    return {name: _message(value) for name, value in (fields or {}).items()}


def _value(message: pb.Value) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "string_value":
        return message.string_value
    if kind == "struct_value":
        return payload(message.struct_value.fields)
    if kind == "list_value":
        return [_value(item) for item in message.list_value.values]
    if kind == "double_value" and not math.isfinite(message.double_value):
        raise invalid("a payload number must be finite")
    return None if kind in (None, "null_value") else getattr(message, kind)


def _message(value: Any) -> pb.Value:
    return _WRITERS[type(value)](value)


def _integer(value: int) -> pb.Value:
    # The engine keeps integers up to 2**64; the protocol has 63 bits and a sign.
    if value in _INT64:
        return pb.Value(integer_value=value)
    return pb.Value(double_value=float(value))


def _list(items: list[Any]) -> pb.Value:
    return pb.Value(list_value=pb.ListValue(values=[_message(item) for item in items]))


_WRITERS: dict[type, Callable[[Any], pb.Value]] = {
    str: lambda value: pb.Value(string_value=value),
    bool: lambda value: pb.Value(bool_value=value),
    int: _integer,
    float: lambda value: pb.Value(double_value=value),
    dict: lambda value: pb.Value(struct_value=pb.Struct(fields=payload_message(value))),
    list: _list,
    type(None): lambda _value: pb.Value(null_value=pb.NULL_VALUE),
}
