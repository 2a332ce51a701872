"""An open connection to Qdrant: every call with a deadline, every failure a `SourceError`.

Imports the client library; loaded when a source opens.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.errors import (
    ConfigurationError,
    InputError,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.breaker import ProbedBreaker
from gateway.sources.qdrant.collections import PointMissing
from gateway.sources.qdrant.reads.ordering import groups_in_order, in_order
from gateway.sources.qdrant.reads.point_reads import PointReads
from gateway.sources.qdrant.reads.searching import Searching
from gateway.sources.qdrant.wire.faults import KeyRefused, finished
from gateway.sources.qdrant.wire.filters import native_filter
from gateway.sources.qdrant.wire.wires import GrpcWire, RestWire, hit_of, payload_of
from gateway.sources.qdrant.writes.administration import Administration
from gateway.sources.qdrant.writes.bulk import Bulk
from gateway.sources.qdrant.writes.point_writes import PointWrites

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from qdrant_client import AsyncQdrantClient

    from gateway.embedding.contract import Embedder
    from gateway.sources.qdrant.points import Point, PointId
    from gateway.sources.qdrant.reads.query import Query
    from gateway.sources.qdrant.reads.shape import Hit, WithPayload
    from gateway.sources.qdrant.reads.trees import Group
    from gateway.sources.qdrant.requests.filters import Filter
    from gateway.sources.qdrant.requests.wishes import Grouped
    from gateway.sources.qdrant.wire.address import Address
    from gateway.sources.qdrant.wire.wires import Wire

_CLOSE_SECONDS = 2.0

MAX_BATCH = 1_000
"""The queries of one engine call."""


class Session:
    """The connections of one source, and all that is done by them.

    Deadlines are in the event loop's clock, seconds. `embedder` makes vectors of text.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        seconds: float,
        concurrency: int,
        embedder: Embedder | None,
    ) -> None:
        self.name = name
        self.embedder = embedder
        self._seconds = seconds
        self._wire: Wire = (
            RestWire(address, seconds, concurrency)
            if address.grpc_port is None
            else GrpcWire(address, address.grpc_port, seconds)
        )
        self.breaker = ProbedBreaker(self._sign_of_life)
        self.administration = Administration(name, self.run)
        self.searching = Searching(self)
        self.point_reads = PointReads(self)
        self.point_writes = PointWrites(name, self.administration, embedder)
        self.bulk = Bulk(self)

    async def start(self) -> None:
        """See whether the server answers.

        Raises `ConfigurationError` when it refuses the API key, `SourceError` when it is not there.
        """
        try:
            await self.administration.names()
        except KeyRefused as error:
            raise ConfigurationError(
                f"source {self.name!r}: the server does not accept the API key"
            ) from error

    async def close(self) -> None:
        """Close the connections, within two seconds."""
        await self.breaker.close()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._wire.client.close()
        except TimeoutError:
            return

    async def run(
        self, call: Callable[[AsyncQdrantClient], Awaitable[Any]], deadline: float | None
    ) -> Any:
        """Await a call of the client, until `deadline` and never longer than the timeout."""
        wire = self._wire
        return await self._within(deadline, lambda _: wire.run(lambda: call(wire.client)))

    async def size(self, collection: str, vector: str | None, deadline: float) -> int | None:
        """The dimensions of a collection's vector; None for a collection without dense ones.

        Raises `InputError` for a vector the collection has not.
        """
        found = await self.administration.known.collection(collection, deadline)
        if (vector or "") in found.dense:
            return found.dense[vector or ""][0]
        if vector and found.dense.keys() <= {""}:
            raise InputError.about(
                "using", "must not be given: the collection's vectors have no names"
            )
        if found.dense:
            names = ", ".join([*found.dense, *found.sparse])
            raise InputError.about("using", f"must be one of {names}, the collection's vectors")
        return None

    async def query(
        self, collection: str, queries: Sequence[Query], deadline: float
    ) -> list[list[Hit]]:
        """The hits of each of `queries`, in their order, from one engine call; see `in_order`."""
        until = self._until(deadline)

        async def run(some: Sequence[Query]) -> list[list[Hit]]:
            hits: list[list[Hit]] = []
            for start in range(0, len(some), MAX_BATCH):
                part = some[start : start + MAX_BATCH]
                hits += await self._within(until, partial(self._wire.query, collection, part))
            return hits

        async def records(ids: Sequence[Any], query: Query) -> list[Hit]:
            return await self.records(
                collection, ids, query.with_payload, until, with_vectors=query.with_vectors
            )

        return await in_order(queries, run, records)

    async def records(
        self,
        collection: str,
        ids: Sequence[Any],
        payload: WithPayload,
        deadline: float,
        *,
        with_vectors: bool = False,
    ) -> list[Hit]:
        """Those of the points that are stored, in any order and without scores."""
        found = await self.run(
            lambda client: client.retrieve(
                collection, ids, with_payload=payload_of(payload), with_vectors=with_vectors
            ),
            deadline,
        )
        return [hit_of(one) for one in found]

    async def query_stored(
        self, collection: str, queries: Sequence[Query], deadline: float
    ) -> list[list[Hit] | None]:
        """The hits of each of `queries`; None for one that names a point which is not stored.

        One absent point fails the engine's whole batch; only then it is asked which ones exist.
        """
        if not queries:
            return []
        try:
            return [*await self.query(collection, queries, deadline)]
        except PointMissing:
            ids = list(dict.fromkeys(one for query in queries for one in query.named()))
        records = await self.records(collection, ids, payload=False, deadline=deadline)
        stored = {one.id for one in records}
        complete = [stored.issuperset(query.named()) for query in queries]
        present = [query for query, whole in zip(queries, complete, strict=True) if whole]
        found = iter(await self.query(collection, present, deadline) if present else [])
        return [next(found) if whole else None for whole in complete]

    async def groups(
        self, collection: str, query: Query, wish: Grouped, deadline: float
    ) -> list[Group]:
        """The best groups of what `query` ranks. Raises `PointMissing` where it names none."""
        asked = partial(self._wire.groups, collection, query, wish)
        return groups_in_order(await self._within(deadline, asked))

    async def store(self, collection: str, points: Sequence[Point], deadline: float | None) -> None:
        """Store points in one engine call."""
        await self._within(deadline, partial(self._wire.store, collection, points))

    async def page(  # noqa: PLR0913 - which points, and what of them
        self,
        collection: str,
        start: PointId | None,
        limit: int,
        deadline: float,
        *,
        among: Filter | None = None,
        payload: WithPayload = False,
        with_vectors: bool = False,
    ) -> tuple[list[Hit], PointId | None]:
        """Points from the id `start` on, in the order of ids, and the id behind them."""
        wanted, fields = native_filter(among), payload_of(payload)
        points, following = await self.run(
            lambda client: client.scroll(
                collection,
                wanted,
                limit=limit,
                offset=start,
                with_payload=fields,
                with_vectors=with_vectors,
            ),
            deadline,
        )
        return [hit_of(one) for one in points], following

    async def _within(self, deadline: float | None, call: Callable[[float], Awaitable[Any]]) -> Any:
        """What a call says that is given the seconds left, which are never more than the timeout.

        Raises `SourceTimeout` where there are none; while the engine is silent,
        `SourceUnavailable` at once.
        """
        if self.breaker.open:
            raise SourceUnavailable(f"{self.name} has not answered lately; it is being spared")
        until = self._until(deadline)
        seconds = until - asyncio.get_running_loop().time()
        if seconds <= 0:
            raise SourceTimeout(f"{self.name} did not answer in time")
        try:
            return await finished(self.name, call(seconds), until)
        except SourceTimeout:
            self.breaker.suspect()
            raise

    async def _sign_of_life(self) -> None:
        with suppress(SourceRefused):  # which is an answer
            work = self._wire.run(self._wire.client.get_collections)
            await finished(self.name, work, self._until(None))

    def _until(self, deadline: float | None) -> float:
        latest = asyncio.get_running_loop().time() + self._seconds
        return latest if deadline is None else min(latest, deadline)
