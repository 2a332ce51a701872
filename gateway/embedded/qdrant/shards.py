"""The collections of a data directory: one open shard each, found by name.

    DIR/owner.pid                     who owns the directory
    DIR/collections/kept-NAME/        a collection: `collection.pb` and `shard/`
    DIR/collections/creating-NAME/    half made, removed at the next start
    DIR/collections/deleting-NAME/    half removed, likewise

A collection appears and disappears by one rename, so a kill leaves it whole or not there.
"""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import grpc
import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import Fault, invalid, missing
from gateway.embedded.qdrant.ownership import Ownership
from gateway.embedded.qdrant.schema import engine_config, vector_kinds
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_KEPT, _CREATING, _DELETING = "kept-", "creating-", "deleting-"
_RECORD, _SHARD = "collection.pb", "shard"
_MAX_NAME = 200
_FLUSH_BYTES = 32 * 1024 * 1024


class Collection:
    """An open collection; `shard` may be read from any thread, writes go through `update`."""

    def __init__(self, directory: Path) -> None:
        """Open the collection kept in `directory`, applying what its log holds."""
        self.record = pb.CreateCollection.FromString((directory / _RECORD).read_bytes())
        self.kinds = vector_kinds(self.record)
        self.shard = edge.EdgeShard.load(str(directory / _SHARD))
        self._writing = threading.Lock()
        self._unflushed = 0

    def update(self, operation: edge.UpdateOperation, size: int) -> None:
        """Apply a write; it is in the log when this returns. `size` is its weight in bytes.

        The log is cut by a flush now and then: it bounds the disk used and the next start's work.
        """
        with self._writing:
            self.shard.update(operation)
            self._unflushed += size
            if self._unflushed >= _FLUSH_BYTES:
                self.shard.flush()
                self._unflushed = 0

    def close(self) -> None:
        """Flush and let go of the files; calls under way end with an error."""
        with self._writing:
            self.shard.close()


class Shards:
    """All collections under one directory, owned by this process until `close`."""

    def __init__(self, directory: Path) -> None:
        """Open everything. Raises `ConfigurationError` for a directory in use or unreadable."""
        self._ownership = Ownership(directory)
        self._directory = directory / "collections"
        self._directory.mkdir(exist_ok=True)
        self._changing = threading.Lock()
        self._open: dict[str, Collection] = {}
        for path in sorted(self._directory.iterdir()):
            if path.name.startswith(_KEPT):
                self._open[unquote(path.name.removeprefix(_KEPT))] = _load(path)
            elif path.name.startswith((_CREATING, _DELETING)):
                shutil.rmtree(path)

    def names(self) -> list[str]:
        """The names of all collections, in alphabetical order."""
        return sorted(self._open)

    def exists(self, name: str) -> bool:
        """Whether there is a collection called `name`."""
        return name in self._open

    def get(self, name: str) -> Collection:
        """The collection called `name`. Raises `Fault` NOT_FOUND."""
        collection = self._open.get(name)
        if collection is None:
            raise missing(f"Collection `{name[:_MAX_NAME]}` doesn't exist!")
        return collection

    def create(self, record: pb.CreateCollection) -> None:
        """Make a collection as `record` says. Raises `Fault` when it exists or is not possible."""
        name = record.collection_name
        kept, creating, _ = self._paths(name)
        config = engine_config(record)
        with self._changing:
            if name in self._open:
                raise Fault(grpc.StatusCode.ALREADY_EXISTS, f"Collection `{name}` already exists!")
            shutil.rmtree(creating, ignore_errors=True)
            creating.mkdir()
            (creating / _RECORD).write_bytes(record.SerializeToString())
            edge.EdgeShard.create(str(creating / _SHARD), config).close()
            creating.rename(kept)
            self._open[name] = Collection(kept)

    def delete(self, name: str) -> bool:
        """Remove a collection with its data; False when there was none."""
        with self._changing:
            collection = self._open.pop(name, None)
            if collection is None:
                return False
            kept, _, deleting = self._paths(name)
            kept.rename(deleting)
            collection.close()
            shutil.rmtree(deleting)
            return True

    def close(self) -> None:
        """Close every collection and release the directory."""
        with self._changing:
            for collection in self._open.values():
                collection.close()
            self._open.clear()
            self._ownership.release()

    def _paths(self, name: str) -> tuple[Path, Path, Path]:
        encoded = quote(name, safe="")
        if not name or len(encoded) > _MAX_NAME:
            raise invalid(f"a collection name has 1 to {_MAX_NAME} bytes, percent-encoded")
        kept, creating, deleting = (
            self._directory / f"{prefix}{encoded}" for prefix in (_KEPT, _CREATING, _DELETING)
        )
        return kept, creating, deleting


def _load(path: Path) -> Collection:
    try:
        return Collection(path)
    except Exception as error:
        raise ConfigurationError(f"the collection in {path} cannot be opened: {error}") from error
