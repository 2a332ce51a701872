"""Queries as messages. Imports the client library.

Ten thousand ids as messages of the client cost the event loop 10 ms, and as its models 13 ms more;
written as bytes, which one call parses, they cost less than one
(https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from qdrant_client import grpc as pb
from qdrant_client import models
from qdrant_client.conversions.conversion import RestToGrpc

from gateway.sources.qdrant.reads.query import Fused, Liked
from gateway.sources.qdrant.requests.wishes import Sparse, Strategy
from gateway.sources.qdrant.wire.filters import native_filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.sources.qdrant.points import PointId
    from gateway.sources.qdrant.reads.narrowing import Among
    from gateway.sources.qdrant.reads.query import Near, Query, Target
    from gateway.sources.qdrant.reads.shape import WithPayload
    from gateway.sources.qdrant.requests.filters import Filter

_FILTERS: dict[Filter, pb.Filter] = {}
_MOST_FILTERS, _SMALL_FILTER = 256, 1_024  # bytes
_SEVEN_BITS = 0x7F
_MORE = 0x80
_HAS_ID, _NUM, _UUID = b"\x0a", b"\x08", b"\x12"
"""Tags: member `has_id` of a condition, members `num` and `uuid` of an id."""
_STRATEGIES = {
    Strategy.AVERAGE_VECTOR: "AverageVector",
    Strategy.BEST_SCORE: "BestScore",
    Strategy.SUM_SCORES: "SumScores",
}


def query_message(collection: str, query: Query) -> pb.QueryPoints:
    """The message."""
    fused = isinstance(query.target, Fused)
    wanted, params = _filter(query), pb.SearchParams(exact=True) if query.exact else None
    return pb.QueryPoints(
        collection_name=collection,
        query=_ranking(query.target),
        prefetch=_prefetches(query, wanted, params),
        using=None if fused else query.using,
        filter=None if fused else wanted,
        params=None if fused else params,
        score_threshold=query.score_threshold,
        limit=query.limit,
        offset=query.offset,
        with_payload=_payload(query.with_payload),
        with_vectors=pb.WithVectorsSelector(enable=True) if query.with_vectors else None,
    )


def _filter(query: Query) -> pb.Filter | None:
    wanted = _converted(query.filter)
    return wanted if query.among is None else narrowed(wanted, query.among)


def _converted(given: Filter | None) -> pb.Filter | None:
    """The filter as it is sent; small ones are kept, since the client's models take their time."""
    if given is None:
        return None
    converted = _FILTERS.get(given)
    if converted is None:
        converted = RestToGrpc.convert_filter(native_filter(given) or models.Filter())
        if len(_FILTERS) >= _MOST_FILTERS:
            _FILTERS.clear()
        if converted.ByteSize() <= _SMALL_FILTER:
            _FILTERS[given] = converted
    return converted


def _payload(wanted: WithPayload) -> pb.WithPayloadSelector:
    if isinstance(wanted, tuple):
        return pb.WithPayloadSelector(include=pb.PayloadIncludeSelector(fields=wanted))
    return pb.WithPayloadSelector(enable=wanted)


def _ranking(target: Target) -> pb.Query:
    """The ranking of a query; of `Fused`, what is made of its prefetches."""
    if isinstance(target, Fused):
        return pb.Query(rrf=pb.Rrf(k=_constant(target), weights=_weights(target)))
    if not isinstance(target, Liked):
        return pb.Query(nearest=_input(target))
    return pb.Query(
        recommend=pb.RecommendInput(
            positive=[_input(one) for one in target.positive],
            negative=[_input(one) for one in target.negative],
            strategy=pb.RecommendStrategy.Value(_STRATEGIES[target.strategy]),
        )
    )


def _prefetches(
    query: Query, wanted: pb.Filter | None, params: pb.SearchParams | None
) -> list[pb.PrefetchQuery]:
    """The rankings that are fused, of points that `wanted` lets through; none of other targets."""
    return [
        pb.PrefetchQuery(
            query=pb.Query(nearest=_input(near)),
            using=using,
            filter=wanted,
            params=params,
            limit=depth,
        )
        for near, using, depth in _fused(query)
    ]


def _input(given: Near) -> pb.VectorInput:
    if isinstance(given, tuple):
        dense = pb.VectorInput()
        dense.dense.MergeFromString(packed(given))
        return dense
    if isinstance(given, Sparse):
        sparse = pb.SparseVector(values=given.values, indices=given.indices)
        return pb.VectorInput(sparse=sparse)
    return pb.VectorInput(id=point_id(given))


def packed(vector: Sequence[float]) -> bytes:
    """A `DenseVector` as it is sent: a part of the time that giving it number by number takes."""
    data = np.asarray(vector, dtype="<f4").tobytes()
    return b"\n" + _varint(len(data)) + data  # its first field, repeated


@cache
def _varint(number: int) -> bytes:
    """The number in groups of seven bits, the lowest first, each but the last marked."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def point_id(value: PointId) -> pb.PointId:
    """An id as a message."""
    return pb.PointId(num=value) if isinstance(value, int) else pb.PointId(uuid=value)


def _fused(query: Query) -> Iterator[tuple[Near, str | None, int]]:
    """The rankings that are fused: near to what, by which vector, how far."""
    target = query.target
    if isinstance(target, Fused):
        depth = target.fusion.candidates
        yield target.dense, query.using, depth
        yield target.sparse, target.fusion.using, depth


def _constant(target: Fused) -> int:
    """The engine's: with ranks from 0, it sums `1 / (constant + (rank + 1) / weight - 1)`."""
    return target.fusion.k + 1


def _weights(target: Fused) -> list[float]:
    return [target.fusion.vector, target.fusion.sparse]


def narrowed(wanted: pb.Filter | None, among: Among) -> pb.Filter:
    """The filter, for these points alone."""
    conditions = [_ids(among.ids)] if among.ids or not among.keys else []
    if among.field is not None:
        conditions += _keys(among.field, among.keys)
    own = conditions[0]
    if len(conditions) > 1:
        own = pb.Condition(filter=pb.Filter(should=conditions))
    merged = pb.Filter()
    if wanted is not None:
        merged.must.append(pb.Condition(filter=wanted))
    merged.must.append(own)
    return merged


def _ids(ids: Sequence[PointId]) -> pb.Condition:
    numbers = [one for one in ids if isinstance(one, int)]
    texts = [one for one in ids if isinstance(one, str)]
    written = _number_ids(numbers) + _uuid_ids(texts)
    return pb.Condition(has_id=pb.HasIdCondition.FromString(written))


def _keys(field: str, keys: Sequence[int | str]) -> list[pb.Condition]:
    numbers = [key for key in keys if isinstance(key, int)]
    texts = [key for key in keys if isinstance(key, str)]
    matches = [pb.Match(integers=pb.RepeatedIntegers(integers=numbers))] if numbers else []
    if texts:
        matches.append(pb.Match(keywords=pb.RepeatedStrings(strings=texts)))
    return [pb.Condition(field=pb.FieldCondition(key=field, match=match)) for match in matches]


def _number_ids(ids: Sequence[int]) -> bytes:
    """`repeated PointId` of numbers: those whose varints are equally long as one block of bytes."""
    values = np.array(ids, dtype=np.uint64)
    written: list[bytes] = []
    rest = values
    length = 1
    while rest.size:
        fits = rest < np.uint64(1 << 7 * length) if 7 * length < 64 else np.ones(rest.size, bool)  # noqa: PLR2004 - bits
        written.append(_block(rest[fits], length))
        rest = rest[~fits]
        length += 1
    return b"".join(written)


def _block(values: np.ndarray[Any, Any], length: int) -> bytes:
    head = np.frombuffer(_HAS_ID + bytes([length + 1]) + _NUM, dtype=np.uint8)
    block = np.empty((values.size, head.size + length), dtype=np.uint8)
    block[:, : head.size] = head
    for place in range(length):
        part = (values >> np.uint64(7 * place)) & np.uint64(_SEVEN_BITS)
        more = _MORE if place < length - 1 else 0
        block[:, head.size + place] = part.astype(np.uint8) | more
    return block.tobytes()


def _uuid_ids(ids: Sequence[str]) -> bytes:
    """`repeated PointId` of UUIDs, which are all equally long."""
    encoded = [one.encode() for one in ids]
    return b"".join(
        _HAS_ID + bytes([len(one) + 2]) + _UUID + bytes([len(one)]) + one for one in encoded
    )
