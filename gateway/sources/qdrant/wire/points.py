"""Points on their way to be stored by gRPC, written into the message itself.

A message for each part of each point, which is then copied into the next larger one, takes three
times as long. Imports the client library.
"""

from __future__ import annotations

import sys
from array import array
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from qdrant_client import grpc as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.qdrant.points import Point

_LITTLE = sys.byteorder == "little"


def grpc_upsert(collection: str, points: Sequence[Point]) -> pb.UpsertPoints:
    """The request that stores these points, and is answered when they can be found."""
    request = pb.UpsertPoints(collection_name=collection, wait=True)
    add = request.points.add
    for key, vector, payload in points:
        made = add()
        if isinstance(key, int):
            made.id.num = key
        else:
            made.id.uuid = key
        if payload:
            fields = made.payload
            for name, value in payload.items():
                _write(fields[name], value)
        made.MergeFromString(_before(len(vector)) + _numbers(vector))
    return request


def _numbers(vector: Sequence[float]) -> bytes:
    if _LITTLE and type(vector) is array and vector.typecode == "f":
        return vector.tobytes()
    return np.asarray(vector, "<f4").tobytes()


@cache
def _before(count: int) -> bytes:
    """What a point's message has before the numbers of its vector, which end it."""
    dense = pb.DenseVector(data=[0.0] * count)
    whole = pb.PointStruct(vectors=pb.Vectors(vector=pb.Vector(dense=dense))).SerializeToString()
    return whole[: len(whole) - 4 * count]


def _write(message: pb.Value, value: Any) -> None:
    """Give the message a JSON value."""
    match value:
        case str():
            message.string_value = value
        case bool():
            message.bool_value = value
        case int():
            message.integer_value = value
        case float():
            message.double_value = value
        case None:
            message.null_value = pb.NULL_VALUE
        case dict():
            fields = message.struct_value.fields
            message.struct_value.SetInParent()
            for name, one in value.items():
                _write(fields[name], one)
        case _:
            values = message.list_value.values
            message.list_value.SetInParent()
            for one in value:
                _write(values.add(), one)
