"""A Qdrant server as a source: life cycle, and everything that is read of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import (
    InputError,
    PlaitError,
    SourceError,
    SourceRefused,
    SourceUnavailable,
)
from gateway.schema.vectors.writes import VectorAct, VectorChange
from gateway.sources.contract import Health, Together
from gateway.sources.qdrant.collections import CollectionMissing, NoCollection, refused_late
from gateway.sources.qdrant.reads.narrowing import PreparedTarget, Rankings
from gateway.sources.qdrant.reads.prepared import PreparedTree, described, is_unbound, prepare
from gateway.sources.qdrant.reads.searching import Part
from gateway.sources.qdrant.reads.shape import OPTIONS
from gateway.sources.qdrant.requests.change_arguments import change_of
from gateway.sources.qdrant.requests.wish_arguments import wish_of
from gateway.sources.qdrant.requests.wishes import Nearest
from gateway.sources.qdrant.wire.address import checked_address
from gateway.sources.qdrant.wire.loading import session_class
from gateway.sources.qdrant.writes.operations import PreparedAct, describe_act, performed
from gateway.telemetry.places import place_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.embedding.contract import Embedder
    from gateway.schema.asks import VectorRead
    from gateway.schema.bindings import Vectors
    from gateway.sources.contract import Batch, Budget, Key, Prepared
    from gateway.sources.qdrant.reads.prepared import PreparedHits
    from gateway.sources.qdrant.requests.changes import Change
    from gateway.sources.qdrant.requests.wishes import Wish
    from gateway.sources.qdrant.wire.session import Session
    from gateway.sources.qdrant.writes.administration import Administration
    from gateway.sources.qdrant.writes.bulk import Bulk


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
        port = grpc_port if prefer_grpc else None
        self._address = checked_address(name, url, port, api_key)
        self.place = {"db.system.name": "qdrant", **place_of(url, port=port)}
        self._seconds = timeout_seconds
        self._embedder = embedder
        self._open: Session | None = None
        self._opening: asyncio.Future[None] | None = None

    def prepare(
        self, ask: VectorRead | VectorAct, fields: Mapping[int, Any]
    ) -> PreparedHits | PreparedTree | PreparedAct:
        """What is read of a collection, a write, or something of administration, compiled. Pure.

        `fields` are those of payloads that are shown, None for all, by the reader a part names.
        Raises `InputError` for a path that is none.
        """
        if isinstance(ask, VectorAct):
            return PreparedAct(self.name, False, ask.binding, ask.parts)  # noqa: FBT003 - by_key
        return prepare(self.name, ask, fields)

    def rankings(self, hits: PreparedHits) -> Rankings:
        """The smaller requests of a search that rows take part in. Pure."""
        return Rankings(hits)

    def arguments(
        self, binding: Vectors | VectorChange, values: Mapping[str, Any]
    ) -> Wish | Change:
        """The checked arguments of a field with this binding. Raises `InputError`."""
        if isinstance(binding, VectorChange):
            return change_of(binding, values)
        return wish_of(binding, values)

    async def open(self) -> None:
        """Load the client library, connect, and see whether the server answers.

        Raises `SourceError` when it does not: the source is usable all the same, as soon as the
        server is there. Raises `ConfigurationError` when it refuses the API key.
        """
        # Whoever waits may not have the second that the import takes; it goes on without him.
        self._opening = asyncio.ensure_future(self._connect())
        self._opening.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._opening)

    async def _connect(self) -> None:
        session = await asyncio.to_thread(session_class)
        self._open = session(
            self.name, self._address, self._seconds, self.concurrency, self._embedder
        )
        await self._open.start()

    async def close(self) -> None:
        """Close all connections within two seconds; idempotent."""
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait([self._opening])
        session, self._open = self._open, None
        if session is not None:
            await session.close()

    async def check(self, budget: Budget) -> Health:
        """Ask for the names of the collections; proves the address, the key and the server."""
        try:
            count = len(await self._session().administration.names(budget.deadline))
        except SourceError as error:
            return Health(ready=False, detail=error.message)
        return Health(ready=True, detail=f"{count} collections", figures={"collections": count})

    def figures(self) -> Mapping[str, float]:
        """Gauge: whether the breaker is open."""
        return {"breaker_open": float(self._open is not None and self._open.breaker.open)}

    async def execute(self, prepared: Prepared, batch: Batch, budget: Budget) -> Sequence[Any]:
        """Run a search, find the neighbours of every key, or read something else.

        One engine call for whatever is ranked, several parts of a `Together` included.
        `batch.arguments` is one wish (`gateway.sources.qdrant.requests.wishes`); neighbours have
        defaults.
        """
        searching = self._session().searching
        try:
            if isinstance(prepared, PreparedTarget):
                target = await searching.target(
                    Part(prepared.hits, batch.arguments[0]), budget.deadline
                )
                return [orjson.dumps(target, option=OPTIONS)]
            if isinstance(prepared, PreparedAct):
                return [await self.write(prepared, batch.arguments[0], budget)]
            if isinstance(prepared, Together):
                return [await searching.answers(_parts(prepared, batch), budget.deadline)]
            if isinstance(prepared, PreparedTree):
                reads = self._session().point_reads
                return [await reads.value(prepared, batch.arguments[0], budget.deadline)]
            part = _part(prepared, batch.keys, batch.arguments)
            (values,) = await searching.answers([part], budget.deadline)
        except NoCollection as error:
            raise self._absent(error, told=is_unbound(prepared)) from None
        except InputError as error:
            raise refused_late(error) from None
        except CollectionMissing:
            if not is_unbound(prepared):
                raise
            wrong = InputError.about("collection", f"names none that {self.name} has")
            raise refused_late(wrong) from None
        if not prepared.by_key and isinstance(values[0], PlaitError):
            raise values[0]
        return values

    async def write(self, prepared: PreparedAct, change: Change, budget: Budget) -> bytes | None:
        """Do what a field bound to an operation asks for; its value, None for null.

        Raises `InputError` for what does not fit the collection, and `SourceError`.
        """
        try:
            return await performed(self._session(), prepared, change, budget.deadline)
        except NoCollection as error:
            raise self._absent(error, told=prepared.binding.collection is None) from None

    async def unfit(self, collections: Sequence[str], deadline: float) -> dict[str, list[str]]:
        """What is wrong with these collections, a line each: `embedding model`, `collections`.

        Those whose vectors another model made, and those that are not there. Raises `SourceError`.
        """
        known = self._session().administration.known
        found: dict[str, list[str]] = {}
        for name in collections:
            try:
                one = await known.collection(name, deadline)
            except NoCollection as error:
                line = f"{error.message} The domain names it; `plait sync` makes a synced one"
                found.setdefault("collections", []).append(line)
                continue
            reason = self._embedder and known.foreign(one, self._embedder)
            if reason:
                found.setdefault("embedding model", []).append(reason)
        return found

    def describe(self, prepared: PreparedHits | PreparedAct) -> Mapping[str, Any]:
        """The engine call for `explain` and the golden plans."""
        return describe_act(prepared) if isinstance(prepared, PreparedAct) else described(prepared)

    @property
    def administration(self) -> Administration:
        """The write side of the source. Raises `SourceUnavailable` while it is not open."""
        return self._session().administration

    @property
    def bulk(self) -> Bulk:
        """Many points at once. Raises `SourceUnavailable` while it is not open."""
        return self._session().bulk

    def _absent(self, error: NoCollection, *, told: bool) -> SourceRefused:
        """The error about a collection that is not there; `told`: an argument names it."""
        if told:
            return SourceRefused(error.message, code=error.code)
        name = error.collection
        return SourceRefused(f"{self.name} has no collection {name!r}, which the domain names.")

    def _session(self) -> Session:
        if self._open is None:
            raise SourceUnavailable(f"{self.name} is not open")
        return self._open


def _part(prepared: Any, keys: Sequence[Key], arguments: tuple[Any, ...]) -> Part:
    return Part(prepared, arguments[0] if arguments else Nearest(), keys)


def _parts(prepared: Together, batch: Batch) -> list[Part]:
    return [
        _part(part, keys, arguments)
        for part, (keys, arguments) in zip(prepared.parts, batch.arguments, strict=True)
    ]
