"""Reads of one source, committed in groups.

The rules (DESIGN, "And reads are committed in groups"):

- a read joins only what has not been sent, so its answer is never older than its arrival;
- at most `in_flight` executions of one group are under way; the next one waits and gathers;
- different groups wait for each other only where the source's `concurrency` is used up, and then
  the oldest goes first;
- each waiter leaves at its own deadline; an execution without waiters is cancelled.

A call that finds a free slot sends its own execution and awaits it where it stands: nobody can
join what was sent, so its cancellation harms nobody. Only executions that others may share run in
a task of their own.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from gateway.errors import (
    SourceDataError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.execution.groups.deadlines import Deadlines
from gateway.execution.groups.identity import identity
from gateway.execution.groups.schedule import Schedule
from gateway.execution.groups.waiting import Failed, Group, Member, Pending
from gateway.sources.contract import Batch, Budget

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from gateway.sources.contract import Key, Prepared, Source, Value

_LEAD: Final = object()
"""Given to a waiter instead of values: the slot is yours, run the execution yourself."""

_CLOSING: Final = "The gateway is shutting down."


class Groups:
    """The reads of one `source`, shared while they wait.

    `enabled`: off, every read is an execution of its own; slots and deadlines hold as ever.
    `batch`: keys of one execution. `in_flight`: executions of one group under way at once.
    `max_waiting`: calls that may wait unsent; one more is refused with `SourceOverloaded`.
    """

    def __init__(
        self,
        source: Source,
        *,
        enabled: bool = True,
        batch: int = 128,
        in_flight: int = 2,
        max_waiting: int = 2048,
    ) -> None:
        self._source = source
        self._enabled = enabled
        self._batch = batch
        self._max_waiting = max_waiting
        limit = in_flight if enabled else source.concurrency
        self._schedule = Schedule(source.concurrency, limit, self._start)
        self._deadlines = Deadlines(self._expire)
        self._groups: dict[Hashable, Group] = {}
        self._waiting = 0
        self._age = 0
        self._sent = 0
        self._joined = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._landed: asyncio.Event | None = None

    async def single(
        self, prepared: Prepared, arguments: tuple[Any, ...], deadline: float
    ) -> Value:
        """The one value of a plan without keys; shared with identical reads only.

        `deadline` is absolute, in the event loop's clock. Raises `SourceError`: what the source
        raised, `SourceTimeout` at the deadline, `SourceOverloaded` when too many wait,
        `SourceUnavailable` after `close`.
        """
        group = self._group(prepared, arguments)
        if self._may_start(group):
            values = await self._alone(group, (), deadline)
        else:
            outcome = await self._outcome(self._admit(group, deadline))
            values = await self._alone(group, (), deadline) if outcome is None else outcome
        return values[0]

    async def by_key(
        self,
        prepared: Prepared,
        keys: Sequence[Key],
        arguments: tuple[Any, ...],
        deadline: float,
    ) -> list[Value]:
        """One value per key, in the order of `keys`, which may repeat.

        Shares an execution with other keys of the same plan and arguments. More than `batch`
        different keys are split over several executions. Raises as `single` does.
        """
        identities = [identity(key) for key in keys]
        wanted = dict(zip(identities, keys, strict=True))
        if not wanted:
            return []
        group = self._group(prepared, arguments)
        if len(wanted) > self._batch:
            values = await self._split(group, wanted, deadline)
        elif self._may_start(group):
            values = list(await self._alone(group, tuple(wanted.values()), deadline))
        else:
            values = await self._shared(self._admit(group, deadline, wanted))
        if len(wanted) == len(identities):
            return values
        by_identity = dict(zip(wanted, values, strict=True))
        return [by_identity[each] for each in identities]

    async def close(self, grace: float = 5.0) -> None:
        """Refuse new reads, fail the waiting ones, wait `grace` seconds for those under way."""
        self._closed = True
        groups = list(self._groups.values())
        for pending in self._schedule.clear(groups):
            self._waiting -= len(pending.members)
            self._deliver(pending, Failed(SourceUnavailable(_CLOSING)))
        for group in groups:
            self._forget(group)
        if self._schedule.flying:
            self._landed = asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._landed.wait(), grace)
        for task in self._tasks:
            task.cancel()
        self._deadlines.stop()

    def figures(self) -> Mapping[str, float]:
        """Gauges: groups, waiting calls, executions under way.

        Counters: executions sent, and calls that were answered by another call's execution.
        """
        return {
            "groups": len(self._groups),
            "waiting": self._waiting,
            "flying": self._schedule.flying,
            "sent": self._sent,
            "joined": self._joined,
        }

    # A call comes in.

    def _group(self, prepared: Prepared, arguments: tuple[Any, ...]) -> Group:
        """The group such a read belongs to; a new one where there is none, or grouping is off."""
        if self._closed:
            raise SourceUnavailable(_CLOSING)
        key: Hashable
        if self._enabled:
            key = (prepared, identity(arguments))
            group = self._groups.get(key)
            if group is not None:
                return group
        else:
            key = object()
        group = self._groups[key] = Group(key, prepared, arguments)
        return group

    def _may_start(self, group: Group) -> bool:
        """Whether an execution can be sent this moment; then its slot is taken."""
        schedule = self._schedule
        if group.open is None and schedule.free and group.flying < schedule.limit:
            schedule.take(group)
            return True
        return False

    def _admit(
        self, group: Group, deadline: float, wanted: Mapping[Hashable, Key] | None = None
    ) -> Member:
        """Let a call wait: with others in what is not sent yet, else in a new execution."""
        if self._waiting >= self._max_waiting:
            self._forget(group)
            raise SourceOverloaded("Too many reads wait for this source; try again later.")
        pending = group.open
        joined = pending is not None and pending.has_room(wanted, self._batch)
        if pending is None or not joined:
            self._age += 1
            pending = group.open = Pending(group, self._age)
        member = Member(asyncio.get_running_loop().create_future(), deadline, pending)
        if wanted:
            member.places = pending.add(wanted)
        pending.members[member] = None
        self._waiting += 1
        self._deadlines.add(member)
        if not joined:
            self._schedule.line_up(pending)
        return member

    async def _split(
        self, group: Group, wanted: Mapping[Hashable, Key], deadline: float
    ) -> list[Value]:
        """The values of more keys than one execution takes."""
        left = list(wanted.items())
        members: list[Member] = []
        values: list[Value] = []
        try:
            while left:
                part, left = dict(left[: self._batch]), left[self._batch :]
                members.append(self._admit(group, deadline, part))
            for member in members:
                values += await self._shared(member)
        finally:
            for member in members:
                self._leave(member)
        return values

    async def _shared(self, member: Member) -> list[Value]:
        """The values of a member's own keys."""
        answer = await self._outcome(member) or ()
        return [answer[place] for place in member.places]

    async def _outcome(self, member: Member) -> Sequence[Value] | None:
        """The values of the execution that `member` waits for; None: it has the slot, and leads."""
        try:
            outcome = await member.future
        except asyncio.CancelledError:
            self._leave(member)
            raise
        if type(outcome) is Failed:
            raise outcome.as_own()
        return None if outcome is _LEAD else cast("Sequence[Value]", outcome)

    # It leaves before its answer.

    def _leave(self, member: Member) -> None:
        """Let go of a call that was cancelled; nothing where it has its answer already."""
        future = member.future
        if member in member.pending.members:
            member.bucket.discard(member)
            self._remove(member)
        elif not future.cancelled() and future.result() is _LEAD:
            self._release(member.pending.group)

    def _expire(self, member: Member) -> None:
        """Send a call away at its deadline."""
        self._remove(member)
        if not member.future.done():
            late = SourceTimeout("The source did not answer in time.")
            member.future.set_result(Failed(late))

    def _remove(self, member: Member) -> None:
        """Take a member out of its execution; the last one takes the execution with it."""
        pending = member.pending
        group = pending.group
        del pending.members[member]
        if not pending.sent:
            self._waiting -= 1
        if pending.members:
            return
        if pending.task is None:
            if group.open is pending:
                group.open = None
            self._schedule.withdraw(pending)
            self._forget(group)
        elif pending.sent:
            pending.task.cancel()

    # It runs.

    def _start(self, pending: Pending) -> None:
        """Run an execution on the slot it was given.

        A lone waiter for a plan without keys runs it itself and is spared the task; keys stay
        open to newcomers for the moment until the task begins.
        """
        if not pending.keys and len(pending.members) == 1:
            (member,) = pending.members
            if not member.future.done():
                self._send(pending)
                self._deliver(pending, _LEAD)
                return
        pending.task = asyncio.create_task(self._run(pending))
        self._tasks.add(pending.task)

    def _send(self, pending: Pending) -> None:
        """From here on nobody joins."""
        pending.sent = True
        if pending.group.open is pending:
            pending.group.open = None
        self._waiting -= len(pending.members)

    async def _alone(self, group: Group, keys: Sequence[Key], deadline: float) -> Sequence[Value]:
        """Run an execution for one caller, in its own task, on a slot already taken."""
        try:
            return await self._execute(group, keys, deadline)
        finally:
            self._release(group)

    async def _run(self, pending: Pending) -> None:
        """Run an execution for several members and hand each its outcome."""
        self._send(pending)
        members = pending.members
        outcome: Sequence[Value] | Failed = Failed(SourceUnavailable(_CLOSING))
        try:
            if members:
                self._joined += len(members) - 1
                latest = max(member.deadline for member in members)
                outcome = await self._execute(pending.group, pending.keys, latest)
        except SourceDataError as error:
            if len(members) > 1 and pending.keys:  # one member's key made all fail
                for own in pending.singly():
                    own.group.queue.appendleft(own)
                    self._waiting += 1
            outcome = Failed(error)
        except Exception as error:  # noqa: BLE001  # every waiter raises it in its own task
            outcome = Failed(error)
        finally:
            self._deliver(pending, outcome)
            self._tasks.discard(cast("asyncio.Task[None]", pending.task))
            self._release(pending.group)

    async def _execute(self, group: Group, keys: Sequence[Key], deadline: float) -> Sequence[Value]:
        self._sent += 1
        batch = Batch(keys, group.arguments)
        values = await self._source.execute(group.prepared, batch, Budget(deadline))
        if len(values) != (len(keys) or 1):
            raise SourceRefused("The source gave a wrong number of answers.")
        return values

    def _deliver(self, pending: Pending, outcome: object) -> None:
        """Give all members their outcome; they have left the execution then."""
        for member in pending.members:
            member.bucket.discard(member)
            if not member.future.done():
                member.future.set_result(outcome)
        pending.members.clear()

    def _release(self, group: Group) -> None:
        """An execution has ended: its slot goes to the oldest that may run."""
        self._schedule.give_back(group)
        self._forget(group)
        if self._landed is not None and not self._schedule.flying:
            self._landed.set()

    def _forget(self, group: Group) -> None:
        """Drop the record of a group in which nothing happens."""
        if not (group.flying or group.ready or group.queue):
            del self._groups[group.key]
