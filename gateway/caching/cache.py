"""The resolver cache: memory, then Redis, then the source; and its invalidation.

Reads and fills are joined and bounded; every fault of the cache is a miss. See `docs/caching.md`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, overload

from gateway.caching.answers import Answer, State, joined
from gateway.caching.filling import Fill
from gateway.caching.tags import matching, of_lists_like, with_lists
from gateway.errors import SourceError, SourceTimeout, SourceUnavailable
from gateway.sources.cache import BY_NAME, EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gateway.caching.answers import Want
    from gateway.caching.coherence import Coherence
    from gateway.caching.filling import Clocks, Due, Filling, Load
    from gateway.caching.flight import Flight, Flights
    from gateway.caching.memory import Memory, Response, ResponseName, Slot
    from gateway.caching.policy import Policy
    from gateway.caching.shared import SharedLevel
    from gateway.sources.cache import SharedStore

_LOG = logging.getLogger(__name__)

MOST_BY_PATTERN = 10_000
"""Tags that one pattern invalidates one by one."""
UNCLEAR_SECONDS = 30.0
"""How long after a write nobody knows the outcome of what it may have changed ends every second."""
_AGAIN = 1.0
_MOST_UNCLEAR = 1_000
_UNKNOWN = Answer(None, State.MISS)
"""Stands for an answer that is to come."""


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
        self._counts = dict.fromkeys(State, 0)
        self.deployment = b""
        """What tells this gateway's sources from those of others that share the store."""
        self.used = False
        """Whether anybody ever looked for something here, or opened it."""
        self.at_first: Callable[[], None] | None = None
        """What else begins when it is first used; set once."""
        self._named: Callable[[Collection[str]], None] = lambda _: None
        self._invalidations: set[asyncio.Task[bool]] = set()
        self._unclear: dict[str, float] = {}
        self._repeating: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, as far as that is possible now. Raises ConfigurationError."""
        if self.store is not None:
            try:
                await self.store.open()
            except SourceError:
                _LOG.warning("cache: the shared store is not reachable yet")
        self._use()

    def _use(self) -> None:
        """Begin to hear what others invalidate, once."""
        if self._coherence is not None:
            self._coherence.start()
        if not self.used:
            self.used = True
            if self.at_first is not None:
                self.at_first()

    async def close(self) -> None:
        """Let invalidations finish, end everything else; idempotent."""
        if self._repeating is not None:
            self._repeating.cancel()
            await asyncio.wait([self._repeating])
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

    @overload
    def at_hand(self, name: bytes) -> tuple[Slot, float] | None: ...

    @overload
    def at_hand(self, name: ResponseName) -> tuple[Response, float] | None: ...

    def at_hand(self, name: Any) -> tuple[Any, float] | None:
        """What memory may serve under a name at this moment, and its age; else None."""
        coherence = self._coherence
        if coherence is not None and not coherence.leased:
            return None
        found = self.memory.find(name)
        now = self._clock()
        if found is None or now >= found.early_at:
            return None
        self._counts[State.MEMORY] += found.parts
        return found, now - found.made_at

    def rows_at_hand(self, keys: Sequence[bytes]) -> tuple[list[Slot | None], list[int], float]:
        """What memory may serve under these keys at this moment.

        A slot for each, None where there is none; the places of those, to be fetched; and the age
        of the oldest.
        """
        if not self.leased:
            return [None] * len(keys), list(range(len(keys))), 0.0
        find, now = self.memory.find, self._clock()
        oldest = now
        slots: list[Slot | None] = []
        missing: list[int] = []
        for place, key in enumerate(keys):
            slot = find(key)
            if slot is None or now >= slot.early_at:
                missing.append(place)
                slots.append(None)
                continue
            slots.append(slot)
            oldest = min(oldest, slot.made_at)
        self._counts[State.MEMORY] += len(keys) - len(missing)
        return slots, missing, now - oldest

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
            return await self._missing(wants, range(len(wants)), fill, anew=True) if wants else []
        now = self._clock()
        coherence = self._coherence
        leased = coherence is None or coherence.leased
        due: list[Due] = []
        answers: list[Answer] = []
        missing: list[int] = []
        for place, want in enumerate(wants):
            slot = self.memory.find(want.key) if leased else None
            if slot is None or now >= slot.stale_until:
                answers.append(_UNKNOWN)
                missing.append(place)
                continue
            if now >= slot.early_at and not slot.refreshing:
                due.append((want, place, slot))
            state = State.MEMORY if now < slot.fresh_until else State.STALE
            answers.append(Answer(slot.value, state, now - slot.made_at))
        if due:
            self._filling.refresh(due, fill)
        if missing:
            found = await self._missing(wants, missing, fill)
            for place, answer in zip(missing, found, strict=True):
                answers[place] = answer
        for answer in answers:
            self._counts[answer.state] += 1
        return answers

    def follow(self, named: Callable[[Collection[str]], None]) -> None:
        """Call with the tags of whatever is invalidated by name, on any replica, from now on.

        With `EVERYTHING` where that may have been missed.
        """
        self._named = named
        if self._coherence is not None:
            self._coherence.named = named

    async def invalidate(self, tags: Iterable[str]) -> bool:
        """From its return on no replica serves what was read before it, under any of these tags.

        At most a lease long, and finished even where the caller is cancelled. False where the
        shared store could not be reached, and other replicas know nothing of it yet.
        """
        wanted = with_lists(tags)
        if self._coherence is None:
            self.memory.invalidate(wanted)
            if BY_NAME in wanted:
                self._named(wanted)
            return True
        task = asyncio.ensure_future(self._coherence.invalidate(wanted))
        self._invalidations.add(task)
        task.add_done_callback(self._invalidations.discard)
        return await asyncio.shield(task)

    def repeat(self, tags: Iterable[str]) -> None:
        """Invalidate these tags once a second for a while: they may yet change."""
        until = self._clock() + UNCLEAR_SECONDS
        self._unclear |= dict.fromkeys(tags, until)
        if len(self._unclear) > _MOST_UNCLEAR:
            self._unclear = {EVERYTHING: until}
        if self._repeating is None or self._repeating.done():
            self._repeating = asyncio.ensure_future(self._repeat())

    async def _repeat(self) -> None:
        while self._unclear:
            await asyncio.sleep(_AGAIN)
            due, now = self._unclear, self._clock()
            self._unclear = {tag: until for tag, until in due.items() if now < until}
            await self.invalidate(due)

    async def told(self, tags: Iterable[str]) -> None:
        """Invalidate by name, as `invalidate` does.

        Raises SourceUnavailable where that gives False.
        """
        if not await self.invalidate((*tags, BY_NAME)):
            raise SourceUnavailable("The shared level of the cache is not reachable.")

    async def invalidate_like(self, pattern: str) -> int:
        """Invalidate the tags in use that match a pattern with `*` and `?`; how many.

        Where that would be more than 10,000, everything is invalidated. Raises SourceError where
        the shared store cannot be asked, or told.
        """
        found = await self._like(pattern)
        if len(found) >= MOST_BY_PATTERN:
            await self.told((EVERYTHING,))
            return len(found)
        lists = of_lists_like(pattern)
        # Both patterns too: who goes past the cache may show what nothing in it has.
        every = [*found, *(await self._like(lists)), pattern, lists]
        for start in range(0, len(every), 1_000):
            await self.told(every[start : start + 1_000])
        return len(found)

    async def _like(self, pattern: str) -> list[str]:
        if self.store is not None:
            return await self.store.tags_like(pattern, MOST_BY_PATTERN)
        return [*filter(matching(pattern), self.memory.tags())]

    # Misses ------------------------------------------------------------------------------------

    async def _missing(
        self, wants: Sequence[Want], places: Sequence[int], fill: Fill, *, anew: bool = False
    ) -> list[Answer]:
        """The answers of these places, filled; `anew`: whatever is there, and each key once."""
        self._use()
        leased = self.leased
        waiting: list[Flight] = []
        mine: dict[bytes, Flight] = {}
        for place in places:
            key = wants[place].key
            flight = mine.get(key)
            if flight is None and not anew:
                flight = self._flights.under_lease(key) if leased else self._flights.unbegun(key)
            if flight is None:
                flight = mine[key] = self._flights.take_off(wants[place], place)
                flight.newer_than = self._filling.now_ms() if anew else 0
            waiting.append(flight)
        if mine:
            self._filling.start([*mine.values()], fill)
        left = fill.deadline - asyncio.get_running_loop().time()
        await asyncio.wait({flight.future for flight in waiting}, timeout=max(0.0, left))
        own = set(mine.values())
        return [_landed(flight, own=flight in own) for flight in waiting]


def _landed(flight: Flight, *, own: bool) -> Answer:
    """The answer of a flight; of another's as one's own."""
    if not flight.future.done():
        return Answer(SourceTimeout("The source did not answer in time."), State.MISS)
    answer = flight.future.result()
    return answer if own else joined(answer)
