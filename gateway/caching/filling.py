"""Answers that are in no level: who asks the source, who waits, and what is kept of it.

A fill begins with the versions of its tags. Across replicas the one that gets the lock of a key
asks the source; the others look for its answer, and ask themselves when the lock is free again
without one, or when half of their time is gone.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.caching.entry import Entry
from gateway.caching.outcome import Answer, State
from gateway.caching.shared import CacheFault
from gateway.errors import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.caching.flight import Flight, Flights
    from gateway.caching.memory import Memory
    from gateway.caching.policy import Policy
    from gateway.caching.shared import Found, SharedLevel

Load: TypeAlias = Callable[[Sequence[int], float], Awaitable[Sequence[Any]]]
"""(places of wants, deadline) → a value for each: JSON, None, or what is wrong with it."""

SKEW = 1.0
"""Seconds by which an entry may come from the future, as clocks differ."""
_TAG_MARGIN = 60.0
_CLOSE_SECONDS = 1.0
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

    async def close(self) -> None:
        """Let what is under way end, for a moment; then who waits gets `SourceUnavailable`."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def age(self, entry: Entry) -> float | None:
        """Seconds since the entry's source was asked; None where that lies ahead."""
        age = self._clocks.wall() - entry.created
        return None if age < -SKEW else max(age, 0.0)

    async def _run(self, flights: Sequence[Flight], fill: Fill) -> None:
        try:
            await self._fill(flights, fill)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            for flight in flights:
                flight.land(Answer(error, State.MISS))
        finally:
            for flight in flights:
                self._flights.landed(flight)
                flight.land(Answer(SourceUnavailable("The gateway is shutting down."), State.MISS))

    async def _fill(self, flights: Sequence[Flight], fill: Fill) -> None:
        for flight in flights:
            flight.begun = True
        if self._shared is None or fill.local:
            await self._load(flights, fill, None)
            return
        mine, others, token = await self._begin(self._shared, flights, fill)
        if not others:
            await self._load(mine, fill, token)
            return
        async with asyncio.TaskGroup() as group:
            if mine:
                group.create_task(self._load(mine, fill, token))
            group.create_task(self._follow(self._shared, others, fill, group))

    async def _begin(
        self, shared: SharedLevel, flights: Sequence[Flight], fill: Fill
    ) -> tuple[list[Flight], list[Flight], bytes | None]:
        """Those to load here, those that another replica loads, and the token of our locks."""
        token = secrets.token_bytes(8)
        policy = fill.policy
        lifetime = policy.max_age + max(policy.stale_while_revalidate, policy.stale_if_error)
        tags = dict.fromkeys(tag for flight in flights for tag in flight.tags)
        try:
            versions, locked = await shared.begin(
                list(tags),
                [flight.key for flight in flights],
                token,
                tag_ms=round((lifetime + self._seconds + _TAG_MARGIN) * 1_000),
                lock_ms=round(self._seconds * 1_000),
            )
        except CacheFault:
            return list(flights), [], None
        for flight in flights:
            flight.versions = {tag: versions[tag] for tag in flight.tags}
        mine, others, changed = [], [], []
        for flight, stamp in zip(flights, locked, strict=True):
            if stamp is None:
                others.append(flight)
            elif flight.stamp in {None, stamp}:
                mine.append(flight)
            else:
                changed.append(flight)
        if changed:
            mine += await self._look_again(shared, changed, token)
        return mine, others, token

    async def _look_again(
        self, shared: SharedLevel, flights: Sequence[Flight], token: bytes
    ) -> list[Flight]:
        """Of those whose answer came between our look and our lock, what it did not settle."""
        try:
            found = await shared.look_up([(flight.key, flight.tags) for flight in flights])
            left = [
                flight
                for flight, one in zip(flights, found, strict=True)
                if not self._landed(flight, one)
            ]
            unlock: dict[bytes, Entry | None] = {
                flight.key: None for flight in flights if flight not in left
            }
            if unlock:
                await shared.store(unlock, token)
        except CacheFault:
            return [flight for flight in flights if not flight.future.done()]
        return left

    async def _load(self, flights: Sequence[Flight], fill: Fill, token: bytes | None) -> None:
        """Ask the source, give the answers, keep them. Without a token none is kept in Redis."""
        clocks = self._clocks
        created, started = clocks.wall(), clocks.steady()
        deadline = max(fill.deadline, asyncio.get_running_loop().time() + self._seconds)
        values: Sequence[Any]
        try:
            values = await fill.load([flight.place for flight in flights], deadline)
        except Exception as error:  # noqa: BLE001 - every one of them gets it
            values = [error] * len(flights)
        cost = clocks.steady() - started
        kept: dict[bytes, Entry | None] = {}
        for flight, value in zip(flights, values, strict=True):
            self._flights.landed(flight)  # a failure is forgotten from here on
            if value is None or isinstance(value, bytes):
                entry = self._entry(value, created, cost, fill.policy, flight.versions or {})
                self._memory.put(
                    flight.key, entry, age=cost, since=flight.since, cells=flight.cells
                )
                flight.land(Answer(value, State.MISS))
                kept[flight.key] = entry
            else:
                flight.land(_spare(flight, value))
                kept[flight.key] = None
        if self._shared is not None and token is not None:
            try:
                await self._shared.store(kept, token)
            except CacheFault:
                return

    def _entry(
        self,
        value: bytes | None,
        created: float,
        cost: float,
        policy: Policy,
        versions: Mapping[str, bytes],
    ) -> Entry:
        fresh = min(policy.max_age, self._most_seconds) * (1 - self._jitter * self._chance())
        rest = self._most_seconds - fresh
        return Entry(
            value=value,
            created=created,
            fresh_for=fresh,
            stale_for=min(policy.stale_while_revalidate, rest),
            error_for=min(policy.stale_if_error, rest),
            cost=cost,
            versions=versions,
        )

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
            try:
                found = await shared.look_up([(flight.key, flight.tags) for flight in left])
            except CacheFault:
                await self._load(left, fill, None)
                return
            pairs = zip(left, found, strict=True)
            left = [flight for flight, one in pairs if not self._landed(flight, one)]
            if left and clock() >= patience:
                await self._load(left, fill, None)
                return
            if left:
                mine, left, token = await self._begin(shared, left, fill)
                if mine:
                    group.create_task(self._load(mine, fill, token))

    def _landed(self, flight: Flight, found: Found) -> bool:
        """Give what another replica stored since, if it did."""
        entry = found.entry
        age = None if entry is None else self.age(entry)
        if entry is None or age is None or age >= entry.fresh_for:
            return False
        if entry.created <= flight.newer_than:
            return False
        self._memory.put(flight.key, entry, age=age, since=flight.since, cells=flight.cells)
        flight.land(Answer(entry.value, State.SHARED, age))
        return True


def _spare(flight: Flight, error: Any) -> Answer:
    """A stale answer where there is one that may stand in for the error."""
    if flight.spare is None:
        return Answer(error, State.MISS)
    entry, age = flight.spare
    return Answer(entry.value, State.STALE, age)
