"""A Qdrant server as a source: life cycle, searches, neighbours."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gateway.errors import (
    Code,
    InputError,
    SourceDataError,
    SourceError,
    SourceRefused,
    SourceUnavailable,
)
from gateway.sources.contract import Health
from gateway.sources.qdrant import asks
from gateway.sources.qdrant.address import checked_address
from gateway.sources.qdrant.arguments import Nearest, check_dimensions
from gateway.sources.qdrant.ask import ask
from gateway.sources.qdrant.ids import point_id
from gateway.sources.qdrant.prepared import PreparedNearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.embedding.contract import Embedder
    from gateway.schema.asks import Hits
    from gateway.sources.contract import Batch, Budget, Key, Value
    from gateway.sources.qdrant.administration import Administration
    from gateway.sources.qdrant.arguments import Search
    from gateway.sources.qdrant.ask import Target
    from gateway.sources.qdrant.ids import PointId
    from gateway.sources.qdrant.prepared import PreparedHits, VectorCollection
    from gateway.sources.qdrant.session import Session


class QdrantSource:
    """Vector search behind the source contract; see `gateway.sources.contract.Source`.

    The client library is imported when it opens.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        url: str,
        *,
        grpc_port: int = 6334,
        prefer_grpc: bool = True,
        api_key: str | None = None,
        timeout_seconds: float = 5.0,
        concurrency: int = 16,
        embedder: Embedder | None = None,
    ) -> None:
        """`url` is the server's REST address, whose host serves gRPC on `grpc_port` as well.

        `https` means TLS on both. `timeout_seconds` bounds every call that has no earlier
        deadline. `embedder` turns the text of searches into vectors. Raises `ConfigurationError`
        for an address that is none.
        """
        self.name = name
        self.concurrency = concurrency
        self._address = checked_address(name, url, grpc_port if prefer_grpc else None, api_key)
        self._seconds = timeout_seconds
        self._embedder = embedder
        self._open: Session | None = None

    def prepare_hits(
        self, hits: Hits, *, by_key: bool, fields: tuple[str, ...] | None
    ) -> PreparedHits:
        """A search, or the neighbours of stored points by key, compiled. Pure.

        `fields` are those of the payload that are shown, None for all.
        """
        return asks.hits(self.name, hits, by_key=by_key, fields=fields)

    def search_arguments(self, values: Mapping[str, Any], *, size: int | None) -> Search:
        """The checked arguments of a search field; `size` of its vectors. Raises `InputError`."""
        return asks.search(values, size)

    def nearest_arguments(self, values: Mapping[str, Any]) -> Nearest:
        """The checked arguments of a neighbours field. Raises `InputError`."""
        return asks.nearest(values)

    async def open(self) -> None:
        """Load the client library, connect, and see whether the server answers.

        Raises `SourceError` when it does not: the source is usable all the same, as soon as the
        server is there. Raises `ConfigurationError` when it refuses the API key.
        """
        # A second of importing, during which the event loop goes on.
        session = await asyncio.to_thread(_session_class)
        self._open = session(self.name, self._address, self._seconds, self.concurrency)
        await self._open.start()

    async def close(self) -> None:
        """Close all connections within two seconds; idempotent."""
        session, self._open = self._open, None
        if session is not None:
            await session.close()

    async def check(self, budget: Budget) -> Health:
        """Ask for the names of the collections; proves the address, the key and the server."""
        try:
            count = len(await self._session().collections(budget.deadline))
        except SourceError as error:
            return Health(ready=False, detail=error.message)
        return Health(ready=True, detail=f"{count} collections", figures={"collections": count})

    async def execute(
        self, prepared: PreparedHits, batch: Batch, budget: Budget
    ) -> Sequence[Value]:
        """Run a search, or find the neighbours of every key; one engine call either way.

        `batch.arguments` is `(Search,)`, or `(Nearest,)` where its defaults do not suit.
        """
        try:
            if isinstance(prepared, PreparedNearest):
                return await self._nearest(prepared, batch, budget.deadline)
            return [await self._search(prepared, batch.arguments[0], budget.deadline)]
        except InputError as error:
            # The client is at fault, which only showed on the way: this field fails, no other.
            raise SourceRefused(error.message, code=error.code) from None
        except SourceDataError:
            self._session().forget(prepared.collection.name)
            raise

    def describe(self, prepared: PreparedHits) -> Mapping[str, Any]:
        """The engine call for `explain` and the golden plans."""
        collection, wish = prepared.collection, prepared.with_payload
        return {
            "engine": "qdrant",
            "call": "query_batch_points",
            "near": "the keys' points" if prepared.by_key else "vector, text or id",
            "collection": collection.name,
            "using": collection.vector,
            "with_payload": list(wish) if isinstance(wish, tuple) else wish,
            "with_vectors": prepared.with_vectors,
            "hit": {field.response_key: field.kind.value for field in prepared.hit},
        }

    @property
    def administration(self) -> Administration:
        """The write side of the source. Raises `SourceUnavailable` while it is not open."""
        return self._session().administration

    async def _search(self, prepared: PreparedHits, search: Search, deadline: float) -> bytes:
        target = await self._target(prepared.collection, search, deadline)
        question = ask(prepared, target, search, search.offset)
        if search.point_id is None:
            (hits,) = await self._session().query(prepared.collection.name, [question], deadline)
            return prepared.shape.encode(hits)
        (near,) = await self._session().query_stored(prepared.collection.name, [question], deadline)
        if near is None:
            raise InputError(f"id: collection {prepared.collection.name!r} has no such point")
        return prepared.shape.encode(near)

    async def _nearest(
        self, prepared: PreparedNearest, batch: Batch, deadline: float
    ) -> Sequence[Value]:
        wish = batch.arguments[0] if batch.arguments else Nearest()
        ids = [self._key_id(key) for key in batch.keys]
        asks = [ask(prepared, one, wish) for one in dict.fromkeys(ids) if one is not None]
        found = await self._session().query_stored(prepared.collection.name, asks, deadline)
        values: dict[PointId | None, bytes | None] = {
            question.target: None if hits is None else prepared.shape.encode(hits)
            for question, hits in zip(asks, found, strict=True)
            if isinstance(question.target, int | str)
        }
        return [values.get(one) for one in ids]

    async def _target(
        self, collection: VectorCollection, search: Search, deadline: float
    ) -> Target:
        """What to search near: given, stored under an id, or embedded from text."""
        if search.point_id is not None:
            return search.point_id
        size = collection.size
        if size is None:
            size = await self._session().size(collection.name, collection.vector, deadline)
        if search.vector is not None:
            check_dimensions(search.vector, size)
            return search.vector
        return await self._embedded(search.text or "", size, deadline)

    async def _embedded(self, text: str, size: int | None, deadline: float) -> tuple[float, ...]:
        embedder = self._embedder
        if embedder is None:
            raise InputError(f"{self.name} has no embedder for text; search by vector or id")
        (vector,) = await embedder.embed([text], deadline)
        if not any(vector):
            raise InputError("text holds nothing that the embedding model knows; use other words")
        if size is not None and len(vector) != size:
            raise SourceRefused(
                f"{self.name}: model {embedder.model} makes {len(vector)} dimensions, "
                f"the collection has {size}",
                code=Code.CONFIGURATION,
            )
        return tuple(vector)

    def _session(self) -> Session:
        if self._open is None:
            raise SourceUnavailable(f"{self.name} is not open")
        return self._open

    def _key_id(self, key: Key) -> PointId | None:
        if len(key) != 1:
            raise SourceRefused(
                f"{self.name}: a point has one id, the entity's key has {len(key)} parts",
                code=Code.CONFIGURATION,
            )
        return point_id(key[0])


def _session_class() -> type[Session]:
    from gateway.sources.qdrant.session import Session  # noqa: PLC0415 - loads the client library

    return Session
