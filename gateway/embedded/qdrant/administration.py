"""Calls about collections as a whole, and the health check."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from qdrant_client import grpc as pb

from gateway.embedded.qdrant.schema import collection_info

if TYPE_CHECKING:
    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards


def _create(shards: Shards, request: pb.CreateCollection) -> pb.CollectionOperationResponse:
    shards.create(request)
    return pb.CollectionOperationResponse(result=True)


def _delete(shards: Shards, request: pb.DeleteCollection) -> pb.CollectionOperationResponse:
    return pb.CollectionOperationResponse(result=shards.delete(request.collection_name))


def _get(shards: Shards, request: pb.GetCollectionInfoRequest) -> pb.GetCollectionInfoResponse:
    collection = shards.get(request.collection_name)
    info = collection_info(collection.record, collection.shard.info())
    return pb.GetCollectionInfoResponse(result=info)


def _list(shards: Shards, _request: pb.ListCollectionsRequest) -> pb.ListCollectionsResponse:
    descriptions = [pb.CollectionDescription(name=name) for name in shards.names()]
    return pb.ListCollectionsResponse(collections=descriptions)


def _exists(shards: Shards, request: pb.CollectionExistsRequest) -> pb.CollectionExistsResponse:
    exists = shards.exists(request.collection_name)
    return pb.CollectionExistsResponse(result=pb.CollectionExists(exists=exists))


def _health(_shards: Shards, _request: pb.HealthCheckRequest) -> pb.HealthCheckReply:
    return pb.HealthCheckReply(title="embedded Qdrant", version=version("qdrant-edge-py"))


COLLECTION_CALLS: dict[str, Call] = {
    "Create": _create,
    "Delete": _delete,
    "Get": _get,
    "List": _list,
    "CollectionExists": _exists,
}

HEALTH_CALLS: dict[str, Call] = {"HealthCheck": _health}
