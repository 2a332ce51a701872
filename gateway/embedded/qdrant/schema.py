"""What a collection is made of: from Qdrant's `CreateCollection` to the engine's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.vectors import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.embedded.qdrant.vectors import Sizes

_MAX_DIMENSIONS = 65_536
_OPTIONS = ("collection_name", "vectors_config", "sparse_vectors_config", "metadata", "timeout")
_DENSE_OPTIONS = ("size", "distance")


def engine_config(request: pb.CreateCollection) -> edge.EdgeConfig:
    """The engine's configuration. Raises `Fault` for options that it does not have here."""
    _only("the collection option", request, _OPTIONS)
    vectors = {name: _dense(name, params) for name, params in _dense_params(request).items()}
    sparse = {name: _sparse(params) for name, params in _sparse_params(request).items()}
    if not vectors and not sparse:
        raise invalid("a collection needs at least one vector: give vectors_config")
    return edge.EdgeConfig(vectors=vectors or None, sparse_vectors=sparse or None)


def vector_sizes(request: pb.CreateCollection) -> Sizes:
    """The dimensions of each vector of the collection, by name; None for a sparse one."""
    dense = {name: params.size for name, params in _dense_params(request).items()}
    return {**dense, **dict.fromkeys(_sparse_params(request))}


def member(enum: type, messages: Any, value: int) -> Any:
    """The engine's enum member with the name that protobuf number `value` has in `messages`."""
    name = messages.Name(value) if value in messages.values() else str(value)
    found = getattr(enum, name, None)
    if found is None:
        raise unsupported(f"{messages.DESCRIPTOR.name} {name}")
    return found


def _only(what: str, message: Any, options: tuple[str, ...]) -> None:
    for field, _ in message.ListFields():
        if field.name not in options:
            raise unsupported(f"{what} {field.name}")


def _dense_params(request: pb.CreateCollection) -> Mapping[str, pb.VectorParams]:
    config = request.vectors_config
    if config.WhichOneof("config") == "params":
        return {DEFAULT: config.params}
    return config.params_map.map


def _sparse_params(request: pb.CreateCollection) -> Mapping[str, pb.SparseVectorParams]:
    return request.sparse_vectors_config.map


def _dense(name: str, params: pb.VectorParams) -> edge.EdgeVectorParams:
    _only(f"vector {name!r} with", params, _DENSE_OPTIONS)
    if not 1 <= params.size <= _MAX_DIMENSIONS:
        raise invalid(f"vector {name!r}: size must be from 1 to {_MAX_DIMENSIONS}")
    return edge.EdgeVectorParams(
        size=params.size, distance=member(edge.Distance, pb.Distance, params.distance)
    )


def _sparse(params: pb.SparseVectorParams) -> edge.EdgeSparseVectorParams:
    _only("a sparse vector with", params, ("modifier",))
    return edge.EdgeSparseVectorParams(
        modifier=edge.Modifier.Idf if params.modifier == pb.Idf else None
    )
