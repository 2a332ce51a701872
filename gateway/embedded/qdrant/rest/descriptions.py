"""Bodies that describe collections and indexes, as the messages that gRPC would have brought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_client import grpc as pb
from qdrant_client.conversions.conversion import RestToGrpc
from qdrant_client.http import models as m

from gateway.embedded.qdrant.faults import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

_PARTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "vectors": ("vectors_config", RestToGrpc.convert_vectors_config),
    "sparse_vectors": ("sparse_vectors_config", RestToGrpc.convert_sparse_vector_config),
    "hnsw_config": ("hnsw_config", RestToGrpc.convert_hnsw_config_diff),
    "wal_config": ("wal_config", RestToGrpc.convert_wal_config_diff),
    "optimizers_config": ("optimizers_config", RestToGrpc.convert_optimizers_config_diff),
    "quantization_config": ("quantization_config", RestToGrpc.convert_quantization_config),
    "sharding_method": ("sharding_method", RestToGrpc.convert_sharding_method),
    "strict_mode_config": ("strict_mode_config", RestToGrpc.convert_strict_mode_config),
    "metadata": ("metadata", RestToGrpc.convert_payload),
    "payload": ("payload", RestToGrpc.convert_payload_storage_params),
    "id_tracker": ("id_tracker", RestToGrpc.convert_id_tracker_params),
}
"""The part of the body, the part of the message, and the way from one to the other."""

_NUMBERS = ("shard_number", "replication_factor", "write_consistency_factor", "on_disk_payload")


def creation(body: m.CreateCollection, name: str) -> pb.CreateCollection:
    """A collection to be made."""
    given: dict[str, Any] = {
        part: convert(getattr(body, key))
        for key, (part, convert) in _PARTS.items()
        if getattr(body, key) is not None
    }
    numbers = {key: getattr(body, key) for key in _NUMBERS}
    return pb.CreateCollection(collection_name=name, **given, **numbers)


def update(body: m.UpdateCollection, name: str) -> pb.UpdateCollection:
    """A collection to be changed."""
    return RestToGrpc.convert_update_collection(body, name)


def index(body: m.CreateFieldIndex, name: str) -> pb.CreateFieldIndexCollection:
    """A payload index to be made: by its type alone, or by its parameters."""
    schema = body.field_schema
    if schema is None:
        raise invalid(f"field {body.field_name!r}: say which type of index it gets (field_schema)")
    request = pb.CreateFieldIndexCollection(collection_name=name, field_name=body.field_name)
    if isinstance(schema, m.PayloadSchemaType):
        request.field_type = pb.FieldType.Value(f"FieldType{schema.value.capitalize()}")
    else:
        parameters = RestToGrpc.convert_payload_schema_params(schema)
        request.field_index_params.CopyFrom(parameters)
    return request
