"""The collections of a data directory: one open shard each, found by name.

    DIR/lock                          who owns the directory
    DIR/collections/kept-NAME/        a collection, see `collection`
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

from gateway.embedded.qdrant.collection import Collection, create_shard
from gateway.embedded.qdrant.faults import Fault, invalid, missing
from gateway.embedded.records import FolderLock
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from qdrant_client import grpc as pb

_KEPT, _CREATING, _DELETING = "kept-", "creating-", "deleting-"
_MAX_NAME = 200


class Shards:
    """All collections under one directory, owned by this process until `close`."""

    def __init__(self, directory: Path) -> None:
        """Open everything. Raises `ConfigurationError` for a directory in use or unreadable."""
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(directory)
        self._directory = directory / "collections"
        self._directory.mkdir(exist_ok=True)
        self._changing = threading.Lock()
        self._open: dict[str, Collection] = {}
        for path in sorted(self._directory.iterdir()):
            if path.name.startswith(_KEPT):
                name = unquote(path.name.removeprefix(_KEPT))
                self._open[name] = _load(name, path)
            elif path.name.startswith((_CREATING, _DELETING)):
                shutil.rmtree(path)

    def names(self) -> list[str]:
        """The names of all collections, in alphabetical order."""
        return sorted(self._open)

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
        with self._changing:
            if name in self._open:
                raise Fault(grpc.StatusCode.ALREADY_EXISTS, f"Collection `{name}` already exists!")
            create_shard(creating, record)
            creating.rename(kept)
            self._open[name] = Collection(name, kept)

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
            self._lock.release()

    def _paths(self, name: str) -> tuple[Path, Path, Path]:
        encoded = quote(name, safe="")
        if not name or len(encoded) > _MAX_NAME:
            raise invalid(f"a collection name has 1 to {_MAX_NAME} bytes, percent-encoded")
        kept, creating, deleting = (
            self._directory / f"{prefix}{encoded}" for prefix in (_KEPT, _CREATING, _DELETING)
        )
        return kept, creating, deleting


def _load(name: str, path: Path) -> Collection:
    try:
        return Collection(name, path)
    except Exception as error:
        raise ConfigurationError(f"the collection in {path} cannot be opened: {error}") from error
