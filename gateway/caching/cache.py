"""The resolver cache: memory, then Redis, then the source; and its invalidation.

Reads and fills are joined and bounded; every fault of the cache is a miss. See `docs/caching.md`.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.caching.filling import Fill
from gateway.caching.outcome import Answer, State, own_copy
from gateway.caching.shared import CacheFault
from gateway.caching.tags import EVERYTHING
from gateway.errors import SourceError, SourceTimeout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.caching.coherence import Coherence
    from gateway.caching.filling import Clocks, Filling, Load
    from gateway.caching.flight import Flight, Flights
    from gateway.caching.memory import Memory, Slot
    from gateway.caching.policy import Policy
    from gateway.caching.shared import Found, SharedLevel
    from gateway.sources.cache import SharedStore

_LOG = logging.getLogger(__name__)

MOST_BY_PATTERN = 10_000
"""Tags that one pattern may invalidate."""
_RETRY_SECONDS = 1.0
"""After a refresh that failed."""


class Want(NamedTuple):
    """One answer that is asked for: its key, and the tags that invalidate it."""

    key: bytes
    tags: tuple[str, ...]


class Cache:
    """Both levels and what keeps them right; `gateway.caching.assembly` puts it together.

    Without `shared`, `store` and `coherence` it is this process's own: nothing is heard of writes
    elsewhere, and entries live no longer than they are fresh.
    """

    def __init__(  # noqa: PLR0913 - one collaborator each
        self,
        *,
        memory: Memory,
        shared: SharedLevel | None,
        store: SharedStore | None,
        coherence: Coherence | None,
        flights: Flights,
        filling: Filling,
        clocks: Clocks,
    ) -> None:
        self.memory = memory
        self.store = store
        self._shared = shared
        self._coherence = coherence
        self._flights = flights
        self._filling = filling
        self._clock = clocks.steady
        self._wall = clocks.wall
        self._counts = dict.fromkeys(State, 0)
        self._invalidations: set[asyncio.Task[bool]] = set()

    async def open(self) -> None:
        """Connect, as far as that is possible now. Raises ConfigurationError."""
        if self.store is not None:
            try:
                await self.store.open()
            except SourceError:
                _LOG.warning("cache: the shared store is not reachable yet")
        if self._coherence is not None:
            self._coherence.start()

    async def close(self) -> None:
        """Let invalidations finish, end everything else; idempotent."""
        if self._invalidations:
            await asyncio.wait(self._invalidations)
        await self._filling.close()
        if self._coherence is not None:
            await self._coherence.close()
        if self._shared is not None:
            await self._shared.close()
        if self.store is not None:
            await self.store.close()

    @property
    def leased(self) -> bool:
        """Whether memory may be served from at this moment."""
        return self._coherence is None or self._coherence.leased

    @property
    def ready(self) -> bool:
        """Whether the shared level answers, as far as is known; True where there is none."""
        return self._shared is None or self._shared.ready

    def figures(self) -> Mapping[str, float]:
        """Counters by where answers came from; gauges: entries and bytes in memory, flights."""
        return {
            **{state.value: count for state, count in self._counts.items()},
            "entries": len(self.memory),
            "bytes": self.memory.size,
            "flights": len(self._flights),
        }

    def at_hand(self, key: bytes) -> tuple[bytes | None, float] | None:
        """What memory may serve under a key at this moment, and its age; else None: `fetch` it."""
        coherence = self._coherence
        if coherence is not None and not coherence.leased:
            return None
        slot = self.memory.find(key)
        now = self._clock()
        if slot is None or now >= slot.early_at:
            return None
        self._counts[State.MEMORY] += 1
        return slot.value, now - slot.made_at

    async def fetch(  # noqa: PLR0913 - what is wanted, and how
        self,
        wants: Sequence[Want],
        policy: Policy,
        load: Load,
        deadline: float,
        *,
        refresh: bool = False,
        local: bool = False,
    ) -> list[Answer]:
        """An answer for each want, in their order.

        `load` asks the source for those that are missing, all in one call. `deadline` is absolute,
        in the event loop's clock; who waits longer gets `SourceTimeout`. What the source raises is
        the value of the answers it was for; such values are never kept. `refresh`: what is there
        already does not count. `local`: in this process alone.
        """
        fill = Fill(policy, load, deadline, local)
        if refresh:
            return await self._anew(wants, fill)
        now = self._clock()
        coherence = self._coherence
        leased = coherence is None or coherence.leased
        due: list[tuple[int, Slot]] = []
        answers: list[Answer | None] = []
        missing: list[int] = []
        for place, want in enumerate(wants):
            slot = self.memory.find(want.key) if leased else None
            if slot is None or now >= slot.stale_until:
                answers.append(None)
                missing.append(place)
                continue
            if now >= slot.early_at and not slot.refreshing:
                due.append((place, slot))
            state = State.MEMORY if now < slot.fresh_until else State.STALE
            answers.append(Answer(slot.value, state, now - slot.made_at))
        if due:
            self._refresh(wants, due, fill)
        if missing:
            await self._missing(wants, missing, fill, answers)
        found = [answer for answer in answers if answer is not None]
        for answer in found:
            self._counts[answer.state] += 1
        return found

    async def invalidate(self, tags: Iterable[str]) -> bool:
        """From its return on no replica serves what was read before it, under any of these tags.

        At most a lease long, and finished even where the caller is cancelled. False where the
        shared store could not be reached, and other replicas know nothing of it yet.
        """
        wanted = list(tags)
        if self._coherence is None:
            self.memory.invalidate(wanted)
            return True
        task = asyncio.ensure_future(self._coherence.invalidate(wanted))
        self._invalidations.add(task)
        task.add_done_callback(self._invalidations.discard)
        return await asyncio.shield(task)

    async def invalidate_like(self, pattern: str) -> int:
        """Invalidate the tags in use that match a pattern with `*` and `?`; how many.

        Raises SourceError where the shared store cannot be asked.
        """
        if self.store is not None:
            found = await self.store.tags_like(pattern, MOST_BY_PATTERN)
        else:
            found = [tag for tag in self.memory.tags() if fnmatch.fnmatchcase(tag, pattern)]
        for start in range(0, len(found), 1_000):
            await self.invalidate(found[start : start + 1_000])
        return len(found)

    # Misses ------------------------------------------------------------------------------------

    async def _missing(
        self,
        wants: Sequence[Want],
        places: Sequence[int],
        fill: Fill,
        answers: list[Answer | None],
    ) -> None:
        """Fill in the answers of these places."""
        if self._coherence is not None:
            self._coherence.start()
        leased = self.leased
        waiting: dict[int, Flight] = {}
        rest: list[int] = []
        for place in places:
            key = wants[place].key
            flight = self._flights.under_lease(key) if leased else self._flights.unbegun(key)
            if flight is None:
                rest.append(place)
            else:
                waiting[place] = flight
        mine: list[Flight] = []
        if rest and (self._shared is None or fill.local):
            mine = self._take_off(wants, [(place, None) for place in rest], waiting)
        elif rest and self._shared is not None:
            mine = await self._look_up(self._shared, wants, rest, fill, answers, waiting)
        if mine:
            self._filling.start(mine, fill)
        if waiting:
            await self._wait(waiting, mine, fill.deadline, answers)

    async def _look_up(  # noqa: PLR0913, PLR0917 - one caller's state
        self,
        shared: SharedLevel,
        wants: Sequence[Want],
        places: Sequence[int],
        fill: Fill,
        answers: list[Answer | None],
        waiting: dict[int, Flight],
    ) -> list[Flight]:
        """Answer what Redis has; the flights that are ours to fill."""
        memory = self.memory
        tags = {place: (EVERYTHING, *wants[place].tags) for place in places}
        since = memory.moment
        cells = {place: memory.cells(tags[place]) for place in places}
        found: list[Found] | None = None
        if not self._owes(tags.values()):
            with suppress(CacheFault):
                found = await shared.look_up([(wants[place].key, tags[place]) for place in places])
        if found is None:
            values = await fill.load(places, fill.deadline)
            for place, value in zip(places, values, strict=True):
                answers[place] = Answer(value, State.BYPASS)
            return []
        due: list[tuple[int, Slot]] = []
        absent: list[tuple[int, Found | None]] = []
        for place, one in zip(places, found, strict=True):
            entry = one.entry
            age = None if entry is None else self._filling.age(entry)
            if entry is None or age is None or age >= entry.fresh_for + entry.stale_for:
                absent.append((place, one))
                continue
            key = wants[place].key
            slot = memory.put(key, entry, age=age, since=since, cells=cells[place])
            fresh = age < entry.fresh_for
            answers[place] = Answer(entry.value, State.SHARED if fresh else State.STALE, age)
            if self._clock() >= slot.early_at and not slot.refreshing:
                due.append((place, slot))
        if due:
            self._refresh(wants, due, fill)
        return self._take_off(wants, absent, waiting)

    def _take_off(
        self,
        wants: Sequence[Want],
        absent: Sequence[tuple[int, Found | None]],
        waiting: dict[int, Flight],
    ) -> list[Flight]:
        """Join flights where that is allowed; the new ones of the others."""
        leased = self.leased
        mine: list[Flight] = []
        for place, found in absent:
            key, tags = wants[place]
            flight = self._flights.unbegun(key)
            if flight is None and leased:
                flight = self._flights.under_lease(key)
            if flight is None and found is not None:
                flight = self._flights.with_versions(key, found.versions)
            if flight is None:
                flight = self._flights.take_off(key, (EVERYTHING, *tags), place)
                mine.append(flight)
                self._keep_spare(flight, found)
            waiting[place] = flight
        return mine

    def _keep_spare(self, flight: Flight, found: Found | None) -> None:
        """What may be given should the source fail: a stale entry that nothing invalidated."""
        if found is not None:
            flight.stamp = found.stamp
        if found is not None and found.entry is not None:
            entry, age = found.entry, self._filling.age(found.entry)
            if age is not None and age < entry.fresh_for + entry.error_for:
                flight.spare = (entry, age)
                flight.newer_than = entry.created
            return
        slot = self.memory.find(flight.key) if self._shared is None else None
        if slot is not None and self._clock() < slot.error_until:
            flight.spare = (slot.entry, self._clock() - slot.made_at)

    async def _wait(
        self,
        waiting: Mapping[int, Flight],
        mine: Sequence[Flight],
        deadline: float,
        answers: list[Answer | None],
    ) -> None:
        futures = {flight.future for flight in waiting.values()}
        left = deadline - asyncio.get_running_loop().time()
        await asyncio.wait(futures, timeout=max(0.0, left))
        own = set(mine)
        for place, flight in waiting.items():
            if not flight.future.done():
                late = SourceTimeout("The source did not answer in time.")
                answers[place] = Answer(late, State.MISS)
                continue
            answer = flight.future.result()
            if flight not in own:
                state = State.JOINED if answer.state is State.MISS else answer.state
                answer = Answer(own_copy(answer.value), state, answer.age)
            answers[place] = answer

    def _owes(self, tags: Iterable[Iterable[str]]) -> bool:
        """Whether an invalidation of one of these has not reached the shared store yet."""
        owed: Any = self._coherence.owed if self._coherence is not None else ()
        return bool(owed) and any(tag in owed for own in tags for tag in own)

    async def _anew(self, wants: Sequence[Want], fill: Fill) -> list[Answer]:
        """Fill whatever is there, or wait for who does so already."""
        waiting: dict[int, Flight] = {}
        mine = self._take_off(wants, [(place, None) for place in range(len(wants))], waiting)
        for flight in mine:
            flight.newer_than = self._wall()
        if mine:
            self._filling.start(mine, fill)
        answers: list[Answer | None] = [None] * len(wants)
        await self._wait(waiting, mine, fill.deadline, answers)
        return [answer for answer in answers if answer is not None]

    # Refreshes ---------------------------------------------------------------------------------

    def _refresh(self, wants: Sequence[Want], due: Sequence[tuple[int, Slot]], fill: Fill) -> None:
        """Read anew in the background, unless that is under way."""
        mine: list[Flight] = []
        slots: list[Slot] = []
        for place, slot in due:
            key, tags = wants[place]
            if self._flights.unbegun(key) or self._flights.under_lease(key):
                continue
            flight = self._flights.take_off(key, (EVERYTHING, *tags), place)
            flight.newer_than = slot.entry.created
            slot.refreshing = True
            mine.append(flight)
            slots.append(slot)
            flight.future.add_done_callback(partial(self._refreshed, slot))
        if mine:
            self._filling.start(mine, fill)

    def _refreshed(self, slot: Slot, _: object) -> None:
        """A slot that is still there was not replaced: its refresh failed, and comes again."""
        slot.refreshing = False
        slot.early_at = self._clock() + _RETRY_SECONDS
