"""One answer in parts: what was left out is asked for, put where it belongs, and told."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import orjson
from graphql import IntValueNode, VariableNode

from gateway.documents.incremental.shares import KEYS
from gateway.execution.engine import Engine
from gateway.execution.exchange import Answer, GraphQLRequest, error_entry
from gateway.execution.failures import ours
from gateway.execution.incremental.formats import WRITERS, Pending, add
from gateway.execution.incremental.places import (
    Stream,
    Target,
    at,
    clean,
    gone,
    is_below,
    left_out,
    of_row,
    placed,
    reached,
    streamed,
    upto,
)
from gateway.execution.objects import decoded
from gateway.schema.federation import ENTITIES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from gateway.documents.incremental.shares import Cut, Owner, Share
    from gateway.execution.incremental.formats import Form
    from gateway.execution.incremental.places import Error, Place
    from gateway.execution.planned import PlannedRequest


ROWS = 500
"""Rows that one operation is asked about; those beyond are another's."""
ENTRIES = 100
"""Entries of a streamed list that come together."""


class _Brought(NamedTuple):
    """What an operation brought for one target; the errors' paths begin there."""

    row: Any
    errors: list[Error]


class _Next:
    """What is to be begun when the part before it is told: for a cut all its places together."""

    def __init__(self) -> None:
        self.cuts: dict[int, tuple[Cut, list[Target]]] = {}
        self.streams: list[tuple[Stream, Pending]] = []
        self.errors: list[Error] = []
        """What went wrong with first entries of lists, which are told before."""
        self.waits: set[Pending] = set()
        """Fragments within which it is, and which are not whole yet."""


class Parts:
    """The parts of one answer. `about_rows` is the engine for rows by key."""

    def __init__(
        self,
        engine: Engine,
        about_rows: Engine,
        planned: PlannedRequest,
        deadline: float,
        form: Form,
    ) -> None:
        self._engine = engine
        self._about_rows = about_rows
        self._planned = planned
        self._deadline = deadline
        self._writer = WRITERS[form]()
        self._numbers = count()
        self._pending: dict[tuple[Owner, Place], Pending] = {}
        self._within: dict[Pending, list[_Next]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._broken: BaseException | None = None
        self._data: Any = None

    async def of(self, first: Answer, share: Share) -> AsyncGenerator[Answer, None]:
        """All parts, of an operation whose first share was answered."""
        body: dict[str, Any] = decoded(first.body)
        self._data = body["data"]
        following = _Next()
        try:
            if self._data is not None:
                await self._below(share, self._data, (), following)
                if following.errors:
                    body["errors"] = [*body.get("errors", ()), *following.errors]
            if not self._pending:
                yield msgspec.structs.replace(first, body=orjson.dumps(body), freshness=None)
                return
            told = self._writer.message(body, more=True)
            yield msgspec.structs.replace(first, body=told, freshness=None, more=True)
            self._begin(following)
            while self._pending:
                await self._news.wait()
                self._news.clear()
                if self._broken is not None:
                    yield self._given_up(self._broken)
                    return
                more = bool(self._pending)
                if self._writer.incremental or not more:
                    yield Answer(self._writer.message({}, more=more), more=more)
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def _begin(self, following: _Next) -> None:
        works = [self._stream(*each) for each in following.streams]
        for cut, targets in following.cuts.values():
            works += [
                self._deferred(cut, targets[first : first + ROWS])
                for first in range(0, len(targets), ROWS)
            ]
        for work in works:
            task = asyncio.ensure_future(work)
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self._news.set()

    def _given_up(self, cause: BaseException) -> Answer:
        """The last part after a fault of our own: it tells that whatever was to come failed."""
        error = ours(cause)
        for pending in self._pending.values():
            pending.failed = True
            pending.errors.append(error_entry(error, pending.place))
            self._writer.closed(pending)
        self._pending.clear()
        return Answer(self._writer.message({}, more=False))

    # What is below an object ---------------------------------------------------------------------

    async def _below(self, share: Share, value: Any, place: Place, following: _Next) -> None:
        """Find what a share left out below an object; streamed lists get their first entries."""
        lists = list(streamed(share, value, place))
        entities = self._engine.api.catalog.entities
        for cut in share.cuts:
            key = [info.name for info in entities[cut.entity].key] if cut.entity else ()
            there = list(left_out(cut, key, value, place))
            if cut.owners[0].count is not None:
                for stream in lists:
                    if stream.owner is cut.owners[0]:
                        stream.know(cut, there)
                continue
            for target in there:
                for owner in cut.owners:
                    self._of(owner, (*target.place, *cut.chain)).open += 1
            following.cuts.setdefault(id(cut.share), (cut, []))[1].extend(there)
        clean(value)
        for stream in lists:
            stream.hold()
        for stream in lists:
            failed = await self._entries(stream, self._first(stream.owner), following)
            if stream.rest and not failed:
                pending = self._of(stream.owner, stream.place)
                pending.open, pending.value = 1, stream.entries
                following.streams.append((stream, pending))

    def _first(self, owner: Owner) -> int:
        """How many entries of a list come at once."""
        number = owner.count
        if isinstance(number, VariableNode):
            number = self._planned.variables.coerced.get(number.name.value)
        elif isinstance(number, IntValueNode):
            number = int(number.value)
        return max(0, number) if isinstance(number, int) else 0

    def _of(self, owner: Owner, place: Place) -> Pending:
        """What is to come of an owner, at or above a place."""
        where = upto(place, owner.depth, entered=owner.count is None)
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
        for following in self._within.pop(pending, ()):
            following.waits.discard(pending)
            if pending.failed:
                self._drop(following, pending.place)
            if not following.waits:
                self._begin(following)

    def _drop(self, following: _Next, place: Place) -> None:
        """Give up what is within a fragment that failed."""
        lost = [pending for _, pending in following.streams if is_below(pending.place, place)]
        following.streams = [each for each in following.streams if each[1] not in lost]
        for cut, targets in following.cuts.values():
            for target in [one for one in targets if is_below((*one.place, *cut.chain), place)]:
                targets.remove(target)
                lost += [self._of(owner, (*target.place, *cut.chain)) for owner in cut.owners]
        for pending in lost:
            pending.failed = pending.lost = True
            self._close(pending)

    # Fragments -----------------------------------------------------------------------------------

    async def _deferred(self, cut: Cut, targets: Sequence[Target]) -> None:
        """Bring what a fragment left out, for all its places."""
        following = self._after(cut, targets)
        brought = await self._bring(cut, targets)
        for target, (row, errors) in zip(targets, brought, strict=True):
            place = (*target.place, *cut.chain)
            pendings = [self._of(owner, place) for owner in cut.owners]
            wrong = placed(errors, target.place)
            if reached(row, cut.chain) is None:
                for pending in pendings:
                    pending.failed = True
                pendings[0].errors += wrong or [gone(place)]
            else:
                added = add(target.value, row)
                following.errors = wrong
                await self._below(cut.share, target.value, target.place, following)
                self._writer.added(pendings[0], target.place, added, wrong)
                self._news.set()
            for pending in pendings:
                self._close(pending)

    def _after(self, cut: Cut, targets: Sequence[Target]) -> _Next:
        """What begins when the fragments at these places are whole.

        Known before the first is closed: several places may belong to one fragment, which is whole
        with the last of them, or failed by one that came before.
        """
        following = _Next()
        following.waits = {self._of(cut.owners[0], (*one.place, *cut.chain)) for one in targets}
        for pending in following.waits:
            self._within.setdefault(pending, []).append(following)
        return following

    async def _bring(self, cut: Cut, targets: Sequence[Target]) -> list[_Brought]:
        """Run a cut's operation for these targets."""
        if not targets:
            return []
        engine, variables = self._engine, self._planned.given
        if cut.entity is not None:
            engine = self._about_rows
            variables = {**variables, KEYS: [target.key for target in targets]}
        # The engine's own, whatever counts and traces: a request is one, in how many parts ever.
        answer = await Engine.answer(
            engine,
            GraphQLRequest(variables=dict(variables)),
            self._planned.viewer,
            allow_mutations=False,
            deadline=self._deadline,
            operation=cut.share.operation,
        )
        body = decoded(answer.body)
        data, errors = body.get("data"), body.get("errors", [])
        if cut.entity is None:
            return [_Brought(data, errors)]
        rows = data[ENTITIES] if data else [None] * len(targets)
        return [_Brought(row, of_row(number, errors)) for number, row in enumerate(rows)]

    # Lists ---------------------------------------------------------------------------------------

    async def _stream(self, stream: Stream, pending: Pending) -> None:
        """Bring the rest of a list, some entries at a time."""
        while stream.rest and not pending.failed:
            first, following = len(stream.entries), _Next()
            pending.failed = await self._entries(stream, ENTRIES, following)
            if not pending.failed:
                pending.errors += following.errors
            if len(stream.entries) > first:
                self._writer.entries(pending, first, stream.entries[first:])
                self._news.set()
            if pending.failed:
                pending.errors += following.errors
            self._begin(following)
        self._close(pending)

    async def _entries(self, stream: Stream, number: int, following: _Next) -> bool:
        """Move the next entries of a list from its rest, with what was left out of them.

        Those whose row is gone meanwhile are dropped. One that failed ends the list: whether one
        did.
        """
        first, entries = stream.taken, stream.rest[:number]
        stream.taken, stream.rest = first + len(entries), stream.rest[number:]
        cuts = [
            (cut, {which: by[which] for which in range(first, stream.taken) if which in by})
            for cut, by in stream.targets
        ]
        brought = await asyncio.gather(*(self._bring(cut, [*by.values()]) for cut, by in cuts))
        rows = [
            (cut, by, dict(zip(by, got, strict=True)))
            for (cut, by), got in zip(cuts, brought, strict=True)
        ]
        for which, entry in enumerate(entries, first):
            place = (*stream.place, len(stream.entries))
            parts = [(cut, by[which], got[which]) for cut, by, got in rows if which in by]
            wrong = [
                error
                for _, target, (_, errors) in parts
                for error in placed(errors, (*place, *target.place[len(place) :]))
            ]
            following.errors += wrong
            if any(row is None for _, _, (row, _) in parts):
                if wrong:
                    return True
                continue
            stream.entries.append(entry)
            for cut, target, (row, _) in parts:
                add(target.value, row)
                where = (*place, *target.place[len(place) :])
                await self._below(cut.share, target.value, where, following)
        return False
