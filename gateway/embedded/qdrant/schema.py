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
_HNSW_DEFAULTS = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}


def engine_config(request: pb.CreateCollection) -> edge.EdgeConfig:
    """The engine's configuration. Raises `Fault` for options that one shard cannot honour."""
    given = {field.name for field, _ in request.ListFields()}
    for option in _UNSUPPORTED:
        if option in given:
            raise unsupported(f"the collection option {option}")
    for option in ("shard_number", "replication_factor", "write_consistency_factor"):
        if getattr(request, option) > 1:
            raise unsupported(f"{option} above 1: there is one shard in one process")
    vectors = {name: _dense(name, params) for name, params in _dense_params(request).items()}
    sparse = {name: _sparse(params) for name, params in _sparse_params(request).items()}
    if not vectors and not sparse:
        raise invalid("a collection needs at least one vector: give vectors_config")
    return edge.EdgeConfig(
        vectors=vectors or None,
        sparse_vectors=sparse or None,
        hnsw_config=_hnsw(request.hnsw_config) if request.HasField("hnsw_config") else None,
        optimizers=edge.EdgeOptimizersConfig(**_given(request.optimizers_config, _OPTIMIZERS)),
    )


def vector_kinds(request: pb.CreateCollection) -> Mapping[str, VectorKind]:
    """What each vector of the collection must look like, by name."""
    kinds = {
        name: VectorKind(params.size, params.HasField("multivector_config"))
        for name, params in _dense_params(request).items()
    }
    kinds.update(dict.fromkeys(_sparse_params(request), VectorKind(None)))
    return kinds


def collection_info(request: pb.CreateCollection, info: edge.ShardInfo) -> pb.CollectionInfo:
    """What `Get` answers about a collection created by `request`."""
    config = pb.CollectionConfig(
        params=pb.CollectionParams(
            shard_number=1,
            on_disk_payload=True,
            vectors_config=request.vectors_config,
            sparse_vectors_config=request.sparse_vectors_config,
        ),
        hnsw_config=pb.HnswConfigDiff(
            m=_HNSW_DEFAULTS["m"],
            ef_construct=_HNSW_DEFAULTS["ef_construct"],
            full_scan_threshold=_HNSW_DEFAULTS["full_scan_threshold"],
        ),
        optimizer_config=pb.OptimizersConfigDiff(
            deleted_threshold=0.2,
            vacuum_min_vector_number=1_000,
            default_segment_number=0,
            flush_interval_sec=0,
        ),
        wal_config=pb.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0),
        metadata=request.metadata,
    )
    config.hnsw_config.MergeFrom(request.hnsw_config)
    config.optimizer_config.MergeFrom(request.optimizers_config)
    return pb.CollectionInfo(
        status=pb.Green,
        optimizer_status=pb.OptimizerStatus(ok=True),
        segments_count=info.segments_count,
        config=config,
        payload_schema={
            field: pb.PayloadSchemaInfo(
                data_type=pb.PayloadSchemaType.Value(_name(index.data_type)), points=index.points
            )
            for field, index in info.payload_schema.items()
        },
        points_count=info.points_count,
        indexed_vectors_count=info.indexed_vectors_count,
    )


def member(enum: type, messages: Any, value: int) -> Any:
    """The engine's enum member with the name that protobuf number `value` has in `messages`."""
    name = messages.Name(value) if value in messages.values() else str(value)
    found = getattr(enum, name, None)
    if found is None:
        raise unsupported(f"{messages.DESCRIPTOR.name} {name}")
    return found


def _name(enum_member: Any) -> str:
    return str(enum_member).rpartition(".")[2]


def _given(message: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(message, name) for name in names if message.HasField(name)}


def _dense_params(request: pb.CreateCollection) -> dict[str, pb.VectorParams]:
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
    names = (*_HNSW_DEFAULTS, "max_indexing_threads", "payload_m")
    return edge.HnswIndexConfig(**(_HNSW_DEFAULTS | _given(message, names)))
