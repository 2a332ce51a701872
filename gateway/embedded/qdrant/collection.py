"""One open collection: reads together, writes one after the other, both beside a build.

DIR/collection.pb     what it was created as, with all updates of that
DIR/current           the name of the folder below that is the collection; `shard` without it
DIR/shard, shard-N    an engine's shard; one that is not current was being built at a kill
DIR/build             there is a build to be made or begun again
"""

from __future__ import annotations

import shutil
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

import qdrant_edge as edge
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.builds import Builder
from gateway.embedded.qdrant.faults import missing
from gateway.embedded.qdrant.schema import engine_config, vector_kinds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

RECORD, SHARD, CURRENT = "collection.pb", "shard", "current"
_FLUSH_BYTES = 32 * 1024 * 1024
_MISSED_BYTES = 64 * 1024 * 1024
_FEW = 16


class Collection:
    """An open collection; used from any thread."""

    def __init__(self, name: str, directory: Path) -> None:
        """Open the collection kept in `directory`, applying what its log holds.

        A build that was cut off is begun again.
        """
        self.name = name
        self.directory = directory
        self.record = pb.CreateCollection.FromString((directory / RECORD).read_bytes())
        self.kinds = vector_kinds(self.record)
        self._current = self._pointed()
        self._shard = edge.EdgeShard.load(str(self._current))
        self.describing = threading.Lock()
        """Held from reading the record until a changed one is kept."""
        self._writing = threading.Condition()
        self._unflushed = 0
        self._missed: deque[tuple[edge.UpdateOperation, int]] | None = None
        self._missed_bytes = 0
        self._readers = threading.Condition()
        self._reading = 0
        self._barred = self._closed = False
        self.builder = Builder(self)
        self._sweep()
        self.builder.resume()

    @contextmanager
    def reading(self) -> Iterator[edge.EdgeShard]:
        """The shard, for reads; it stays open until the block ends. Raises `Fault` when deleted.

        Never one block within another: a change of shards may wait between them.
        """
        with self._readers:
            self._readers.wait_for(lambda: not self._barred)
            if self._closed:
                raise missing(f"Collection `{self.name}` doesn't exist!")
            self._reading += 1
        try:
            yield self._shard
        finally:
            with self._readers:
                self._reading -= 1
                self._readers.notify_all()

    def update(self, operations: Sequence[edge.UpdateOperation], size: int) -> None:
        """Apply a write; it is in the log when this returns. `size` is its weight in bytes.

        The log is cut by a flush now and then: it bounds the disk used and the next start's work.
        Writes that a build would have to catch up with are bounded too: beyond that they wait.
        """
        with self._writing:
            self._writing.wait_for(lambda: self._missed_bytes < _MISSED_BYTES)
            for operation in operations:
                self._apply(operation, size // len(operations))

    def _apply(self, operation: edge.UpdateOperation, size: int) -> None:
        with self.reading() as shard:
            shard.update(operation)
            self._unflushed += size
            if self._unflushed >= _FLUSH_BYTES:
                shard.flush()
                self._unflushed = 0
        if self._missed is not None:
            self._missed.append((operation, size))
            self._missed_bytes += size

    def keep(self, record: pb.CreateCollection) -> None:
        """Describe the collection as `record` from now on; the shard is left as it is."""
        with self._writing:
            _replace(self.directory / RECORD, record.SerializeToString())
            self.record = record

    def fork(self) -> Path:
        """Copy the shard, to be built elsewhere, and remember every write from here on."""
        with self._writing, self.reading() as shard:
            number = int(self._current.name.partition("-")[2] or 0) + 1
            target = self.directory / f"{SHARD}-{number}"
            shard.flush()
            self._unflushed = 0
            shutil.copytree(self._current, target)
            self._missed = deque()
            return target

    def forget(self) -> None:
        """Give up what `fork` began."""
        with self._writing:
            self._missed, self._missed_bytes = None, 0
            self._writing.notify_all()
            self._sweep()

    def switch(self, target: Path) -> None:
        """Let the shard in `target` catch up with the writes it missed, and take it from then on.

        Reads wait for the last of it only. Whatever becomes of the process, one of both shards is
        the collection, and holds every write.
        """
        built = edge.EdgeShard.load(str(target))
        while self._missed and len(self._missed) > _FEW:
            self._catch_up(built)
        with self._writing:
            while self._missed:
                self._catch_up(built)
            built.flush()
            self._missed = None
            _replace(self.directory / CURRENT, target.name.encode())
            with self._alone():
                self._shard.close()
                self._shard, self._current = built, target
            self._sweep()

    def close(self) -> None:
        """Flush and let go of the files, once the reads under way have ended."""
        self.builder.stop()
        with self._writing, self._alone():
            self._closed = True
            self._shard.close()

    def _catch_up(self, built: edge.EdgeShard) -> None:
        assert self._missed is not None  # noqa: S101 - tells the type checker what callers saw
        operation, size = self._missed.popleft()
        built.update(operation)
        with self._writing:
            self._missed_bytes -= size
            self._writing.notify_all()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._readers:
            self._barred = True
            self._readers.wait_for(lambda: self._reading == 0)
            try:
                yield
            finally:
                self._barred = False
                self._readers.notify_all()

    def _pointed(self) -> Path:
        pointer = self.directory / CURRENT
        return self.directory / (pointer.read_text("ascii") if pointer.exists() else SHARD)

    def _sweep(self) -> None:
        """Remove every shard but the current one."""
        for path in self.directory.glob(f"{SHARD}*"):
            if path != self._current:
                shutil.rmtree(path)


def create_shard(directory: Path, record: pb.CreateCollection) -> None:
    """Make the files of a new collection. Raises `Fault` for what the engine cannot be."""
    config = engine_config(record)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    (directory / RECORD).write_bytes(record.SerializeToString())
    edge.EdgeShard.create(str(directory / SHARD), config).close()


def build_shard(target: Path) -> bool:
    """Build the indexes of the shard in `target` as the record beside it says.

    False when there was nothing to build. It takes seconds to minutes.
    """
    record = pb.CreateCollection.FromString((target.parent / RECORD).read_bytes())
    shard = edge.EdgeShard.load(str(target), engine_config(record))
    built = shard.optimize()
    shard.close()
    return built


def _replace(path: Path, content: bytes) -> None:
    written = path.with_name(f"{path.name}.written")
    written.write_bytes(content)
    written.replace(path)
