"""Calls about collections as a whole, and the health check."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from qdrant_client import grpc as pb

from gateway.embedded.qdrant.description import collection_info
from gateway.embedded.qdrant.schema import engine_config
from gateway.embedded.qdrant.updates import rebuilds, updated

if TYPE_CHECKING:
    from gateway.embedded.qdrant.rpc import Call
    from gateway.embedded.qdrant.shards import Shards


def _create(shards: Shards, request: pb.CreateCollection) -> pb.CollectionOperationResponse:
    shards.create(request)
    return pb.CollectionOperationResponse(result=True)


def _update(shards: Shards, request: pb.UpdateCollection) -> pb.CollectionOperationResponse:
    """Change what a collection is; its indexes are built anew in the background where that says so.

    As on a real server: answered at once, `Get` says yellow until the build is over.
    """
    collection = shards.get(request.collection_name)
    with collection.describing:
        record = updated(collection.record, request)
        engine_config(record)
        collection.keep(record)
    if rebuilds(request):
        collection.builder.request()
    return pb.CollectionOperationResponse(result=True)


def _delete(shards: Shards, request: pb.DeleteCollection) -> pb.CollectionOperationResponse:
    return pb.CollectionOperationResponse(result=shards.delete(request.collection_name))


def _get(shards: Shards, request: pb.GetCollectionInfoRequest) -> pb.GetCollectionInfoResponse:
    collection = shards.get(request.collection_name)
    with collection.reading() as shard:
        info = collection_info(collection.record, shard.info(), building=collection.builder.busy)
    return pb.GetCollectionInfoResponse(result=info)


def _list(shards: Shards, _request: pb.ListCollectionsRequest) -> pb.ListCollectionsResponse:
    descriptions = [pb.CollectionDescription(name=name) for name in shards.names()]
    return pb.ListCollectionsResponse(collections=descriptions)


def _exists(shards: Shards, request: pb.CollectionExistsRequest) -> pb.CollectionExistsResponse:
    exists = shards.exists(request.collection_name)
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
    "Update": _update,
    "Delete": _delete,
    "Get": _get,
    "List": _list,
    "CollectionExists": _exists,
}

HEALTH_CALLS: dict[str, Call] = {"HealthCheck": _health}
