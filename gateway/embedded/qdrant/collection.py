"""One open collection: what it is made of; reads together, writes one after the other.

DIR/collection.pb     what it was created as
DIR/shard             the engine's shard
"""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import invalid, missing, unsupported
from gateway.embedded.qdrant.vectors import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from gateway.embedded.qdrant.vectors import Sizes

_RECORD, _SHARD = "collection.pb", "shard"
_FLUSH_BYTES = 32 * 1024 * 1024
_MAX_DIMENSIONS = 65_536
_OPTIONS = ("collection_name", "vectors_config", "sparse_vectors_config", "metadata", "timeout")
_DENSE_OPTIONS = ("size", "distance")


class Collection:
    """An open collection; used from any thread."""

    def __init__(self, name: str, directory: Path) -> None:
        """Open the collection kept in `directory`, applying what its log holds."""
        self.name = name
        self.record = pb.CreateCollection.FromString((directory / _RECORD).read_bytes())
        self.sizes = _vector_sizes(self.record)
        self._shard = edge.EdgeShard.load(str(directory / _SHARD))
        self._writing = threading.Lock()
        self._unflushed = 0
        self._users = threading.Condition()
        self._used = 0
        self._closed = False

    @contextmanager
    def using(self) -> Iterator[edge.EdgeShard]:
        """The shard, open until the block ends. Raises `Fault` when it was deleted."""
        with self._users:
            if self._closed:
                raise missing(f"Collection `{self.name}` doesn't exist!")
            self._used += 1
        try:
            yield self._shard
        finally:
            with self._users:
                self._used -= 1
                self._users.notify_all()

    def update(self, operations: Sequence[edge.UpdateOperation], size: int) -> None:
        """Apply a write; it is in the log when this returns. `size` is its weight in bytes.

        The log is cut by a flush now and then: it bounds the disk used and the next start's work.
        """
        with self._writing, self.using() as shard:
            for operation in operations:
                shard.update(operation)
            self._unflushed += size
            if self._unflushed >= _FLUSH_BYTES:
                shard.flush()
                self._unflushed = 0

    def close(self) -> None:
        """Flush and let go of the files, once whoever uses the shard has ended."""
        with self._users:
            self._closed = True
            self._users.wait_for(lambda: self._used == 0)
        self._shard.close()


def create_shard(directory: Path, record: pb.CreateCollection) -> None:
    """Make the files of a new collection. Raises `Fault` for what the engine cannot be."""
    config = _engine_config(record)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    (directory / _RECORD).write_bytes(record.SerializeToString())
    edge.EdgeShard.create(str(directory / _SHARD), config).close()


def _engine_config(request: pb.CreateCollection) -> edge.EdgeConfig:
    """The engine's configuration. Raises `Fault` for options that it does not have here."""
    _only("the collection option", request, _OPTIONS)
    vectors = {name: _dense(name, params) for name, params in _dense_params(request).items()}
    sparse = {name: _sparse(params) for name, params in _sparse_params(request).items()}
    if not vectors and not sparse:
        raise invalid("a collection needs at least one vector: give vectors_config")
    return edge.EdgeConfig(vectors=vectors or None, sparse_vectors=sparse or None)


def _vector_sizes(request: pb.CreateCollection) -> Sizes:
    """The dimensions of each vector of the collection, by name; None for a sparse one."""
    dense = {name: params.size for name, params in _dense_params(request).items()}
    return {**dense, **dict.fromkeys(_sparse_params(request))}


def _member(enum: type, messages: Any, value: int) -> Any:
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
        size=params.size, distance=_member(edge.Distance, pb.Distance, params.distance)
    )


def _sparse(params: pb.SparseVectorParams) -> edge.EdgeSparseVectorParams:
    _only("a sparse vector with", params, ("modifier",))
    return edge.EdgeSparseVectorParams(
        modifier=edge.Modifier.Idf if params.modifier == pb.Idf else None
    )
