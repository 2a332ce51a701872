"""How a collection is described: what it was made as, and what the engine counts in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_client import grpc as pb

from gateway.embedded.qdrant.schema import HNSW_DEFAULTS

if TYPE_CHECKING:
    import qdrant_edge as edge


def collection_info(
    request: pb.CreateCollection, info: edge.ShardInfo, *, building: bool
) -> pb.CollectionInfo:
    """What `Get` answers about a collection that `request` describes; yellow while it is built."""
    config = pb.CollectionConfig(
        params=pb.CollectionParams(
            shard_number=1,
            on_disk_payload=request.on_disk_payload or not request.HasField("on_disk_payload"),
            vectors_config=request.vectors_config,
            sparse_vectors_config=request.sparse_vectors_config,
        ),
        hnsw_config=pb.HnswConfigDiff(**HNSW_DEFAULTS),
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
        status=pb.Yellow if building else pb.Green,
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


def _name(enum_member: Any) -> str:
    return str(enum_member).rpartition(".")[2]
