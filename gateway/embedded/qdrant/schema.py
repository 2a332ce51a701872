"""What a collection is made of: from Qdrant's `CreateCollection` to the engine's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.vectors import DEFAULT, VectorKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_DIMENSIONS = 65_536
_UNSUPPORTED = ("wal_config", "quantization_config", "sharding_method", "strict_mode_config")
_OPTIMIZERS = (
    "deleted_threshold",
    "vacuum_min_vector_number",
    "default_segment_number",
    "max_segment_size",
    "indexing_threshold",
)
HNSW_DEFAULTS: dict[str, Any] = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
"""Qdrant's own; the threshold is in KB of vectors, below which a search looks at all of them."""


def engine_config(request: pb.CreateCollection) -> edge.EdgeConfig:
    """The engine's configuration. Raises `Fault` for options that one shard cannot honour."""
    given = {field.name for field, _ in request.ListFields()}
    for option in _UNSUPPORTED:
        if option in given:
            raise unsupported(f"the collection option {option}")
    for option in ("shard_number", "replication_factor", "write_consistency_factor"):
        if getattr(request, option) > 1:
            raise unsupported(f"{option} above 1: there is one shard in one process")
    vectors = {name: _dense(name, params) for name, params in dense_params(request).items()}
    sparse = {name: _sparse(params) for name, params in _sparse_params(request).items()}
    if not vectors and not sparse:
        raise invalid("a collection needs at least one vector: give vectors_config")
    return edge.EdgeConfig(
        vectors=vectors or None,
        sparse_vectors=sparse or None,
        hnsw_config=_hnsw(request.hnsw_config) if request.HasField("hnsw_config") else None,
        optimizers=edge.EdgeOptimizersConfig(**_given(request.optimizers_config, _OPTIMIZERS)),
        on_disk_payload=_given(request, ("on_disk_payload",)).get("on_disk_payload"),
        payload_memory=_memory(request.payload),
        id_tracker_memory=_memory(request.id_tracker),
    )


def vector_kinds(request: pb.CreateCollection) -> Mapping[str, VectorKind]:
    """What each vector of the collection must look like, by name."""
    kinds = {
        name: VectorKind(params.size, params.HasField("multivector_config"))
        for name, params in dense_params(request).items()
    }
    kinds.update(dict.fromkeys(_sparse_params(request), VectorKind(None)))
    return kinds


def member(enum: type, messages: Any, value: int) -> Any:
    """The engine's enum member with the name that protobuf number `value` has in `messages`."""
    name = messages.Name(value) if value in messages.values() else str(value)
    found = getattr(enum, name, None)
    if found is None:
        raise unsupported(f"{messages.DESCRIPTOR.name} {name}")
    return found


def _given(message: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(message, name) for name in names if message.HasField(name)}


def dense_params(request: pb.CreateCollection) -> dict[str, pb.VectorParams]:
    """The dense vectors of a collection by name; the messages are those of the request itself."""
    config = request.vectors_config
    if config.WhichOneof("config") == "params":
        return {DEFAULT: config.params}
    return dict(config.params_map.map)


def _sparse_params(request: pb.CreateCollection) -> dict[str, pb.SparseVectorParams]:
    return dict(request.sparse_vectors_config.map)


def _dense(name: str, params: pb.VectorParams) -> edge.EdgeVectorParams:
    if params.HasField("quantization_config"):
        raise unsupported("quantization")
    if not 1 <= params.size <= _MAX_DIMENSIONS:
        raise invalid(f"vector {name!r}: size must be from 1 to {_MAX_DIMENSIONS}")
    multiple = params.HasField("multivector_config")
    return edge.EdgeVectorParams(
        size=params.size,
        distance=member(edge.Distance, pb.Distance, params.distance),
        multivector_config=(
            edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim) if multiple else None
        ),
        datatype=_datatype(params),
        hnsw_config=_hnsw(params.hnsw_config) if params.HasField("hnsw_config") else None,
        memory=_memory(params),
    )


def _sparse(params: pb.SparseVectorParams) -> edge.EdgeSparseVectorParams:
    index = params.index
    return edge.EdgeSparseVectorParams(
        full_scan_threshold=_given(index, ("full_scan_threshold",)).get("full_scan_threshold"),
        modifier=edge.Modifier.Idf if params.modifier == pb.Idf else None,
        datatype=_datatype(index),
        memory=_memory(index),
    )


def _datatype(message: Any) -> Any:
    if not message.HasField("datatype") or message.datatype == pb.Datatype.Value("Default"):
        return None
    return member(edge.VectorStorageDatatype, pb.Datatype, message.datatype)


def _memory(message: Any) -> Any:
    return member(edge.Memory, pb.Memory, message.memory) if message.HasField("memory") else None


def _hnsw(message: pb.HnswConfigDiff) -> edge.HnswIndexConfig:
    names = (*HNSW_DEFAULTS, "max_indexing_threads", "payload_m")
    return edge.HnswIndexConfig(**(HNSW_DEFAULTS | _given(message, names)))
