"""Brings what is due about, in stages that work at the same time: read, embed, store, record.

Between two stages wait at most two batches, so that memory is bounded and the slowest stage, the
embedder as a rule, never waits. A row is in one batch at a time; what becomes due again meanwhile
is left to the next pass.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

import orjson

from gateway.errors import InputError, PlaitError
from gateway.sources.postgres.syncing.ledger import Failure, Ledger, Row
from gateway.sources.qdrant.points import Point, parse_point_id, point_id
from gateway.sync.choosing import Need, fitting, need
from gateway.sync.isolating import isolated

if TYPE_CHECKING:
    from array import array
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from gateway.embedding.contract import Embedder
    from gateway.schema.vectors.sync import VectorSync
    from gateway.sources.qdrant.points import PointId
    from gateway.sync.figures import Figures

T = TypeVar("T")

_EMBEDDING = 3
"""Batches with the embedder at once: it finds the next one when it has done one."""
_STORING = 2
_QUEUED = 2
_SLICE = 256
"""Points that are made, or sent, while nothing else runs in the event loop."""


class Points(Protocol):
    """What is asked of the vector engine; `gateway.sources.qdrant` offers it. All by a deadline."""

    async def store(self, collection: str, points: Sequence[Point], deadline: float) -> None:
        """Store points, replacing those with the same ids."""

    async def remove(self, collection: str, ids: Sequence[PointId], deadline: float) -> None:
        """Delete points; those that are not there are none."""

    async def vectors(
        self, collection: str, ids: Sequence[PointId], deadline: float
    ) -> Mapping[PointId, Sequence[float]]:
        """The vectors of those points that are stored."""


@dataclass(frozen=True, slots=True)
class Options:
    """`batch`: rows at once. `attempts`: at a row that fails. `seconds`: for each call."""

    batch: int = 512
    attempts: int = 5
    seconds: float = 30.0


@dataclass(slots=True)
class _Batch:
    """Entries on their way, revisions by key, and what has become of each so far.

    `vectors` are those of the rows to be stored, of which the `payloads` had theirs already. There
    is little else for each row: what the garbage collector must look at holds the event loop.
    """

    entries: dict[str, int]
    rows: list[Row]
    failures: list[Failure]
    vectors: list[tuple[Row, Sequence[float]]] = field(default_factory=list)
    payloads: set[str] = field(default_factory=set)
    removed: list[Row] = field(default_factory=list)
    unchanged: int = 0

    def fail(self, key: str, error: PlaitError) -> None:
        """Note that a row cannot be brought about; a wrong input stays wrong."""
        final = isinstance(error, InputError)
        self.failures.append(Failure(key, self.entries[key], error.message, final=final))


class Pipeline:
    """The stages for one collection. `told` hears after each batch whether points changed."""

    def __init__(  # noqa: PLR0913, PLR0917 - what the stages work with
        self,
        sync: VectorSync,
        book: Ledger,
        embedder: Embedder,
        points: Points,
        options: Options,
        figures: Figures,
        told: Callable[[bool], Awaitable[None]],
    ) -> None:
        self._sync = sync
        self._book = book
        self._embedder = embedder
        self._points = points
        self._options = options
        self._figures = figures
        self._told = told
        self._under_way: set[str] = set()
        self._settled = self._newest = 0

    async def run(self, until: float) -> bool:
        """One pass over what is due, begun before `until` (event loop's clock).

        Whether another one may have work: not where all that is left are rows that somebody is
        just changing. Raises `SourceError` where a source does not do its part: what was not
        recorded stays due.
        """
        newest, self._settled = self._newest, 0
        embedding: asyncio.Queue[_Batch] = asyncio.Queue(_QUEUED)
        storing: asyncio.Queue[_Batch] = asyncio.Queue(_QUEUED)
        recording: asyncio.Queue[_Batch] = asyncio.Queue(_QUEUED)
        try:
            async with asyncio.TaskGroup() as group:
                workers = [
                    *_started(group, _EMBEDDING, embedding, self._embed, storing),
                    *_started(group, _STORING, storing, self._store, recording),
                    *_started(group, 1, recording, self._record, None),
                ]
                await self._read(until, embedding)
                for queue in (embedding, storing, recording):
                    await queue.join()
                for worker in workers:
                    worker.cancel()
        except BaseExceptionGroup as errors:
            raise _first(errors) from errors
        return self._settled > 0 or self._newest > newest

    async def _read(self, until: float, batches: asyncio.Queue[_Batch]) -> None:
        loop, after = asyncio.get_running_loop(), 0
        while loop.time() < until:
            with self._figures.stages["read"].working(0):
                due = await self._book.due(after, self._options.batch)
                if not due:
                    break
                after = max(due.values())
                self._newest = max(self._newest, after)
                fresh = {key: due[key] for key in due if key not in self._under_way}
                if not fresh:
                    continue
                batch = await self._look(fresh)
            self._figures.stages["read"].items += len(fresh)
            self._under_way.update(batch.entries)
            await batches.put(batch)

    async def _look(self, entries: dict[str, int]) -> _Batch:
        """The rows as they are now, which is no older than their entries."""
        found, failed = await isolated([*entries], self._book.rows)
        batch = _Batch(entries, [row for _, row in found], [])
        for key, error in failed:
            batch.fail(key, error)
        return batch

    async def _embed(self, batch: _Batch) -> None:
        """Find what the rows need, and the vectors of those that need one."""
        wanted: list[Row] = []
        payloads: list[Row] = []
        for row in batch.rows:
            match need(row, self._embedder.model):
                case Need.EMBED:
                    wanted.append(row)
                case Need.PAYLOAD:
                    payloads.append(row)
                case Need.REMOVE:
                    batch.removed.append(row)
                case Need.NOTHING:
                    batch.unchanged += 1
        if payloads:
            wanted += await self._kept(batch, payloads)
        if wanted:
            await self._made(batch, wanted)

    async def _kept(self, batch: _Batch, payloads: Sequence[Row]) -> list[Row]:
        """Find the vectors that rows have already; the rows that have none."""
        ids = [parse_point_id(row.key, "the key") for row in payloads]
        known = await self._points.vectors(self._sync.name, ids, self._deadline())
        pairs = zip(payloads, map(known.get, ids), strict=True)
        found = [(row, vector) for row, vector in pairs if vector is not None]
        batch.vectors += found
        batch.payloads.update(row.key for row, _ in found)
        return [row for row in payloads if row.key not in batch.payloads]

    async def _made(self, batch: _Batch, wanted: Sequence[Row]) -> None:
        """Have vectors made."""
        with self._figures.stages["embed"].working(len(wanted)):
            made, failed = await isolated(wanted, self._embedded)
        batch.vectors += made
        most = self._embedder.max_chars
        self._figures.cut += sum(len(row.text or "") > most for row, _ in made)
        for row, culprit in failed:
            batch.fail(row.key, culprit)

    async def _embedded(self, rows: Sequence[Row]) -> list[array[float]]:
        """The vectors of rows that can be points. Raises `InputError` where one cannot."""
        texts: list[str] = []
        for row in rows:
            parse_point_id(row.key, "the key")
            texts.append(fitting(row.text or "", self._sync, self._embedder.max_chars))
        return await self._embedder.embed(texts, self._deadline())

    async def _store(self, batch: _Batch) -> None:
        doubtful = [row.key for row, _ in batch.vectors if row.known_content is not None]
        doubtful += [row.key for row in batch.removed if row.known_content is not None]
        # For none, too: who stood still and lost its lock learns it here, before it stores.
        await self._book.unsettle(doubtful)
        with self._figures.stages["store"].working(len(batch.vectors)):
            stored, failed = await isolated(batch.vectors, self._stored)
        batch.vectors = [one for one, _ in stored]
        for (row, _), error in failed:
            batch.fail(row.key, error)
        if batch.removed:
            ids = [one for row in batch.removed if (one := point_id(row.key)) is not None]
            await self._points.remove(self._sync.name, ids, self._deadline())

    async def _stored(self, vectors: Sequence[tuple[Row, Sequence[float]]]) -> list[None]:
        for some in _slices(vectors):
            points = [_point(row, vector) for row, vector in some]
            await self._points.store(self._sync.name, points, self._deadline())
        return [None] * len(vectors)

    async def _record(self, batch: _Batch) -> None:
        with self._figures.stages["record"].working(len(batch.entries)):
            failed = {one.key for one in batch.failures}
            self._settled += await self._book.settle(
                self._embedder.model,
                [row for row, _ in batch.vectors],
                [row.key for row in batch.removed],
                {key: one for key, one in batch.entries.items() if key not in failed},
            )
            if batch.failures:
                await self._book.fail(batch.failures, self._options.attempts)
                self._settled += len(batch.failures)
        self._under_way.difference_update(batch.entries)
        figures = self._figures
        payloads = sum(row.key in batch.payloads for row, _ in batch.vectors)
        figures.embedded += len(batch.vectors) - payloads
        figures.payloads += payloads
        figures.unchanged += batch.unchanged
        figures.removed += len(batch.removed)
        figures.failed += len(failed)
        await self._told(bool(batch.vectors or batch.removed))

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._options.seconds


def _started(
    group: asyncio.TaskGroup,
    workers: int,
    taken: asyncio.Queue[_Batch],
    work: Callable[[_Batch], Awaitable[None]],
    given: asyncio.Queue[_Batch] | None,
) -> list[asyncio.Task[None]]:
    """The workers of a stage, each doing its work on whichever batch comes, and handing it on."""
    return [group.create_task(_each(taken, work, given)) for _ in range(workers)]


async def _each(
    taken: asyncio.Queue[_Batch],
    work: Callable[[_Batch], Awaitable[None]],
    given: asyncio.Queue[_Batch] | None,
) -> None:
    while True:
        batch = await taken.get()
        await work(batch)
        if given is not None:
            await given.put(batch)
        taken.task_done()


def _point(row: Row, vector: Sequence[float]) -> Point:
    payload = orjson.loads(row.payload or "{}")
    if None in payload.values():
        payload = {name: value for name, value in payload.items() if value is not None}
    return Point(parse_point_id(row.key, "the key"), vector, payload)


def _slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _SLICE] for start in range(0, len(items), _SLICE))


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that stopped the stages: the others were only cancelled."""
    one: BaseException = errors
    while isinstance(one, BaseExceptionGroup):
        one = one.exceptions[0]
    return one
