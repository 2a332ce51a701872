"""Looking after a Qdrant's collections. Imports the client library.

Each call to the engine lasts at most the source's timeout, and the whole until `deadline` where
one is given. Collections are created and indexed, never changed: a mismatch is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_client import models

from gateway.errors import ConfigurationError, InputError
from gateway.schema.vectors.write_types import Distance
from gateway.sources.qdrant.collections import (
    CollectionMissing,
    Known,
    NoCollection,
    from_info,
    metadata_of,
)
from gateway.sources.qdrant.requests.changes import CreateCollection
from gateway.sources.qdrant.wire.filters import native_filter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import TypeAlias

    from qdrant_client import AsyncQdrantClient

    from gateway.sources.qdrant.collections import Collection
    from gateway.sources.qdrant.points import PayloadIndex
    from gateway.sources.qdrant.requests.changes import ChangeIndex
    from gateway.sources.qdrant.requests.filters import Filter

    Run: TypeAlias = Callable[
        [Callable[[AsyncQdrantClient], Awaitable[Any]], float | None], Awaitable[Any]
    ]
    """Runs a call of the client until the given deadline; raises only `SourceError`s."""


class Administration:
    """The collections of one Qdrant source.

    `run` runs any call; `known` are the collections as they were seen last.
    """

    def __init__(self, source: str, run: Run) -> None:
        self._source = source
        self.run = run
        self.known = Known(self.collection)

    async def names(self, deadline: float | None = None) -> list[str]:
        """The names of all collections, in alphabetical order."""
        answer = await self.run(lambda client: client.get_collections(), deadline)
        return sorted(one.name for one in answer.collections)

    async def collection(self, name: str, deadline: float | None = None) -> Collection:
        """What the engine says of a collection. Raises `NoCollection` where there is none."""
        try:
            info = await self.run(lambda client: client.get_collection(name), deadline)
        except CollectionMissing:
            raise NoCollection(name) from None
        return from_info(name, info)

    async def create(
        self,
        wanted: CreateCollection,
        *,
        model: str | None = None,
        dimensions: int | None = None,
        deadline: float | None = None,
    ) -> None:
        """Create a collection, which remembers the embedding `model` and its `dimensions`.

        A dense vector without a size gets these dimensions. Raises `SourceError`, also where there
        is a collection of that name.
        """
        dense: Any = {
            name: models.VectorParams(
                size=size or dimensions or 0, distance=models.Distance(distance.value)
            )
            for name, (size, distance) in wanted.dense.items()
        }
        sparse = {name: models.SparseVectorParams() for name in wanted.sparse}
        await self.run(
            lambda client: client.create_collection(
                wanted.collection,
                vectors_config=dense.get("", dense),
                sparse_vectors_config=sparse or None,
                metadata=metadata_of(model, dimensions),
            ),
            deadline,
        )
        self.known.forget(wanted.collection)

    async def change_index(self, change: ChangeIndex, *, deadline: float | None = None) -> bool:
        """Index a payload field, or no more; False when that is so.

        Raises `InputError` where it is indexed by another type.
        """
        name, field = change.collection, change.field
        kind = (await self.collection(name, deadline)).indexes.get(field, (None, 0))[0]
        if kind == change.type:
            return False
        if change.type is None:
            await self.run(
                lambda client: client.delete_payload_index(name, field, wait=True), deadline
            )
            return True
        if kind is not None:
            raise InputError.about(
                "field",
                f"{field!r} of collection {name!r} is indexed as {kind}; delete that index first",
            )
        await self._index(name, field, change.type, deadline)
        return True

    async def ensure_collection(  # noqa: PLR0913 - a collection is made of these
        self,
        name: str,
        size: int,
        distance: Distance = Distance.COSINE,
        payload_indexes: Iterable[PayloadIndex] = (),
        *,
        model: str | None = None,
        deadline: float | None = None,
    ) -> bool:
        """Create the collection unless it exists, and the indexes it lacks; True if created.

        `model` is the embedding model of its vectors, kept with it. Raises `ConfigurationError`
        when it exists with another size, distance or model.
        """
        created = not await self.run(lambda client: client.collection_exists(name), deadline)
        if created:
            wanted = CreateCollection(name, {"": (size, distance)})
            await self.create(wanted, model=model, dimensions=size, deadline=deadline)
        found = await self.collection(name, deadline)
        self._compare(found, size, distance, model)
        for index in payload_indexes:
            if index.field not in found.indexes:
                await self._index(name, index.field, index.type, deadline)
        return created

    async def count(
        self,
        collection: str,
        condition: Filter | None = None,
        *,
        exact: bool = True,
        deadline: float | None = None,
    ) -> int:
        """How many points there are, of those that `condition` lets through."""
        wanted = native_filter(condition)
        answer = await self.run(
            lambda client: client.count(collection, count_filter=wanted, exact=exact), deadline
        )
        return int(answer.count)

    async def delete_collection(self, name: str, *, deadline: float | None = None) -> bool:
        """Remove a collection with its points; False when there was none."""
        self.known.forget(name)
        return bool(await self.run(lambda client: client.delete_collection(name), deadline))

    async def _index(self, name: str, field: str, kind: str, deadline: float | None) -> None:
        schema = models.PayloadSchemaType(kind)
        await self.run(
            lambda client: client.create_payload_index(name, field, schema, wait=True), deadline
        )

    def _compare(self, found: Collection, size: int, distance: Distance, model: str | None) -> None:
        vectors = found.dense.get("", ("named vectors", ""))
        compared: dict[str, tuple[Any, Any]] = {"vectors": ((size, distance.value), vectors)}
        if model is not None and found.model is not None:
            compared["embedding model"] = (model, found.model)
        for what, (wanted, there) in compared.items():
            if wanted != there:
                raise ConfigurationError(
                    f"{self._source}: collection {found.name!r} has {what} {there}, "
                    f"expected {wanted}; use another collection or build this one anew"
                )
