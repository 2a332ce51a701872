"""One open collection: reads together, writes one after the other.

DIR/collection.pb     what it was created as
DIR/shard             the engine's shard
"""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import missing
from gateway.embedded.qdrant.schema import engine_config, vector_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_RECORD, _SHARD = "collection.pb", "shard"
_FLUSH_BYTES = 32 * 1024 * 1024


class Collection:
    """An open collection; used from any thread."""

    def __init__(self, name: str, directory: Path) -> None:
        """Open the collection kept in `directory`, applying what its log holds."""
        self.name = name
        self.record = pb.CreateCollection.FromString((directory / _RECORD).read_bytes())
        self.sizes = vector_sizes(self.record)
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
    config = engine_config(record)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    (directory / _RECORD).write_bytes(record.SerializeToString())
    edge.EdgeShard.create(str(directory / _SHARD), config).close()
