"""The two ways to a Qdrant server. Imports the client library: only loaded by an open source.

The path of every search is written out for gRPC on the client's own stubs: its models would cost
more than the call. REST sends the same messages, as the client converts them. Rare calls go through
`client` on either wire.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from itertools import repeat
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from qdrant_client import AsyncQdrantClient, models
from qdrant_client import grpc as pb
from qdrant_client.conversions.conversion import GrpcToRest

from gateway.sources.qdrant.reads.shape import Hit
from gateway.sources.qdrant.reads.trees import Group
from gateway.sources.qdrant.wire.points import grpc_upsert
from gateway.sources.qdrant.wire.queries import query_message
from gateway.turns import fair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gateway.sources.qdrant.points import Point
    from gateway.sources.qdrant.reads.query import Query
    from gateway.sources.qdrant.reads.shape import WithPayload
    from gateway.sources.qdrant.requests.wishes import Grouped
    from gateway.sources.qdrant.wire.address import Address

_NO_PAYLOAD: Mapping[str, Any] = MappingProxyType({})
_NONE = repeat(None)
_GRPC_OPTIONS = {
    # A server that comes back is used again within a second, not within two minutes.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.min_reconnect_backoff_ms": 5_000,  # in truth the time a connection attempt may take
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 5_000,
    "grpc.enable_retries": 0,
}


class Wire(ABC):
    """How queries travel."""

    def __init__(self, address: Address, seconds: float, **options: Any) -> None:
        """`seconds`: the longest that any call takes; `options` are more of the client's."""
        self.client = AsyncQdrantClient(
            url=address.url,
            headers=None if address.api_key is None else {"api-key": address.api_key},
            timeout=math.ceil(seconds),
            check_compatibility=False,
            **options,
        )

    @abstractmethod
    async def query(
        self, collection: str, queries: Sequence[Query], seconds: float
    ) -> list[list[Hit]]:
        """Run all of `queries` in one call that takes at most `seconds`; hits per query, in order.

        Raises whatever the client library raises.
        """

    @abstractmethod
    async def groups(
        self, collection: str, query: Query, wish: Grouped, seconds: float
    ) -> list[Group]:
        """The best groups of what `query` ranks, in at most `seconds`; raises as `query` does."""

    @abstractmethod
    async def store(self, collection: str, points: Sequence[Point], seconds: float) -> None:
        """Store points in one call that takes at most `seconds`; raises as `query` does."""

    async def run(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Await a call of `client`, in the way this wire can be cancelled."""
        return await call()


class GrpcWire(Wire):
    """gRPC: calls end when they are cancelled."""

    def __init__(self, address: Address, port: int, seconds: float) -> None:
        options = {"grpc_options": dict(_GRPC_OPTIONS), "pool_size": 1}
        super().__init__(address, seconds, prefer_grpc=True, grpc_port=port, **options)

    async def query(
        self, collection: str, queries: Sequence[Query], seconds: float
    ) -> list[list[Hit]]:
        """See `Wire.query`."""
        request = pb.QueryBatchPoints(
            collection_name=collection,
            query_points=[query_message(collection, query) for query in queries],
            timeout=math.ceil(seconds),
        )
        response = await self.client.grpc_points.QueryBatch(request, timeout=seconds)
        await fair()
        return [
            _grpc_hits(batch.result, query)
            for query, batch in zip(queries, response.result, strict=True)
        ]

    async def groups(
        self, collection: str, query: Query, wish: Grouped, seconds: float
    ) -> list[Group]:
        """See `Wire.groups`."""
        asked = query_message(collection, query)
        given = {one.name: value for one, value in asked.ListFields() if one.name != "offset"}
        given |= {"group_by": wish.by, "group_size": wish.size, "limit": wish.limit}
        request = pb.QueryPointGroups(**given, timeout=math.ceil(seconds))
        response = await self.client.grpc_points.QueryGroups(request, timeout=seconds)
        return [
            Group(_grpc_group_key(group.id), [_grpc_hit(point, query) for point in group.hits])
            for group in response.result.groups
        ]

    async def store(self, collection: str, points: Sequence[Point], seconds: float) -> None:
        """See `Wire.store`."""
        await self.client.grpc_points.Upsert(grpc_upsert(collection, points), timeout=seconds)


class RestWire(Wire):
    """REST: a cancelled httpx call may lose its connection for good, so calls always run out.

    At most `concurrency` run at a time, those that nobody waits for any more included.
    """

    def __init__(self, address: Address, seconds: float, concurrency: int) -> None:
        super().__init__(address, seconds)
        self._slots = asyncio.Semaphore(concurrency)

    async def query(
        self, collection: str, queries: Sequence[Query], seconds: float
    ) -> list[list[Hit]]:
        """See `Wire.query`."""
        requests = [
            GrpcToRest.convert_query_points(query_message(collection, query)) for query in queries
        ]
        responses = await self.run(
            lambda: self.client.query_batch_points(collection, requests, timeout=math.ceil(seconds))
        )
        return [
            [_rest_hit(point, query) for point in response.points]
            for query, response in zip(queries, responses, strict=True)
        ]

    async def groups(
        self, collection: str, query: Query, wish: Grouped, seconds: float
    ) -> list[Group]:
        """See `Wire.groups`."""
        asked = GrpcToRest.convert_query_points(query_message(collection, query))
        response = await self.run(
            lambda: self.client.query_points_groups(
                collection,
                group_by=wish.by,
                group_size=wish.size,
                limit=wish.limit,
                query=asked.query,
                using=asked.using,
                query_filter=asked.filter,
                search_params=asked.params,
                score_threshold=asked.score_threshold,
                with_payload=asked.with_payload or False,
                with_vectors=asked.with_vector or False,
                timeout=math.ceil(seconds),
            )
        )
        return [
            Group(group.id, [_rest_hit(point, query) for point in group.hits])
            for group in response.groups
        ]

    async def store(self, collection: str, points: Sequence[Point], seconds: float) -> None:
        """See `Wire.store`."""
        native = [
            models.PointStruct(id=one.id, vector=list(one.vector), payload=dict(one.payload))
            for one in points
        ]
        await self.run(
            lambda: self.client.upsert(collection, native, wait=True, timeout=math.ceil(seconds))
        )

    async def run(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """See `Wire.run`."""
        await self._slots.acquire()
        task = asyncio.ensure_future(call())
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: asyncio.Future[Any]) -> None:
        self._slots.release()
        if not task.cancelled():
            task.exception()  # looked at, so that a call nobody waits for ends in silence


def _grpc_hits(points: Sequence[pb.ScoredPoint], query: Query) -> list[Hit]:
    """The hits; those of a bare ranking, which may be thousands, in a fifth of the time."""
    if query.with_payload or query.with_vectors:
        return [_grpc_hit(point, query) for point in points]
    scores = np.array([point.score for point in points], dtype=np.float32)
    ids = [point.id for point in points]
    return list(
        map(Hit, [one.num or one.uuid or 0 for one in ids], scores, repeat(_NO_PAYLOAD), _NONE)
    )


def _grpc_hit(point: pb.ScoredPoint, query: Query) -> Hit:
    found = point.id
    return Hit(
        found.num if found.WhichOneof("point_id_options") == "num" else found.uuid,
        np.float32(point.score),  # written with a float's few digits, not a double's seventeen
        _grpc_values(point.payload),
        *(_grpc_vectors(point.vectors, query.using) if query.with_vectors else (None, None)),
    )


def _grpc_group_key(message: pb.GroupId) -> int | str:
    key: int | str = getattr(message, message.WhichOneof("kind") or "string_value")
    return key


def _grpc_values(fields: Mapping[str, pb.Value]) -> dict[str, Any]:
    return {name: _grpc_value(value) for name, value in fields.items()}


def _grpc_value(message: pb.Value) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "struct_value":
        return _grpc_values(message.struct_value.fields)
    if kind == "list_value":
        return [_grpc_value(item) for item in message.list_value.values]
    return None if kind in (None, "null_value") else getattr(message, kind)


def _grpc_vectors(message: pb.VectorsOutput, using: str | None) -> tuple[Any, Any]:
    """The vector by the name `using`, and all of them by name; the default one's is empty."""
    if message.WhichOneof("vectors_options") == "vector":
        alone = _grpc_vector(message.vector)
        return alone, {"": alone}
    named = {name: _grpc_vector(one) for name, one in message.vectors.vectors.items()}
    return named.get(using or ""), named


def _grpc_vector(vector: pb.VectorOutput) -> Any:
    if vector.WhichOneof("vector") == "sparse":
        sparse = vector.sparse
        return {"indices": list(sparse.indices), "values": _floats(sparse.values)}
    if vector.WhichOneof("vector") == "multi_dense":
        return [_floats(row.data) for row in vector.multi_dense.vectors]
    # Servers before 1.16 answer in the field that is now deprecated.
    return _floats(vector.dense.data or vector.data)


def _floats(numbers: Any) -> Any:
    return np.array(numbers, dtype=np.float32)


def _rest_hit(point: models.ScoredPoint, query: Query) -> Hit:
    hit = hit_of(point, query.using)
    return hit._replace(score=np.float32(point.score))


def hit_of(point: models.Record | models.ScoredPoint, using: str | None = None) -> Hit:
    """A point as the client's models have it, without a score."""
    found = point.id if isinstance(point.id, int) else str(point.id)
    given: Any = point.vector
    if given is None:
        return Hit(found, None, point.payload or {}, None)
    named = given if isinstance(given, dict) else {"": given}
    vectors = {name: _rest_vector(one) for name, one in named.items()}
    return Hit(found, None, point.payload or {}, vectors.get(using or ""), vectors)


def payload_of(wanted: WithPayload) -> Any:
    """What to fetch of a payload, as the client's models have it."""
    return (
        models.PayloadSelectorInclude(include=list(wanted)) if isinstance(wanted, tuple) else wanted
    )


def _rest_vector(vector: Any) -> Any:
    if isinstance(vector, models.SparseVector):
        return {"indices": vector.indices, "values": _floats(vector.values)}
    return _floats(vector)
