"""One answer in parts: what was left out is asked for, put where it belongs, and told."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec
import orjson
from graphql import IntValueNode, VariableNode

from gateway.documents.shares import KEY, KEYS
from gateway.errors import SourceDataError
from gateway.execution.engine import Engine
from gateway.execution.exchange import Answer, GraphQLRequest
from gateway.execution.increments import WRITERS, Added, Pending
from gateway.execution.walk import decoded
from gateway.schema import opaque
from gateway.schema.federation import ENTITIES
from gateway.schema.selection import TYPENAME

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence

    from gateway.documents.shares import Cut, Owner, Path, Share
    from gateway.execution.increments import Error, Form, Place
    from gateway.planning.variables import Variables
    from gateway.viewer import Viewer

    Starts: TypeAlias = list[Callable[[], Coroutine[Any, Any, None]]]
    """What is to be begun when the part before it is told."""

ROWS = 500
"""Rows that one operation is asked about; those beyond are another's."""
ENTRIES = 100
"""Entries of a streamed list that come together."""


class _Target(NamedTuple):
    """A place where something was left out; `key` names the row, None is the root."""

    place: Place
    value: dict[str, Any]
    key: dict[str, Any] | None


class _Brought(NamedTuple):
    """What an operation brought for one target; the errors' paths begin there."""

    row: Any
    errors: list[Error]


class _Stream:
    """A list on its way: its `entries` so far, the `rest`, and what was left out of those.

    `targets` are by the number an entry had at first.
    """

    def __init__(self, owner: Owner, place: Place, entries: list[Any]) -> None:
        self.owner = owner
        self.place = place
        self.entries = entries
        self.rest: list[Any] = []
        self.taken = 0
        self.targets: list[tuple[Cut, dict[int, _Target]]] = []

    def hold(self) -> None:
        """Take all entries out of the list."""
        self.rest = self.entries[:]
        self.entries.clear()


class Parts:
    """The parts of one answer. `about_rows` is the engine for rows by key."""

    def __init__(  # noqa: PLR0913, PLR0917 - one collaborator each
        self,
        engine: Engine,
        about_rows: Engine,
        request: GraphQLRequest,
        viewer: Viewer,
        variables: Variables,
        deadline: float,
        form: Form,
    ) -> None:
        self._engine = engine
        self._about_rows = about_rows
        self._request = request
        self._viewer = viewer
        self._variables = variables
        self._deadline = deadline
        self._writer = WRITERS[form]()
        self._numbers = count()
        self._pending: dict[tuple[Owner, Place], Pending] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._broken: BaseException | None = None
        self._data: Any = None

    async def of(self, first: Answer, share: Share) -> AsyncGenerator[Answer, None]:
        """All parts, of an operation whose first share was answered."""
        body: dict[str, Any] = decoded(first.body)
        self._data = body["data"]
        starts: Starts = []
        try:
            if self._data is not None:
                starts, errors = await self._below(share, self._data, ())
                if errors:
                    body["errors"] = [*body.get("errors", ()), *errors]
            if not self._pending:
                yield msgspec.structs.replace(first, body=orjson.dumps(body), freshness=None)
                return
            told = self._writer.message(body, more=True)
            yield msgspec.structs.replace(first, body=told, freshness=None, more=True)
            self._begin(starts)
            while self._pending:
                await self._news.wait()
                self._news.clear()
                if self._broken is not None:
                    raise self._broken
                more = bool(self._pending)
                yield Answer(self._writer.message({}, more=more), more=more)
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def _begin(self, starts: Starts) -> None:
        for start in starts:
            task = asyncio.ensure_future(start())
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self._news.set()

    # What is below an object ---------------------------------------------------------------------

    async def _below(self, share: Share, value: Any, place: Place) -> tuple[Starts, list[Error]]:
        """Find what a share left out below an object; streamed lists get their first entries."""
        streams = list(_streams(share, value, place))
        starts: Starts = []
        for cut in share.cuts:
            targets = list(self._targets(cut, value, place))
            if cut.owners[0].count is not None:
                _assign(cut, targets, streams)
                continue
            for target in targets:
                for owner in cut.owners:
                    self._of(owner, (*target.place, *cut.chain)).open += 1
            starts += [
                partial(self._deferred, cut, targets[first : first + ROWS])
                for first in range(0, len(targets), ROWS)
            ]
        _clean(value)
        for stream in streams:
            stream.hold()
        errors: list[Error] = []
        for stream in streams:
            below, wrong, failed = await self._entries(stream, self._first(stream.owner))
            starts += below
            errors += wrong
            if stream.rest and not failed:
                pending = self._of(stream.owner, stream.place)
                pending.open, pending.value = 1, stream.entries
                starts.append(partial(self._stream, stream, pending))
        return starts, errors

    def _targets(self, cut: Cut, value: Any, place: Place) -> Iterator[_Target]:
        """The places where something was cut."""
        if cut.entity is None:
            yield _Target(place, value, None)
            return
        names = [info.name for info in self._engine.api.catalog.entities[cut.entity].key]
        for where, one in found(value, cut.path, place):
            if isinstance(one, dict) and KEY in one:
                head, parts = opaque.decode(one[KEY]) or ("", ())
                if head == cut.entity:
                    key = dict(zip(names, parts, strict=True))
                    yield _Target(where, one, {TYPENAME: head, **key})

    def _first(self, owner: Owner) -> int:
        """How many entries of a list come at once."""
        number = owner.count
        if isinstance(number, VariableNode):
            number = self._variables.coerced.get(number.name.value)
        elif isinstance(number, IntValueNode):
            number = int(number.value)
        return max(0, number) if isinstance(number, int) else 0

    def _of(self, owner: Owner, place: Place) -> Pending:
        """What is to come of an owner, at or above a place."""
        where = _upto(place, owner.depth, entered=owner.count is None)
        pending = self._pending.get((owner, where))
        if pending is None:
            pending = Pending(next(self._numbers), owner, where, None)
            self._pending[owner, where] = pending
            self._writer.opened(pending)
        return pending

    def _close(self, pending: Pending) -> None:
        """One of the things that were to come is there, or never will be."""
        pending.open -= 1
        if pending.open:
            return
        del self._pending[pending.owner, pending.place]
        if pending.owner.count is None:
            pending.value = at(self._data, pending.place)
        self._writer.closed(pending)
        self._news.set()

    # Fragments -----------------------------------------------------------------------------------

    async def _deferred(self, cut: Cut, targets: Sequence[_Target]) -> None:
        """Bring what a fragment left out, for all its places."""
        starts: Starts = []
        brought = await self._bring(cut, targets)
        for target, (row, errors) in zip(targets, brought, strict=True):
            place = (*target.place, *cut.chain)
            pendings = [self._of(owner, place) for owner in cut.owners]
            placed = _placed(errors, target.place)
            if _reached(row, cut.chain) is None:
                for pending in pendings:
                    pending.failed = True
                pendings[0].errors += placed or [_gone(place)]
            else:
                added = Added(target.value, row)
                below, wrong = await self._below(cut.share, target.value, target.place)
                starts += below
                self._writer.added(pendings[0], target.place, added, placed + wrong)
                self._news.set()
            for pending in pendings:
                self._close(pending)
        self._begin(starts)

    async def _bring(self, cut: Cut, targets: Sequence[_Target]) -> list[_Brought]:
        """Run a cut's operation for these targets."""
        if not targets:
            return []
        engine, variables = self._engine, self._request.variables or {}
        if cut.entity is not None:
            engine = self._about_rows
            variables = {**variables, KEYS: [target.key for target in targets]}
        # The engine's own, whatever counts and traces: a request is one, in how many parts ever.
        answer = await Engine.answer(
            engine,
            GraphQLRequest("", self._request.operation_name, variables),
            self._viewer,
            allow_mutations=False,
            deadline=self._deadline,
            operation=cut.share.operation,
        )
        body = decoded(answer.body)
        data, errors = body.get("data"), body.get("errors", [])
        if cut.entity is None:
            return [_Brought(data, errors)]
        rows = data[ENTITIES] if data else [None] * len(targets)
        return [_Brought(row, _of_row(number, errors)) for number, row in enumerate(rows)]

    # Lists ---------------------------------------------------------------------------------------

    async def _stream(self, stream: _Stream, pending: Pending) -> None:
        """Bring the rest of a list, some entries at a time."""
        while stream.rest and not pending.failed:
            first = len(stream.entries)
            starts, errors, pending.failed = await self._entries(stream, ENTRIES)
            if not pending.failed:
                pending.errors += errors
            if len(stream.entries) > first:
                self._writer.entries(pending, first, stream.entries[first:])
                self._news.set()
            if pending.failed:
                pending.errors += errors
            self._begin(starts)
        self._close(pending)

    async def _entries(self, stream: _Stream, number: int) -> tuple[Starts, list[Error], bool]:
        """Move the next entries of a list from its rest, with what was left out of them.

        Those whose row is gone meanwhile are dropped. One that failed ends the list; the third
        value is true then.
        """
        first, entries = stream.taken, stream.rest[:number]
        stream.taken, stream.rest = first + len(entries), stream.rest[number:]
        wanted = [
            {place: by[place] for place in range(first, stream.taken) if place in by}
            for _, by in stream.targets
        ]
        cuts = [cut for cut, _ in stream.targets]
        brought = await asyncio.gather(
            *(self._bring(cut, [*by.values()]) for cut, by in zip(cuts, wanted, strict=True))
        )
        rows = [dict(zip(by, got, strict=True)) for by, got in zip(wanted, brought, strict=True)]
        starts: Starts = []
        errors: list[Error] = []
        for place, entry in enumerate(entries, first):
            where = (*stream.place, len(stream.entries))
            there = True
            for cut, by, got in zip(cuts, wanted, rows, strict=True):
                if place not in by:
                    continue
                target, (row, wrong) = by[place], got[place]
                within = (*where, *target.place[len(where) :])
                errors += _placed(wrong, within)
                if row is None and wrong:
                    return starts, errors, True
                there = there and row is not None
                if row is not None:
                    Added(target.value, row)
                    below, inside = await self._below(cut.share, target.value, within)
                    starts += below
                    errors += inside
            if there:
                stream.entries.append(entry)
        return starts, errors, False


# Places ------------------------------------------------------------------------------------------


def found(value: Any, path: Path, place: Place) -> Iterator[tuple[Place, Any]]:
    """Every value at a path, with its place; lists on the way are entered."""
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from found(one, path, (*place, number))
    elif not path:
        yield place, value
    elif isinstance(value, dict) and path[0] in value:
        yield from found(value[path[0]], path[1:], (*place, path[0]))


def at(value: Any, place: Place) -> Any:
    """The value at a place."""
    for step in place:
        value = value[step]
    return value


def _upto(place: Place, depth: int, *, entered: bool) -> Place:
    """The part of a place that has so many keys, with the numbers of entries behind the last."""
    keys = 0
    for number, step in enumerate(place):
        if isinstance(step, str):
            if keys == depth:
                return place[:number]
            keys += 1
        elif keys == depth and not entered:
            return place[:number]
    return place


def _streams(share: Share, value: Any, place: Place) -> Iterator[_Stream]:
    for path, owner in share.lists:
        for where, parent in found(value, path[:-1], place):
            entries = parent.get(path[-1]) if isinstance(parent, dict) else None
            if isinstance(entries, list):
                yield _Stream(owner, (*where, path[-1]), entries)


def _assign(cut: Cut, targets: Sequence[_Target], streams: Sequence[_Stream]) -> None:
    """Let each streamed list know what was left out of its entries."""
    owner = cut.owners[0]
    for stream in streams:
        length = len(stream.place)
        if stream.owner is owner:
            own = {
                int(target.place[length]): target
                for target in targets
                if target.place[:length] == stream.place
            }
            stream.targets.append((cut, own))


def _clean(value: Any) -> None:
    """Take out the keys of rows, for which no client asked."""
    if isinstance(value, dict):
        value.pop(KEY, None)
        for one in value.values():
            _clean(one)
    elif isinstance(value, list):
        for one in value:
            _clean(one)


def _reached(row: Any, chain: Path) -> Any:
    """The object at the end of a chain; None where it is not there."""
    for key in chain:
        row = row[key] if isinstance(row, dict) else None
    return row


# Errors ------------------------------------------------------------------------------------------


def _of_row(number: int, errors: Sequence[Error]) -> list[Error]:
    """The errors of one row of `_entities`, or of all."""
    found_here: list[Error] = []
    for error in errors:
        path = error.get("path") or []
        if len(path) < 2 or path[1] == number:  # noqa: PLR2004 - the field and the row
            found_here.append({**error, "path": path[2:]})
    return found_here


def _placed(errors: Sequence[Error], place: Place) -> list[Error]:
    """Errors with the path that the client knows."""
    return [{**error, "path": [*place, *(error.get("path") or ())]} for error in errors]


def _gone(place: Place) -> Error:
    error = SourceDataError("What this belongs to is not there any more.")
    return {"message": error.message, "path": list(place), "extensions": error.extensions}
