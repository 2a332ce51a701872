"""Fills one vector collection from its rows: what changed, or what a comparison finds.

Only one process at a time fills a collection: it holds a lock in PostgreSQL, which ends with its
connection. Another one that wants to leaves what is due to it.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gateway.errors import ConfigurationError, PlaitError, SourceOverloaded
from gateway.sources.postgres.syncing.drift import Comparison, Drift, compare, forget, mark
from gateway.sources.postgres.syncing.ledger import Ledger, ledger
from gateway.sources.qdrant.collections import NoCollection
from gateway.sources.qdrant.points import PayloadIndex
from gateway.sync.figures import Figures
from gateway.sync.pipeline import Options, Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import TypeAlias

    from gateway.embedding.contract import Embedder
    from gateway.schema.vectors.sync import VectorSync
    from gateway.sources.qdrant.writes.administration import Administration
    from gateway.sources.qdrant.writes.bulk import Bulk

    Told: TypeAlias = Callable[[str, int, int], None]
    """Hears how many of how many rows of a collection are done."""
    Changed: TypeAlias = Callable[[str], Awaitable[object]]

LOCK_SECONDS = 300.0
"""How long a repair waits for another process that fills the collection."""
_LOCK_PAUSE = 0.2
_BACKFILL = frozenset({Drift.MISSING, Drift.STALE, Drift.ORPHAN})


class Engine(Protocol):
    """The vector source: an open `QdrantSource`."""

    @property
    def administration(self) -> Administration:
        """Its collections."""

    @property
    def bulk(self) -> Bulk:
        """Its points."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """What a comparison found. `foreign`: why the collection's model is not the embedder's."""

    collection: str
    comparison: Comparison
    foreign: str | None

    @property
    def sound(self) -> bool:
        """Whether nothing differs; what waits for a worker does not count."""
        return not self.comparison.counts and self.foreign is None


class Filler:
    """Fills the collection of one declaration.

    `dsn`: the address of the database itself, not of a pooler. `told` hears of progress, `changed`
    of the collection whenever points of it were stored or removed.
    """

    def __init__(  # noqa: PLR0913 - one collaborator each
        self,
        sync: VectorSync,
        dsn: str,
        engine: Engine,
        embedder: Embedder,
        options: Options | None = None,
        *,
        changed: Changed | None = None,
    ) -> None:
        self.sync = sync
        self._changed = changed
        self._dsn = dsn
        self._engine = engine
        self._embedder = embedder
        self._options = options or Options()

    async def follow(self, seconds: float = math.inf) -> Figures | None:
        """Bring about what is due, for at most about `seconds`; None where another one does.

        Raises `SourceError`, and `ConfigurationError` where the collection was made by another
        model or has other vectors; whatever is due stays due.
        """
        async with self._ledger() as book:
            if not await book.lock():
                return None
            figures = Figures()
            if await book.has_work():
                await self._ready(book)
                await self._fill(book, figures, seconds, lambda: None)
            return figures

    async def check(self) -> Drifted:
        """Compare rows, records and points. Raises as `fill`."""
        async with self._ledger() as book:
            await book.verify()
            found = await self._compare(book, look=True)
            return Drifted(self.sync.name, found, await self._foreign())

    async def fill(self, told: Told, *, repair: bool = False) -> tuple[Drifted, Figures]:
        """Bring about what a comparison finds; what it found and what was done.

        By default rows are compared with their records. A repair also looks at the points, tries
        again what has failed, and makes a collection of another model anew; without one that is
        refused by ConfigurationError. Raises `SourceError`; what was begun is then gone on with by
        the next one who fills the collection.
        """
        async with self._ledger() as book:
            await book.verify()
            await self._lock(book)
            foreign = await self._foreign()
            if foreign is not None and repair:
                deadline = asyncio.get_running_loop().time() + self._options.seconds
                await self._engine.administration.delete_collection(
                    self.sync.name, deadline=deadline
                )
            elif foreign is not None:
                raise ConfigurationError(foreign)
            await self._ready(book)
            if foreign is not None:
                await forget(book)
            found = await self._compare(book, look=repair)
            if Drift.MODEL in found.counts and not repair:
                raise ConfigurationError(
                    f"{found.counts[Drift.MODEL]} points of collection {self.sync.name!r} were "
                    "made by another embedding model; plait sync --repair embeds them anew"
                )
            wanted = frozenset(Drift) if repair else _BACKFILL
            await mark(book, self.sync, wanted)
            total = await book.waiting()
            figures = Figures()

            def tell() -> None:
                if total:
                    told(self.sync.name, min(figures.done, total), total)

            tell()
            await self._fill(book, figures, math.inf, tell)
            return Drifted(self.sync.name, found, foreign), figures

    # Steps -------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _ledger(self) -> AsyncIterator[Ledger]:
        async with ledger(self._dsn, self.sync, self._options.seconds) as book:
            yield book

    async def _tell(self, collection: int, error: str) -> None:
        """Note why the jobs halt, over another connection: on ours a call may be under way."""
        async with self._ledger() as book:
            await book.tell(collection, error)

    async def _lock(self, book: Ledger) -> None:
        give_up = asyncio.get_running_loop().time() + LOCK_SECONDS
        while not await book.lock():
            if asyncio.get_running_loop().time() > give_up:
                raise SourceOverloaded(
                    f"collection {self.sync.name!r} is being filled by another process"
                )
            await asyncio.sleep(_LOCK_PAUSE)

    async def _foreign(self) -> str | None:
        """Why the collection is not one that the embedder may add to; None for none at all."""
        deadline = asyncio.get_running_loop().time() + self._options.seconds
        try:
            found = await self._engine.administration.collection(self.sync.name, deadline)
        except NoCollection:
            return None
        return found.foreign_to(self._embedder)

    async def _ready(self, book: Ledger) -> None:
        """See to the collection in the engine and its record."""
        indexes = [PayloadIndex(path, kind) for path, kind in self.sync.indexes.items()]  # type: ignore[arg-type]  # one of its kinds
        await self._engine.administration.ensure_collection(
            self.sync.name,
            self._embedder.dimensions,
            payload_indexes=indexes,
            model=self._embedder.model,
            deadline=asyncio.get_running_loop().time() + self._options.seconds,
        )
        await book.begin(self._embedder.model, self._embedder.dimensions)

    async def _compare(self, book: Ledger, *, look: bool) -> Comparison:
        pages = self._engine.bulk.ids(self.sync.name, self._options.seconds) if look else None
        model, most = self._embedder.model, self._embedder.max_chars
        return await compare(book, self.sync, model, most, pages)

    async def _fill(
        self, book: Ledger, figures: Figures, seconds: float, told: Callable[[], None]
    ) -> None:
        """Passes over what is due until nothing is, or the time is over."""

        async def after(changed: bool) -> None:  # noqa: FBT001 - the pipeline's call
            told()
            if changed and self._changed is not None:
                await self._changed(self.sync.name)

        pipeline = Pipeline(
            self.sync, book, self._embedder, self._engine.bulk, self._options, figures, after
        )
        until = asyncio.get_running_loop().time() + seconds
        try:
            while await pipeline.run(until):
                pass
        except PlaitError as error:
            with suppress(PlaitError):
                await self._tell(book.collection, error.message)
            raise
        await book.finish()
