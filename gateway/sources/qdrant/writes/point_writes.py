"""Carries out changes of points: checked against the live collection, then sent in chunks.

Imports the client library. Nothing is sent before all of it was checked; what a chunk stored stays
stored when a later one fails, and the same upsert may be sent again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from qdrant_client import models

from gateway.errors import Code, InputError, SourceError, SourceRefused, SourceTimeout
from gateway.sources.qdrant.requests.arguments import check_dimensions
from gateway.sources.qdrant.requests.changes import DeletePayload, SetPayload, Upsert
from gateway.sources.qdrant.requests.wishes import Sparse
from gateway.sources.qdrant.wire.filters import native_filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.embedding.contract import Embedder
    from gateway.sources.qdrant.collections import Collection
    from gateway.sources.qdrant.requests.changes import NewPoint, PointChange
    from gateway.sources.qdrant.writes.administration import Administration

CHUNK_POINTS = 128
"""Points made into messages at once: for these milliseconds the event loop stands still."""
CHUNK_BYTES = 1 << 20
_BYTES_PER_NUMBER = 4
_AT_ONCE = 4
"""Changes of one process under way at once: each holds its points in memory."""


class PointWrites:
    """The changes of points of one source."""

    def __init__(
        self, source: str, administration: Administration, embedder: Embedder | None
    ) -> None:
        """`embedder` makes the vectors of points that are given by text."""
        self._source = source
        self._administration = administration
        self._embedder = embedder
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def apply(self, change: Upsert | PointChange, deadline: float) -> dict[str, Any]:
        """Do it; `status` and `count`, as `VectorWrite` has them.

        Raises `InputError` for what does not fit the collection, `SourceError` where the engine
        fails.
        """
        try:
            async with asyncio.timeout_at(deadline):
                await self._places.acquire()
        except TimeoutError:
            raise SourceTimeout(f"{self._source}: too many changes are under way") from None
        try:
            if isinstance(change, Upsert):
                return await self._upsert(change, deadline)
            return await self._changed(change, deadline)
        except SourceError:
            self._administration.known.forget(change.collection)
            raise
        finally:
            self._places.release()

    async def _changed(self, change: PointChange, deadline: float) -> dict[str, Any]:
        name, wait = change.collection, change.wait
        administration, picked = self._administration, _selector(change)
        await administration.known.collection(name, deadline)
        if change.ids is None:
            count = await administration.count(name, change.filter, deadline=deadline)
        else:
            count = len(change.ids)

        async def call(client: Any) -> Any:
            match change:
                case SetPayload(payload=payload, replace=True):
                    return await client.overwrite_payload(name, payload, picked, wait=wait)
                case SetPayload(payload=payload):
                    return await client.set_payload(name, payload, picked, wait=wait)
                case DeletePayload(fields=fields):
                    return await client.delete_payload(name, list(fields), picked, wait=wait)
            return await client.delete(name, picked, wait=wait)

        return {"status": _status(await administration.run(call, deadline)), "count": count}

    # Upserts -----------------------------------------------------------------------------------

    async def _upsert(self, change: Upsert, deadline: float) -> dict[str, Any]:
        await self._check(change, deadline)
        stored, status = 0, ""
        for chunk in _chunks(change.points):
            try:
                made = await self._made(change, chunk, stored, deadline)
                status = await self._store(change, made, deadline)
            except (SourceError, InputError) as error:
                raise _partial(error, stored, len(change.points)) from None
            stored += len(chunk)
        return {"status": status, "count": stored}

    async def _store(self, change: Upsert, made: list[models.PointStruct], deadline: float) -> str:
        answer = await self._administration.run(
            lambda client: client.upsert(change.collection, made, wait=change.wait), deadline
        )
        return _status(answer)

    async def _check(self, change: Upsert, deadline: float) -> None:
        """Refuse points that do not fit the collection, and texts that nobody can embed."""
        embedder = self._embedder
        texts = {place: one.text for place, one in enumerate(change.points) if one.text is not None}
        known = self._administration.known
        if not texts:
            found = await known.collection(change.collection, deadline)
        elif embedder is None:
            raise InputError(f"{self._source} has no embedder for `text`; give vectors.")
        else:
            found = await known.fit_for(change.collection, embedder, deadline)
            embedder.check(list(texts.values()), names=[f"points[{place}].text" for place in texts])
            size = _size(found, change.vector, f"points[{next(iter(texts))}].text")
            if size != embedder.dimensions:
                raise SourceRefused(
                    f"{self._source}: model {embedder.model} makes {embedder.dimensions} "
                    f"dimensions, collection {found.name!r} has {size}",
                    code=Code.CONFIGURATION,
                )
        for place, point in enumerate(change.points):
            where = f"points[{place}]"
            if point.vector is not None:
                size = _size(found, change.vector, f"{where}.vector")
                check_dimensions(point.vector, size, f"{where}.vector")
            for number, (name, vector) in enumerate(point.named.items()):
                _check_named(found, name, vector, f"{where}.vectors[{number}]")

    async def _made(
        self, change: Upsert, chunk: Sequence[NewPoint], start: int, deadline: float
    ) -> list[models.PointStruct]:
        """The points of a chunk as the client takes them, their texts embedded."""
        texts = [point.text for point in chunk if point.text is not None]
        embedder = self._embedder
        vectors = iter(await embedder.embed(texts, deadline) if texts and embedder else [])
        made = []
        for place, point in enumerate(chunk, start):
            vector = point.vector
            if point.text is not None:
                vector = tuple(next(vectors))
                if not any(vector):
                    raise InputError.about(
                        f"points[{place}].text",
                        "holds nothing that the embedding model knows; use other words",
                    )
            made.append(
                models.PointStruct.model_construct(
                    id=point.id,
                    vector=_vectors(vector, change.vector, point),
                    payload=dict(point.payload),
                )
            )
        return made


def _chunks(points: Sequence[NewPoint]) -> Iterator[Sequence[NewPoint]]:
    """The points, in their order, in parts that are sent one by one."""
    chunk: list[NewPoint] = []
    size = 0
    for point in points:
        own = point.payload_bytes + _BYTES_PER_NUMBER * len(point.vector or ())
        if chunk and (len(chunk) == CHUNK_POINTS or size + own > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(point)
        size += own
    yield chunk


def _vectors(vector: tuple[float, ...] | None, name: str | None, point: NewPoint) -> Any:
    """One vector as a list, several or a named one by their names."""
    if vector is not None and name is None and not point.named:
        return list(vector)
    found: dict[str, Any] = {} if vector is None else {name or "": list(vector)}
    for own, value in point.named.items():
        found[own] = (
            models.SparseVector(indices=list(value.indices), values=list(value.values))
            if isinstance(value, Sparse)
            else list(value)
        )
    return found


def _size(found: Collection, name: str | None, where: str) -> int:
    """The dimensions of the collection's vector of this name, or of the one without."""
    size = found.dense.get(name or "")
    if size is None:
        known = ", ".join(filter(None, (*found.dense, *found.sparse))) or "none"
        which = f"no vector {name!r}" if name else "no vector without a name"
        raise InputError.about(
            where, f"does not fit: this collection has {which}; its named vectors: {known}"
        )
    return size[0]


def _check_named(found: Collection, name: str, vector: Any, where: str) -> None:
    if isinstance(vector, Sparse):
        if name not in found.sparse:
            known = ", ".join(found.sparse) or "none"
            raise InputError.about(f"{where}.name", f"must be a sparse vector there is: {known}")
        return
    if name not in found.dense or not name:
        known = ", ".join(filter(None, found.dense)) or "none"
        raise InputError.about(f"{where}.name", f"must be a dense vector there is: {known}")
    check_dimensions(vector, found.dense[name][0], f"{where}.values")


def _selector(change: PointChange) -> Any:
    if change.ids is not None:
        return models.PointIdsList(points=list(change.ids))
    return models.FilterSelector(filter=native_filter(change.filter) or models.Filter())


def _status(answer: Any) -> str:
    completed = getattr(answer, "status", None) == models.UpdateStatus.COMPLETED
    return "COMPLETED" if completed else "ACKNOWLEDGED"


def _partial(error: SourceError | InputError, stored: int, count: int) -> SourceError | InputError:
    """The error, and how far the upsert came."""
    if not stored:
        return error
    reason = error.message.rstrip(".")
    return type(error)(
        f"{reason}. {stored} of {count} points are stored, and all may be sent again.",
        code=error.code,
        extensions={**error.details, "stored": stored},
    )
