"""Calls about collections as a whole, and the health check."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from qdrant_client import grpc as pb

if TYPE_CHECKING:
    import qdrant_edge as edge

    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards


def _create(shards: Shards, request: pb.CreateCollection) -> pb.CollectionOperationResponse:
    shards.create(request)
    return pb.CollectionOperationResponse(result=True)


def _delete(shards: Shards, request: pb.DeleteCollection) -> pb.CollectionOperationResponse:
    return pb.CollectionOperationResponse(result=shards.delete(request.collection_name))


def _get(shards: Shards, request: pb.GetCollectionInfoRequest) -> pb.GetCollectionInfoResponse:
    collection = shards.get(request.collection_name)
    with collection.using() as shard:
        info = _described(collection.record, shard.info())
    return pb.GetCollectionInfoResponse(result=info)


def _described(record: pb.CreateCollection, info: edge.ShardInfo) -> pb.CollectionInfo:
    """What it was made as, and what the engine counts in it; the rest are Qdrant's defaults."""
    config = pb.CollectionConfig(
        params=pb.CollectionParams(
            shard_number=1,
            on_disk_payload=True,
            vectors_config=record.vectors_config,
            sparse_vectors_config=record.sparse_vectors_config,
        ),
        hnsw_config=pb.HnswConfigDiff(m=16, ef_construct=100, full_scan_threshold=10_000),
        optimizer_config=pb.OptimizersConfigDiff(
            deleted_threshold=0.2,
            vacuum_min_vector_number=1_000,
            default_segment_number=0,
            flush_interval_sec=0,
        ),
        wal_config=pb.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0),
        metadata=record.metadata,
    )
    return pb.CollectionInfo(
        status=pb.Green,
        optimizer_status=pb.OptimizerStatus(ok=True),
        segments_count=info.segments_count,
        config=config,
        payload_schema={
            field: pb.PayloadSchemaInfo(
                data_type=pb.PayloadSchemaType.Value(str(index.data_type).rpartition(".")[2]),
                points=index.points,
            )
            for field, index in info.payload_schema.items()
        },
        points_count=info.points_count,
        indexed_vectors_count=info.indexed_vectors_count,
    )


def _list(shards: Shards, _request: pb.ListCollectionsRequest) -> pb.ListCollectionsResponse:
    descriptions = [pb.CollectionDescription(name=name) for name in shards.names()]
    return pb.ListCollectionsResponse(collections=descriptions)


def _exists(shards: Shards, request: pb.CollectionExistsRequest) -> pb.CollectionExistsResponse:
    exists = request.collection_name in shards.names()
    return pb.CollectionExistsResponse(result=pb.CollectionExists(exists=exists))


def _health(_shards: Shards, _request: pb.HealthCheckRequest) -> pb.HealthCheckReply:
    """`version` is that of the protocol, which clients compare with their own."""
    return pb.HealthCheckReply(
        title="embedded Qdrant",
        version=version("qdrant-client"),
        commit=f"qdrant-edge-py {version('qdrant-edge-py')}",
    )


COLLECTION_CALLS: dict[str, Call] = {
    "Create": _create,
    "Delete": _delete,
    "Get": _get,
    "List": _list,
    "CollectionExists": _exists,
}

HEALTH_CALLS: dict[str, Call] = {"HealthCheck": _health}
