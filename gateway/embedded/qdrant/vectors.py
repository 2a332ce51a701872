"""Vectors: protobuf on one side, the engine's lists on the other; checked before the engine.

A vector that the engine refuses would already be in its log, and the points before it applied; so
size and finiteness are settled here.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EngineVector: TypeAlias = "list[float] | list[list[float]] | edge.SparseVector"
StoredVector: TypeAlias = "array[float] | list[array[float]] | edge.SparseVector"

DEFAULT = ""
"""The name under which the engine keeps the one vector of a collection without named vectors."""


@dataclass(frozen=True, slots=True)
class VectorKind:
    """What a vector of a collection must look like; `size` is None for a sparse one."""

    size: int | None
    multiple: bool = False


Kinds: TypeAlias = "Mapping[str, VectorKind]"


def stored_vectors(message: pb.Vectors, kinds: Kinds) -> Any:
    """Read the vectors of a point to be stored, each checked against its kind.

    A single vector is the collection's default one; named ones come as a mapping.
    """
    option = message.WhichOneof("vectors_options")
    if option is None:
        return {}
    if option == "vector":
        return _checked(DEFAULT, _plain(message.vector), kinds)
    named = message.vectors.vectors.items()
    return {name: _checked(name, _plain(vector), kinds) for name, vector in named}


def query_vector(message: pb.VectorInput, using: str, kinds: Kinds) -> EngineVector:
    """Read a vector to search with, checked against the kind of the vector named `using`."""
    variant = message.WhichOneof("variant")
    if variant == "dense":
        vector: EngineVector = _numbers(message.dense).tolist()
    elif variant == "sparse":
        vector = _sparse(message.sparse.indices, message.sparse.values)
    elif variant == "multi_dense":
        vector = [_numbers(row).tolist() for row in message.multi_dense.vectors]
    elif variant is None:
        raise invalid("the vector to search with is empty")
    else:
        raise unsupported(f"inference (a {variant} in place of a vector)")
    _check(using, vector, kinds)
    return vector


def kind_of(name: str, kinds: Kinds) -> VectorKind:
    """The kind of the vector called `name`. Raises `Fault` naming those that exist."""
    kind = kinds.get(name)
    if kind is None:
        known = ", ".join(repr(one) for one in kinds if one) or "the default vector"
        raise invalid(f"Not existing vector name error: {name!r}; this collection has {known}")
    return kind


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
    if variant == "multi_dense":
        return [_numbers(row) for row in message.multi_dense.vectors]
    raise unsupported(f"a vector given as {variant or 'flat numbers'}")


def _numbers(dense: pb.DenseVector) -> array[float]:
    """The numbers as they came, one after the other: a list of them takes three times as long.

    They are the message's first field: a tag of one byte, their length in groups of seven bits,
    themselves.
    """
    count = len(dense.data)
    start = 1 + -(-(count * 4).bit_length() // 7)
    numbers = array("f", dense.SerializeToString()[start : start + count * 4])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _sparse(indices: Sequence[int], values: Sequence[float]) -> edge.SparseVector:
    if len(indices) != len(values):
        raise invalid("a sparse vector needs as many indices as values")
    if len(set(indices)) != len(indices):
        raise invalid("the indices of a sparse vector must be unique")
    return edge.SparseVector(list(indices), list(values))


def _checked(name: str, vector: StoredVector, kinds: Kinds) -> StoredVector:
    _check(name, vector, kinds)
    return vector


def _check(name: str, vector: EngineVector | StoredVector, kinds: Kinds) -> None:
    kind = kind_of(name, kinds)
    if isinstance(vector, edge.SparseVector):
        if kind.size is not None:
            raise invalid(f"vector {name!r} is dense, a sparse one was given")
        _finite(vector.values)
        return
    if kind.size is None:
        raise invalid(f"vector {name!r} is sparse, a dense one was given")
    nested = isinstance(vector, list) and bool(vector) and not isinstance(vector[0], float)
    if nested and not kind.multiple:
        raise invalid(f"vector {name!r} is a single vector, several were given")
    for row in vector if nested else [vector]:
        _dense(row, kind.size)


def _dense(row: Any, size: int) -> None:
    if len(row) != size:
        raise invalid(f"Vector dimension error: expected dim: {size}, got {len(row)}")
    _finite(row)


def _finite(numbers: Sequence[float]) -> None:
    if np.count_nonzero(np.isfinite(np.asarray(numbers, "f4"))) < len(numbers):
        raise invalid("a vector holds NaN or an infinity; every number must be finite")


def _output(vector: Any) -> pb.VectorOutput:
    if isinstance(vector, edge.SparseVector):
        sparse = pb.SparseVector(indices=vector.indices, values=vector.values)
        return pb.VectorOutput(sparse=sparse)
    if vector and isinstance(vector[0], list):
        rows = [pb.DenseVector(data=row) for row in vector]
        return pb.VectorOutput(multi_dense=pb.MultiDenseVector(vectors=rows))
    return pb.VectorOutput(dense=pb.DenseVector(data=vector))
