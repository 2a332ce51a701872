"""Vectors: protobuf on one side, the engine's lists on the other; checked before the engine.

A vector that the engine refuses would already be in its log, and the points before it applied; so
size and finiteness are settled here.
"""

from __future__ import annotations

import sys
from array import array
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EngineVector: TypeAlias = "list[float] | edge.SparseVector"
StoredVector: TypeAlias = "array[float] | edge.SparseVector"
Sizes: TypeAlias = "Mapping[str, int | None]"
"""The dimensions of a collection's vectors, by name; None for a sparse one."""

DEFAULT = ""
"""The name under which the engine keeps the one vector of a collection without named vectors."""


def stored_vectors(messages: Iterable[pb.Vectors], sizes: Sizes) -> list[Any]:
    """Read the vectors of points to be stored, each checked against its size.

    A single vector is the collection's default one; named ones come as a mapping.
    """
    stored = [_stored(message, sizes) for message in messages]
    _check_finite(
        vector for one in stored for vector in (one.values() if isinstance(one, dict) else (one,))
    )
    return stored


def _stored(message: pb.Vectors, sizes: Sizes) -> Any:
    if (size := sizes.get(DEFAULT)) is not None:
        data, before = message.SerializeToString(), _before(size)
        if len(data) == len(before) + size * 4 and data.startswith(before):
            return _floats(data[len(before) :])
    option = message.WhichOneof("vectors_options")
    if option is None:
        return {}
    if option == "vector":
        return _fitting(DEFAULT, _plain(message.vector), sizes)
    named = message.vectors.vectors.items()
    return {name: _fitting(name, _plain(vector), sizes) for name, vector in named}


def _check_finite(vectors: Iterable[StoredVector]) -> None:
    """All at once, in a fraction of the time. Raises `Fault`."""
    numbers = b"".join(
        array("f", one.values) if isinstance(one, edge.SparseVector) else one for one in vectors
    )
    if not np.isfinite(np.frombuffer(numbers, "f4")).all():
        raise invalid("a vector holds NaN or an infinity; every number must be finite")


def query_vector(message: pb.VectorInput, using: str, sizes: Sizes) -> EngineVector:
    """Read a vector to search with, checked against the size of the vector named `using`."""
    variant = message.WhichOneof("variant")
    if variant == "dense":
        dense: array[float] = _fitting(using, _numbers(message.dense), sizes)
        _check_finite([dense])
        return dense.tolist()
    if variant == "sparse":
        sparse: edge.SparseVector = _fitting(
            using, _sparse(message.sparse.indices, message.sparse.values), sizes
        )
        _check_finite([sparse])
        return sparse
    if variant is None:
        raise invalid("the vector to search with is empty")
    raise unsupported(f"to search with a {variant}")


def vectors_message(vector: Any) -> pb.VectorsOutput | None:
    """Write the vectors of a point as the engine returns them; None when it returned none."""
    if vector is None:
        return None
    if isinstance(vector, dict):
        named = {name: _output(one) for name, one in vector.items()}
        return pb.VectorsOutput(vectors=pb.NamedVectorsOutput(vectors=named))
    return pb.VectorsOutput(vector=_output(vector))


def _plain(message: pb.Vector) -> StoredVector:
    variant = message.WhichOneof("vector")
    if variant == "dense":
        return _numbers(message.dense)
    if variant == "sparse":
        return _sparse(message.sparse.indices, message.sparse.values)
    raise unsupported(f"a vector given as {variant or 'flat numbers'}")


def _numbers(dense: pb.DenseVector) -> array[float]:
    """The numbers as they came, one after the other: a list of them takes three times as long.

    They are the message's first field: a tag of one byte, their length in groups of seven bits,
    themselves.
    """
    count = len(dense.data)
    start = 1 + -(-(count * 4).bit_length() // 7)
    return _floats(dense.SerializeToString()[start : start + count * 4])


@cache
def _before(size: int) -> bytes:
    """What a message of one dense vector has before its numbers, which end it."""
    dense = pb.DenseVector(data=[0.0] * size)
    return pb.Vectors(vector=pb.Vector(dense=dense)).SerializeToString()[: -4 * size]


def _floats(data: bytes) -> array[float]:
    numbers = array("f", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _sparse(indices: Sequence[int], values: Sequence[float]) -> edge.SparseVector:
    if len(indices) != len(values):
        raise invalid("a sparse vector needs as many indices as values")
    if len(set(indices)) != len(indices):
        raise invalid("the indices of a sparse vector must be unique")
    return edge.SparseVector(list(indices), list(values))


def _fitting(name: str, vector: Any, sizes: Sizes) -> Any:
    """The vector. Raises `Fault` where it cannot be one called `name`."""
    if name not in sizes:
        known = ", ".join(repr(one) for one in sizes if one) or "the default vector"
        raise invalid(f"Not existing vector name error: {name!r}; this collection has {known}")
    size = sizes[name]
    sparse = isinstance(vector, edge.SparseVector)
    if sparse != (size is None):
        kinds = ("sparse", "dense") if sparse else ("dense", "sparse")
        raise invalid(f"vector {name!r} is {kinds[1]}, a {kinds[0]} one was given")
    if size is not None and len(vector) != size:
        raise invalid(f"Vector dimension error: expected dim: {size}, got {len(vector)}")
    return vector


def _output(vector: Any) -> pb.VectorOutput:
    if isinstance(vector, edge.SparseVector):
        sparse = pb.SparseVector(indices=vector.indices, values=vector.values)
        return pb.VectorOutput(sparse=sparse)
    return pb.VectorOutput(dense=pb.DenseVector(data=vector))
