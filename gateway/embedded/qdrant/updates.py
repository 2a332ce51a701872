"""Changes of what a collection is: `UpdateCollection` applied to what it was created as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, unsupported
from gateway.embedded.qdrant.schema import dense_params

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_ENGINE = ("hnsw_config", "optimizers_config")
_BUILT = (*_ENGINE, "vectors_config", "sparse_vectors_config")
_PLACEMENT = ("on_disk_payload", "payload", "id_tracker")
_ONE_SHARD = ("read_fan_out_factor", "read_fan_out_delay_ms")


def rebuilds(request: pb.UpdateCollection) -> bool:
    """Whether the change is one of the engine's indexes, which are to be built anew then."""
    return not {field.name for field, _ in request.ListFields()}.isdisjoint(_BUILT)


def updated(record: pb.CreateCollection, request: pb.UpdateCollection) -> pb.CreateCollection:
    """The record with the change made. Raises `Fault` for what the engine lacks."""
    for part in ("quantization_config", "strict_mode_config"):
        if request.HasField(part):
            raise unsupported(f"the collection option {part}")
    changed = pb.CreateCollection()
    changed.CopyFrom(record)
    for part in _ENGINE:
        getattr(changed, part).MergeFrom(getattr(request, part))
    _check_params(request.params)
    _change_vectors(changed, request)
    _change_metadata(changed, request)
    return changed


def _check_params(params: pb.CollectionParamsDiff) -> None:
    for option in ("replication_factor", "write_consistency_factor"):
        if getattr(params, option) > 1:
            raise unsupported(f"{option} above 1: there is one shard in one process")
    given = {field.name for field, _ in params.ListFields()}
    for option in _ONE_SHARD:
        if option in given:
            raise unsupported(f"{option}: there is one shard in one process")
    for option in _PLACEMENT:
        if option in given:
            raise unsupported(f"changing {option}")


def _change_vectors(changed: pb.CreateCollection, request: pb.UpdateCollection) -> None:
    dense = dense_params(changed)
    for name, change in _vector_changes(request.vectors_config):
        if change.HasField("quantization_config"):
            raise unsupported("quantization")
        for option in ("on_disk", "memory"):
            if change.HasField(option):
                raise unsupported(f"changing {option} of a vector")
        _known(name, dense)
        dense[name].hnsw_config.MergeFrom(change.hnsw_config)
    sparse = changed.sparse_vectors_config.map
    for name, params in request.sparse_vectors_config.map.items():
        _known(name, sparse)
        sparse[name].MergeFrom(params)


def _vector_changes(config: pb.VectorsConfigDiff) -> Iterator[tuple[str, pb.VectorParamsDiff]]:
    if config.WhichOneof("config") == "params":
        yield "", config.params
    yield from config.params_map.map.items()


def _change_metadata(changed: pb.CreateCollection, request: pb.UpdateCollection) -> None:
    """Key by key; null removes one."""
    for key, value in request.metadata.items():
        if value.WhichOneof("kind") == "null_value":
            changed.metadata.pop(key, None)
        else:
            changed.metadata[key].CopyFrom(value)


def _known(name: str, vectors: Container[str]) -> None:
    if name not in vectors:
        raise invalid(f"Not existing vector name error: {name!r}")
