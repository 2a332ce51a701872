"""Vector searches that take more than one request, answered: narrowed, fused with words, or both.

The rankings by vectors and by words are asked at once and fused by reciprocal rank; hits of equal
score come in the order of their best rank, then of their keys, so that one answer has one order.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import orjson

from gateway.execution.vector_search.hits import Hit, HitWriter
from gateway.execution.vector_search.narrowing import Narrowed, Targets, both, hits_of, located
from gateway.planning.hybrid import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.execution.operation_reads import OperationReads
    from gateway.execution.vector_search.narrowing import Row
    from gateway.planning.hybrid import Fusion
    from gateway.planning.narrowing import Ranked, WordSide
    from gateway.sources.contract import Key, Value

    Ranks = Mapping[Any, tuple[int, float]]
    """What a ranking found: key → (rank from 1, score)."""


async def ranked_hits(
    reads: OperationReads, ranked: Ranked, wish: Any, keys: Sequence[Key] | None, path: str
) -> list[Value]:
    """The hits of a search (`keys` None), or the neighbours of each key's point.

    Raises `PlaitError` for the failure of either source.
    """
    if ranked.words is not None:
        return [await Fused(reads, ranked, ranked.words, wish, path).answer()]
    if ranked.sides:
        return await _with_sides(reads, ranked, wish, keys, path)
    return await Narrowed(reads, ranked, wish, keys, path).answers()


async def _with_sides(
    reads: OperationReads, ranked: Ranked, wish: Any, keys: Sequence[Key] | None, path: str
) -> list[Value]:
    """Hits by vectors alone that show how they were found."""
    rankings = ranked.rankings
    prepared = rankings.details if rankings.shown else rankings.ranking
    if ranked.rows is None:
        found = await Targets(reads, keys).rows(prepared, wish)
    else:
        found = await Narrowed(reads, ranked, wish, keys, path).window(prepared)
    offset, _ = rankings.window(wish)
    writer = HitWriter(ranked.hit)
    return [
        writer.write(_by_vector(row, rank) for rank, row in enumerate(rows, offset + 1))
        if isinstance(rows, list)
        else rows
        for rows in found
    ]


def _by_vector(row: Row, rank: int) -> Hit:
    point, score, key, shown = row
    return Hit(point, score, key, shown, (rank, score), None)


class Fused:
    """One search by words, or by words and vectors."""

    def __init__(
        self, reads: OperationReads, ranked: Ranked, words: WordSide, wish: Any, path: str
    ) -> None:
        self._reads = reads
        self._ranked = ranked
        self._native = ranked.native
        self._words = words
        self._wish = wish
        self._path = path
        self._targets = Targets(reads, None)
        self._fusion = words.asked(reads.values)
        self._writer = HitWriter(ranked.hit)

    async def answer(self) -> bytes:
        """The finished hits."""
        offset, limit = self._ranked.rankings.window(self._wish)
        words, rows = await both(self._by_words(), self._by_vectors())
        points = {key: row for row in reversed(rows) if (key := self._native(row[2])) is not None}
        vectors = _ranked((key, row[1]) for row in rows if (key := self._native(row[2])) in points)
        if self._words.mode is Mode.HYBRID:
            scored = fuse(vectors, words, self._fusion)
        else:
            scored = [(key, score) for key, (_, score) in words.items()]
        page = scored[offset : offset + limit]
        details = await self._details([key for key, _ in page])
        return self._writer.write(
            self._hit(key, score, details.get(key) or points.get(key), vectors.get(key), words)
            for key, score in page
        )

    def _hit(
        self,
        key: Any,
        score: float,
        row: Row | None,
        by_vector: tuple[int, float] | None,
        words: Ranks,
    ) -> Hit:
        plain = key if isinstance(key, int) else str(key)
        point, shown = (row[0], row[3]) if row else (plain, ())
        return Hit(point, score, plain, shown, by_vector, words.get(key))

    async def _by_words(self) -> Ranks:
        if not self._fusion.text and self._words.mode is Mode.HYBRID:
            return {}
        arguments = self._words.arguments(self._reads.values)
        found = orjson.loads(await self._reads.ask(self._words.ranking, arguments))
        return _ranked((self._native(key), rank) for key, rank in found)

    async def _by_vectors(self) -> list[Row]:
        rankings, fusion = self._ranked.rankings, self._fusion
        if self._words.mode is Mode.TEXT or not fusion.vector:
            return []
        if rankings.shown:
            self._wish = await located(self._reads, rankings, self._wish)
        if self._ranked.rows is not None:
            narrowed = Narrowed(self._reads, self._ranked, self._wish, None, self._path)
            return hits_of(await narrowed.found(fusion.candidates))
        wish = rankings.first(self._wish, fusion.candidates, exact=False)
        return hits_of(await self._targets.rows(rankings.ranking, wish))

    async def _details(self, keys: Sequence[Any]) -> dict[Any, Row]:
        """Payload and vector of the hits, where they are shown; of rows without a point nothing."""
        rankings = self._ranked.rankings
        if not rankings.shown or not keys:
            return {}
        self._wish = await located(self._reads, rankings, self._wish)
        plain = [key if isinstance(key, int) else str(key) for key in keys]
        wish = rankings.among(self._wish, plain, count=len(keys))
        rows = hits_of(await self._targets.rows(rankings.details, wish))
        return {self._native(row[2]): row for row in rows}


def fuse(vectors: Ranks, words: Ranks, fusion: Fusion) -> list[tuple[Any, float]]:
    """All keys with their scores, best first; see `Fusion`."""
    scores: dict[Any, float] = {}
    best: dict[Any, int] = {}
    for ranks, weight in ((vectors, fusion.vector), (words, fusion.text)):
        for key, (rank, _) in ranks.items():
            scores[key] = scores.get(key, 0.0) + weight / (fusion.k + rank)
            best[key] = min(rank, best.get(key, rank))
    return sorted(scores.items(), key=lambda item: (-item[1], best[item[0]], item[0]))


def _ranked(found: Iterable[tuple[Any, float]]) -> Ranks:
    """Ranks by key; those of equal score in the order of their keys. A key counts where best."""
    first: dict[Any, tuple[int, float]] = {}
    for _, tied in groupby(found, lambda one: one[1]):
        for key, score in sorted(tied):
            if key not in first:
                first[key] = (len(first) + 1, score)
    return first
