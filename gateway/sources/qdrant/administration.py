"""Writing to Qdrant: collections and their points. Imports the client library.

Each call to the engine lasts at most the source's timeout, and the whole until `deadline` where
one is given. Collections are created and indexed, never changed: a mismatch is an error.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from qdrant_client import models

from gateway.errors import ConfigurationError, InputError
from gateway.sources.qdrant.arguments import parse_vector
from gateway.sources.qdrant.ids import parse_point_id
from gateway.sources.qdrant.native_filters import native_filter
from gateway.sources.qdrant.points import Distance

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from typing import TypeAlias

    from qdrant_client import AsyncQdrantClient

    from gateway.sources.qdrant.filters import Filter
    from gateway.sources.qdrant.ids import PointId
    from gateway.sources.qdrant.points import PayloadIndex, Point

    Run: TypeAlias = Callable[
        [Callable[[AsyncQdrantClient], Awaitable[Any]], float | None], Awaitable[Any]
    ]
    """Runs a call of the client until the given deadline; raises only `SourceError`s."""

_MODEL = "embedding_model"
_MAX_CHUNK = 10_000


class Administration:
    """The write side of one Qdrant source."""

    def __init__(self, source: str, run: Run) -> None:
        self._source = source
        self._run = run

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
                    metadata=None if model is None else {_MODEL: model},
                ),
                deadline,
            )
        info = await self._run(lambda client: client.get_collection(name), deadline)
        self._compare(name, info.config, size, distance, model)
        for index in payload_indexes:
            if index.field not in info.payload_schema:
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

    def _compare(
        self,
        name: str,
        config: models.CollectionConfig,
        size: int,
        distance: Distance,
        model: str | None,
    ) -> None:
        vectors = config.params.vectors
        found = (
            (vectors.size, vectors.distance.value)
            if isinstance(vectors, models.VectorParams)
            else ("named vectors", "")
        )
        self._same(name, "vectors", (size, distance.value), found)
        kept = (config.metadata or {}).get(_MODEL)
        if model is not None and kept is not None:
            self._same(name, "embedding model", model, kept)

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
