"""Writing to Qdrant: collections and their points. Imports the client library.

Each call to the engine lasts at most the source's timeout, and the whole until `deadline` where
one is given. Collections are created and indexed, never changed: a mismatch is an error.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from qdrant_client import models

from gateway.errors import ConfigurationError, InputError, SourceRefused
from gateway.sources.qdrant.acting import act
from gateway.sources.qdrant.arguments import parse_vector
from gateway.sources.qdrant.changing import Changing
from gateway.sources.qdrant.collections import Known, NoCollection, from_info, metadata_of
from gateway.sources.qdrant.ids import parse_point_id
from gateway.sources.qdrant.native_filters import native_filter
from gateway.sources.qdrant.points import Distance

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from typing import TypeAlias

    from qdrant_client import AsyncQdrantClient

    from gateway.embedding.contract import Embedder
    from gateway.schema.asks import Part
    from gateway.sources.qdrant.changes import Change, CreateCollection
    from gateway.sources.qdrant.collections import Collection
    from gateway.sources.qdrant.filters import Filter
    from gateway.sources.qdrant.ids import PointId
    from gateway.sources.qdrant.points import PayloadIndex, Point

    Run: TypeAlias = Callable[
        [Callable[[AsyncQdrantClient], Awaitable[Any]], float | None], Awaitable[Any]
    ]
    """Runs a call of the client until the given deadline; raises only `SourceError`s."""

_MAX_CHUNK = 10_000


class Administration:
    """The write side of one Qdrant source.

    `known` are its collections as they were seen last; `changing` changes their points.
    """

    def __init__(self, source: str, run: Run) -> None:
        self._source = source
        self._run = run
        self.known = Known(self.collection)
        self.changing = Changing(source, self)

    async def act(
        self,
        change: Change,
        parts: Sequence[Part],
        embedder: Embedder | None,
        deadline: float,
    ) -> Any:
        """The result of a change; see `gateway.sources.qdrant.acting`."""
        return await act(self, change, parts, embedder, deadline)

    async def run(
        self, call: Callable[[AsyncQdrantClient], Awaitable[Any]], deadline: float | None
    ) -> Any:
        """Await a call of the client, until `deadline`. Raises `SourceError`."""
        return await self._run(call, deadline)

    async def names(self, deadline: float | None = None) -> list[str]:
        """The names of all collections, in alphabetical order."""
        answer = await self._run(lambda client: client.get_collections(), deadline)
        return sorted(one.name for one in answer.collections)

    async def collection(self, name: str, deadline: float | None = None) -> Collection:
        """What the engine says of a collection. Raises `NoCollection` where there is none."""
        try:
            info = await self._run(lambda client: client.get_collection(name), deadline)
        except SourceRefused:
            if await self._run(lambda client: client.collection_exists(name), deadline):
                raise
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
        await self._run(
            lambda client: client.create_collection(
                wanted.collection,
                vectors_config=dense.get("", dense),
                sparse_vectors_config=sparse or None,
                metadata=metadata_of(model, dimensions),
            ),
            deadline,
        )
        self.known.forget(wanted.collection)

    async def create_index(
        self, name: str, index: PayloadIndex, *, deadline: float | None = None
    ) -> bool:
        """Index a payload field; False when it was indexed so. Raises `InputError` if otherwise."""
        found = await self.collection(name, deadline)
        if index.field in found.indexes:
            kind = found.indexes[index.field][0]
            if kind == index.type:
                return False
            raise InputError(
                f"field {index.field!r} of collection {name!r} is indexed as {kind}; "
                "delete that index first"
            )
        await self._index(name, index, deadline)
        return True

    async def delete_index(self, name: str, path: str, *, deadline: float | None = None) -> bool:
        """Index a payload field no more; False when it was not indexed."""
        found = await self.collection(name, deadline)
        if path not in found.indexes:
            return False
        await self._run(lambda client: client.delete_payload_index(name, path, wait=True), deadline)
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
        created = not await self._run(lambda client: client.collection_exists(name), deadline)
        if created:
            await self._run(
                lambda client: client.create_collection(
                    name,
                    vectors_config=models.VectorParams(
                        size=size, distance=models.Distance(distance.value)
                    ),
                    metadata=metadata_of(model, size),
                ),
                deadline,
            )
        found = await self.collection(name, deadline)
        self._compare(found, size, distance, model)
        for index in payload_indexes:
            if index.field not in found.indexes:
                await self._index(name, index, deadline)
        return created

    async def upsert(  # noqa: PLR0913 - each has a default that fits
        self,
        collection: str,
        points: Iterable[Point],
        *,
        size: int | None = None,
        chunk_size: int = 500,
        wait: bool = True,
        deadline: float | None = None,
    ) -> int:
        """Store points, replacing those with the same ids; returns how many.

        They are read and sent `chunk_size` at a time; the points of a chunk are checked before any
        of it is sent (against `size`, where given). Raises `InputError` naming a bad point; the
        chunks before its own are stored then.
        """
        if not 1 <= chunk_size <= _MAX_CHUNK:
            raise InputError(f"chunk_size must be from 1 to {_MAX_CHUNK}")
        stored, remaining = 0, iter(points)
        while chunk := [_native(point, size) for point in islice(remaining, chunk_size)]:
            await self._upsert(collection, chunk, deadline, wait=wait)
            stored += len(chunk)
        return stored

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
        answer = await self._run(
            lambda client: client.count(collection, count_filter=wanted, exact=exact), deadline
        )
        return int(answer.count)

    async def delete(
        self,
        collection: str,
        selected: Sequence[PointId] | Filter,
        *,
        wait: bool = True,
        deadline: float | None = None,
    ) -> None:
        """Remove points by ids (absent ones are ignored) or by a filter that is not empty."""
        selector: Any
        if isinstance(selected, list | tuple):
            selector = models.PointIdsList(points=list(selected))
        else:
            wanted = native_filter(selected)  # type: ignore[arg-type]  # not a sequence: a filter
            if wanted is None:
                raise InputError("filter is empty: it would delete every point")
            selector = models.FilterSelector(filter=wanted)
        await self._run(lambda client: client.delete(collection, selector, wait=wait), deadline)

    async def delete_collection(self, name: str, *, deadline: float | None = None) -> bool:
        """Remove a collection with its points; False when there was none."""
        self.known.forget(name)
        return bool(await self._run(lambda client: client.delete_collection(name), deadline))

    async def _index(self, name: str, index: PayloadIndex, deadline: float | None) -> None:
        schema = models.PayloadSchemaType(index.type)
        await self._run(
            lambda client: client.create_payload_index(name, index.field, schema, wait=True),
            deadline,
        )

    async def _upsert(
        self, name: str, chunk: list[models.PointStruct], deadline: float | None, *, wait: bool
    ) -> None:
        await self._run(lambda client: client.upsert(name, chunk, wait=wait), deadline)

    def _compare(self, found: Collection, size: int, distance: Distance, model: str | None) -> None:
        vectors = found.dense.get("", ("named vectors", ""))
        self._same(found.name, "vectors", (size, distance.value), vectors)
        if model is not None and found.model is not None:
            self._same(found.name, "embedding model", model, found.model)

    def _same(self, name: str, what: str, wanted: Any, found: Any) -> None:
        if wanted != found:
            raise ConfigurationError(
                f"{self._source}: collection {name!r} has {what} {found}, expected {wanted}; "
                "use another collection or build this one anew"
            )


def _native(point: Point, size: int | None) -> models.PointStruct:
    return models.PointStruct(
        id=parse_point_id(point.id, "the id of a point"),
        vector=list(parse_vector(point.vector, size, f"the vector of point {point.id}")),
        payload=dict(point.payload),
    )
