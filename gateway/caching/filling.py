"""Answers that are not in memory: who asks the source, who waits, and what is kept of it.

One look into the shared level gives what is there, and for what is not the versions with which a
fill begins. Across replicas the one that gets the lock of a key asks the source; the others look
for its answer, and ask themselves when the lock is free again without one, or when most of their
time is gone. Whoever waits is answered before anything is stored.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.caching.answers import Answer, Loaded, State
from gateway.caching.entry import Entry
from gateway.caching.shared import CacheFault, Kept, Search
from gateway.errors import HTTP_STATUS, Code, SourceUnavailable
from gateway.sources.cache import Lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.caching.answers import Want
    from gateway.caching.coherence import Coherence
    from gateway.caching.flight import Flight, Flights
    from gateway.caching.memory import Memory, Slot
    from gateway.caching.policy import Policy
    from gateway.caching.shared import Found, SharedLevel

Load: TypeAlias = Callable[[Sequence[int], float], Awaitable[Sequence[Any]]]
"""(places of wants, deadline) → a value of each: JSON, `Loaded`, None, or what is wrong with it."""

Due: TypeAlias = "tuple[Want, int, Slot]"
"""What is to be read anew: a want, which of its caller's it is, and what there is of it."""

SKEW = 1.0
"""Seconds by which an entry may come from the future, as clocks differ."""
_TAG_MARGIN = 60.0
_RETRY_SECONDS = 1.0
"""After a refresh that failed."""
_CLOSE_SECONDS = 1.0
_SERVER_ERROR = 500
_PATIENCE = 0.75
"""The part of its time that a reader waits for another replica's answer."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.003, 0.05


@dataclass(frozen=True, slots=True)
class Clocks:
    """`steady` is monotonic and of this process, `wall` is everybody's; seconds."""

    steady: Callable[[], float]
    wall: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Fill:
    """What one caller's misses have in common. `local`: they are nothing to other replicas."""

    policy: Policy
    load: Load
    deadline: float
    local: bool = False


class Filling:
    """Fills for this process. `seconds`: how long a source may take, whoever waits for it.

    `jitter`: the part of its time by which an entry may end early, so that entries that were made
    together do not end together. `most_seconds`: no entry is of any use for longer.
    """

    def __init__(  # noqa: PLR0913 - one collaborator each
        self,
        memory: Memory,
        shared: SharedLevel | None,
        coherence: Coherence | None,
        flights: Flights,
        clocks: Clocks,
        *,
        seconds: float,
        jitter: float,
        most_seconds: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._memory = memory
        self._shared = shared
        self._coherence = coherence
        self._flights = flights
        self._clocks = clocks
        self._seconds = seconds
        self._jitter = jitter
        self._most_seconds = most_seconds
        self._chance = chance
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, flights: Sequence[Flight], fill: Fill) -> None:
        """Fill in a task of its own: nobody who leaves takes it along."""
        task = asyncio.ensure_future(self._run(flights, fill))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def refresh(self, due: Sequence[Due], fill: Fill) -> None:
        """Read anew in the background what is served meanwhile, unless that is under way."""
        mine: list[Flight] = []
        for want, place, slot in due:
            if self._flights.unbegun(want.key) or self._flights.under_lease(want.key):
                continue
            flight = self._flights.take_off(want, place)
            flight.newer_than = _ms(slot.entry.created)
            slot.refreshing = True
            mine.append(flight)
            flight.future.add_done_callback(partial(self._refreshed, slot))
        if mine:
            self.start(mine, fill)

    def _refreshed(self, slot: Slot, _: object) -> None:
        """A slot that is still there was not replaced: its refresh failed, and comes again."""
        slot.refreshing = False
        slot.early_at = self._clocks.steady() + _RETRY_SECONDS

    async def close(self) -> None:
        """Let what is under way end, for a moment; then who waits gets `SourceUnavailable`."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def now_ms(self) -> int:
        """Milliseconds of the wall clock."""
        return _ms(self._clocks.wall())

    def _age(self, entry: Entry) -> float | None:
        """Seconds since the entry's source was asked; None where that lies ahead."""
        age = self._clocks.wall() - entry.created
        return None if age < -SKEW else max(age, 0.0)

    async def _run(self, flights: Sequence[Flight], fill: Fill) -> None:
        left = Answer(SourceUnavailable("The gateway is shutting down."), State.MISS)
        try:
            await self._fill(flights, fill)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            left = Answer(error, State.MISS)
        finally:
            for flight in flights:
                if not flight.follows:
                    self._flights.landed(flight)
                    flight.land(left)

    async def _fill(self, flights: Sequence[Flight], fill: Fill) -> None:
        for flight in flights:
            flight.begun = True
        if self._shared is None or fill.local:
            for flight in flights:
                self._keep_own_spare(flight)
            await self._load(flights, fill)
            return
        mine, others = await self._look(self._shared, flights, fill)
        if not others:
            await self._load(mine, fill)
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._load(mine, fill))
            group.create_task(self._follow(self._shared, others, fill, group))

    async def _look(
        self, shared: SharedLevel, flights: Sequence[Flight], fill: Fill, *, again: bool = False
    ) -> tuple[list[Flight], list[Flight]]:
        """Give what is there; of the rest what to load here, and what another replica loads."""
        coherence = self._coherence
        if coherence is not None and any(coherence.owes(flight.all_tags) for flight in flights):
            return list(flights), []
        try:
            found = await shared.look([self._search(flight, fill.policy) for flight in flights])
        except CacheFault:
            return list(flights), []
        due: list[Due] = []
        left = [
            (flight, one)
            for flight, one in zip(flights, found, strict=True)
            if not self._landed(flight, one, due)
        ]
        if due:
            self.refresh(due, fill)
        mine = [flight for flight, one in left if _begins(flight, one, again=again)]
        others = [
            flight
            for flight, one in left
            if one.lock is Lock.OTHERS and not self._flights.joins(flight, one.versions)
        ]
        unclear = [flight for flight, one in left if not (one.lock or again)]
        if unclear:  # what counts for the store is cut short, or changed
            for flight in unclear:
                flight.newer_than = self.now_ms()
            more, rest = await self._look(shared, unclear, fill, again=True)
            return mine + more, others + rest
        return mine, others

    def _search(self, flight: Flight, policy: Policy) -> Search:
        lifetime = policy.max_age + max(policy.stale_while_revalidate, policy.stale_if_error)
        return Search(
            flight.want.key,
            flight.tags,
            flight.want.guards,
            flight.newer_than,
            tag_ms=_ms(lifetime + self._seconds + _TAG_MARGIN),
            lock_ms=_ms(self._seconds),
        )

    def _landed(self, flight: Flight, found: Found, due: list[Due]) -> bool:
        """Give what was found, if it counts; else it may stand in should the source fail."""
        entry = found.entry
        age = None if entry is None else self._age(entry)
        if entry is None or age is None:
            return False
        if age < entry.fresh_for + entry.stale_for and _ms(entry.created) > flight.newer_than:
            slot = self._put(flight, entry, age)
            state = State.SHARED if age < entry.fresh_for else State.STALE
            self._flights.landed(flight)
            flight.land(Answer(entry.value, state, age))
            if self._clocks.steady() >= slot.early_at:
                due.append((flight.want, flight.place, slot))
            return True
        if age < entry.fresh_for + entry.error_for:
            flight.spare = (entry, age)
        return False

    def _put(self, flight: Flight, entry: Entry, age: float) -> Slot:
        return self._memory.put(
            flight.want.key,
            entry,
            age=age,
            since=flight.since,
            cells=flight.cells,
            guards=len(flight.want.guards),
        )

    def _keep_own_spare(self, flight: Flight) -> None:
        slot = self._memory.find(flight.want.key)
        now = self._clocks.steady()
        if slot is not None and now < slot.error_until:
            flight.spare = (slot.entry, now - slot.made_at)

    async def _load(self, flights: Sequence[Flight], fill: Fill) -> None:
        """Ask the source, give the answers, keep them: in Redis those that we have locks of.

        What could not be looked for is kept nowhere.
        """
        if not flights:
            return
        clocks = self._clocks
        created, started = clocks.wall(), clocks.steady()
        deadline = max(fill.deadline, asyncio.get_running_loop().time() + self._seconds)
        values: Sequence[Any]
        try:
            values = await fill.load([flight.place for flight in flights], deadline)
        except Exception as error:  # noqa: BLE001 - every one of them gets it
            values = [error] * len(flights)
        cost = clocks.steady() - started
        alone = self._shared is None or fill.local
        kept: dict[bytes, Kept] = {}
        for flight, loaded in zip(flights, values, strict=True):
            self._flights.landed(flight)  # a failure is forgotten from here on
            entry = None
            value, found = loaded if type(loaded) is Loaded else (loaded, ())
            versions = {} if alone else flight.versions
            state = State.BYPASS if versions is None else State.MISS
            if not (value is None or isinstance(value, bytes)):
                flight.land(_spare(flight, value, state))
            else:
                if versions is not None:
                    own = _versions(flight.tags, versions)
                    times = fill.policy.times(self._most_seconds, 1 - self._jitter * self._chance())
                    entry = Entry(value, created, *times, cost, own, found)
                    self._put(flight, entry, cost)
                flight.land(Answer(value, state))
            if flight.token is not None:
                guards = _versions(flight.want.guards, versions or {})
                kept[flight.want.key] = Kept(entry, flight.token, guards)
        if self._shared is not None and kept:
            self._shared.keep(kept)

    # What other replicas load ------------------------------------------------------------------

    async def _follow(
        self,
        shared: SharedLevel,
        flights: Sequence[Flight],
        fill: Fill,
        group: asyncio.TaskGroup,
    ) -> None:
        """Look for the answers of others until they are there or ours to find."""
        clock = asyncio.get_running_loop().time
        patience = clock() + max(0.0, fill.deadline - clock()) * _PATIENCE
        pause = _FIRST_PAUSE
        left = list(flights)
        while left:
            await asyncio.sleep(pause * (0.5 + self._chance()))
            pause = min(pause * 1.6, _LONGEST_PAUSE)
            mine, left = await self._look(shared, left, fill)
            if mine:
                group.create_task(self._load(mine, fill))
            if left and clock() >= patience:
                for flight in left:
                    flight.versions = {}
                await self._load(left, fill)
                return


def _begins(flight: Flight, found: Found, *, again: bool) -> bool:
    """Whether the flight is ours to fill, and with which versions it begins."""
    if found.lock is Lock.OURS:
        flight.versions, flight.token = found.versions, found.token
        return True
    if found.lock is Lock.NONE or (again and found.lock is Lock.NOT_NEEDED):
        flight.versions = {}
        return True
    return False


def _versions(tags: Sequence[str], versions: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """Those of these tags, as far as they are known."""
    found = {tag: versions.get(tag) for tag in tags}
    return {tag: own for tag, own in found.items() if own is not None}


def _spare(flight: Flight, error: Any, state: State) -> Answer:
    """A stale answer where there is one that may stand in for the error (RFC 5861, section 4)."""
    errors = error if isinstance(error, tuple) else (error,)
    if flight.spare is None or any(map(_refuses, errors)):
        return Answer(error, state)
    entry, age = flight.spare
    return Answer(entry.value, State.STALE, age)


def _refuses(error: Any) -> bool:
    """Whether it says that the fault is with what was asked, or by whom."""
    code = getattr(error, "code", None)
    return isinstance(code, Code) and HTTP_STATUS[code] < _SERVER_ERROR


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
