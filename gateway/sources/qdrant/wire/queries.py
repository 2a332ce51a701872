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
from gateway.sources.qdrant.requests.wishes import Sparse
from gateway.sources.qdrant.wire.filters import native_filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.sources.qdrant.points import PointId
    from gateway.sources.qdrant.reads.narrowing import Among
    from gateway.sources.qdrant.reads.query import Near, Query
    from gateway.sources.qdrant.reads.shape import WithPayload
    from gateway.sources.qdrant.requests.filters import Filter
    from gateway.sources.qdrant.requests.wishes import Fusion

_FILTERS: dict[Filter, pb.Filter] = {}
_MOST_FILTERS, _SMALL_FILTER = 256, 1_024  # bytes
_SEVEN_BITS = 0x7F
_MORE = 0x80
_HAS_ID, _NUM, _UUID = b"\x0a", b"\x08", b"\x12"
"""Tags: member `has_id` of a condition, members `num` and `uuid` of an id."""


def query_message(collection: str, query: Query) -> pb.QueryPoints:
    """The message."""
    target = query.target
    given: dict[str, Any] = {
        "filter": _filter(query),
        "params": pb.SearchParams(exact=True) if query.exact else None,
    }
    if isinstance(target, Fused):
        ranking = _fusion(target.fusion)
        given = {"prefetch": _prefetches(target, query.using, given)}
    else:
        ranking = _ranking(target)
        given["using"] = query.using
    return pb.QueryPoints(
        **given,
        query=ranking,
        collection_name=collection,
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


def _fusion(fusion: Fusion) -> pb.Query:
    """The engine sums `1 / (constant + (rank + 1) / weight - 1)`, with ranks from 0."""
    return pb.Query(rrf=pb.Rrf(k=fusion.k + 1, weights=[fusion.vector, fusion.sparse]))


def _prefetches(
    fused: Fused, using: str | None, given: Mapping[str, Any]
) -> list[pb.PrefetchQuery]:
    """The rankings that are fused, each of the points and with the parameters that are `given`."""
    near = ((fused.dense, using), (fused.sparse, fused.fusion.using))
    return [
        pb.PrefetchQuery(
            query=pb.Query(nearest=_input(one)),
            using=name,
            limit=fused.fusion.candidates,
            **given,
        )
        for one, name in near
    ]


def _ranking(target: Near | Liked) -> pb.Query:
    if not isinstance(target, Liked):
        return pb.Query(nearest=_input(target))
    return pb.Query(
        recommend=pb.RecommendInput(
            positive=[_input(one) for one in target.positive],
            negative=[_input(one) for one in target.negative],
            strategy=pb.RecommendStrategy.Value(str(target.strategy.value)),
        )
    )


def _input(given: Near) -> pb.VectorInput:
    if isinstance(given, tuple):
        dense = pb.VectorInput()
        dense.dense.MergeFromString(packed(given))
        return dense
    if isinstance(given, Sparse):
        sparse = pb.SparseVector(values=given.values, indices=given.indices)
        return pb.VectorInput(sparse=sparse)
    one = pb.PointId(num=given) if isinstance(given, int) else pb.PointId(uuid=given)
    return pb.VectorInput(id=one)


def packed(vector: Sequence[float]) -> bytes:
    """A `DenseVector` as it is sent: a part of the time that giving it number by number takes."""
    data = np.asarray(vector, dtype="<f4").tobytes()
    return b"\n" + _varint(len(data)) + data  # its first field, repeated


@cache
def _varint(number: int) -> bytes:
    """The number in groups of seven bits, the lowest first, each but the last marked."""
    low, rest = number & _SEVEN_BITS, number >> 7
    return bytes([low | _MORE]) + _varint(rest) if rest else bytes([low])


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
