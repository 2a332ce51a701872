"""What a ranking goes by, as messages. Imports the client library."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from qdrant_client import grpc as pb

from gateway.sources.qdrant.arguments import Sparse
from gateway.sources.qdrant.ask import Fused, Liked
from gateway.sources.qdrant.wishes import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.sources.qdrant.ask import Ask, Near, Target
    from gateway.sources.qdrant.ids import PointId

_STRATEGIES = {
    Strategy.AVERAGE_VECTOR: "AverageVector",
    Strategy.BEST_SCORE: "BestScore",
    Strategy.SUM_SCORES: "SumScores",
}


def ranking(target: Target) -> pb.Query:
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


def prefetches(
    ask: Ask, wanted: pb.Filter | None, params: pb.SearchParams | None
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
        for near, using, depth in _fused(ask)
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


def _fused(ask: Ask) -> Iterator[tuple[Near, str | None, int]]:
    """The rankings that are fused: near to what, by which vector, how far."""
    target = ask.target
    if isinstance(target, Fused):
        depth = target.fusion.candidates
        yield target.dense, ask.using, depth
        yield target.sparse, target.fusion.using, depth


def _constant(target: Fused) -> int:
    """The engine's: with ranks from 0, it sums `1 / (constant + (rank + 1) / weight - 1)`."""
    return target.fusion.k + 1


def _weights(target: Fused) -> list[float]:
    return [target.fusion.vector, target.fusion.sparse]
