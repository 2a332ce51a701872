"""Why no replica serves what another one changed: notices, leases and acknowledgements.

Every invalidation has a number in the store and is said to all listeners in that order. A node may
serve from its memory only under a *lease*: it renews it in the store several times within its
length, and the lease holds once the node has heard every invalidation the store had recorded by
then. Whoever invalidates learns who held a lease at that moment, and waits until each of them has
acknowledged, or until a lease of that moment must have lapsed. No clock of another machine is read:
a lease counts from before the renewal was sent, the waiting from after the store recorded the
invalidation, each by its own monotonic clock.

Where the store lost its state it begins another *epoch*: nodes forget what they have in memory, and
whoever invalidates in an epoch it has not known for the length of a lease waits that long.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import suppress
from typing import TYPE_CHECKING

from gateway.errors import SourceError, SourceUnavailable
from gateway.sources.cache import BY_NAME, EVERYTHING, Acknowledged, Mark

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping

    from gateway.caching.memory import Memory
    from gateway.sources.cache import Notice, SharedStore

_LOG = logging.getLogger(__name__)

LEASE_SECONDS = 0.25
"""The longest lease there may be."""
_OWN_SHARE = 0.9
"""The part of a lease that its holder counts on: clocks do not run alike."""
_RENEWALS = 4
"""Renewals within the length of a lease."""
_PAUSE = 0.1
"""Seconds from a lost connection to the next."""
_UNTOLD = 1.0
"""Seconds without the store that are told to nobody: memory is not served from, that is all."""
_MOST_OWED = 10_000
MOST_TAGS = 2_000
"""Tags of one invalidation; of more, everything is invalidated."""


class Coherence:
    """This node's part: it listens, holds a lease while it hears everything, and invalidates.

    `node`: a name no other process has. `lease`: seconds, the same for all nodes of a store.
    `clock` is monotonic, seconds. `in_touch` is called when the store answers again.
    """

    def __init__(  # noqa: PLR0913 - one collaborator each
        self,
        store: SharedStore,
        memory: Memory,
        clock: Callable[[], float],
        in_touch: Callable[[], None],
        *,
        node: str,
        lease: float,
    ) -> None:
        self.node = node
        self._store = store
        self._memory = memory
        self._clock = clock
        self._in_touch = in_touch
        self.named: Callable[[Collection[str]], None] = lambda _: None
        """Called as `Cache.follow` says."""
        self._lease = lease
        self._leased_until = float("-inf")
        self._epoch = ""
        self._epoch_since = 0.0
        self._heard = 0
        self._joining = True
        self._pending: tuple[int, float] | None = None
        self._renewals = 0
        self._owed: set[str] = set()
        self._waiting: dict[asyncio.Future[None], tuple[Mark, set[str]]] = {}
        self._to_acknowledge: dict[str, Mark] = {}
        self._stir = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def leased(self) -> bool:
        """Whether memory may be served from at this moment."""
        return self._clock() < self._leased_until

    def owes(self, tags: Iterable[str]) -> bool:
        """Whether the invalidation of one of these has not reached the store yet."""
        return bool(self._owed) and not self._owed.isdisjoint(tags)

    def start(self) -> None:
        """Begin to listen, once; connects again for as long as it lives."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Give the lease up."""
        self._leased_until = float("-inf")
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
            with suppress(SourceError):
                await self._store.expel({self.node: str(self._renewals)})

    async def invalidate(self, tags: Iterable[str]) -> bool:
        """Invalidate on every replica; returns when no lease is left that does not know of it.

        That takes a lease's length at the most. False where the store could not be reached: then
        this node's own memory and what it reads of the store no longer count for these tags, and
        it is tried again until it works.
        """
        wanted = _bounded(tags)
        if not wanted:
            return True
        try:
            bumped = await self._store.bump(wanted, self.node)
        except SourceError:
            self._memory.invalidate(wanted)
            self._owe(wanted)
            return False
        done = self._clock()
        self._memory.invalidate(wanted)
        holders = {node: each for node, each in bumped.holders.items() if node != self.node}
        if self._is_young(bumped.mark.epoch, done):
            await asyncio.sleep(self._lease)
        elif holders:
            await self._wait(bumped.mark, holders)
        return True

    def _is_young(self, epoch: str, now: float) -> bool:
        """Whether leases of an earlier epoch may be left."""
        if epoch != self._epoch:
            # Ours will be known from the next renewal on; until then nothing of ours is served.
            if self._task is None:
                self._epoch, self._epoch_since = epoch, now
            return True
        return now < self._epoch_since + self._lease

    async def _wait(self, mark: Mark, holders: Mapping[str, str]) -> None:
        """Until all of them have acknowledged; those that do not are forgotten."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        missing = set(holders)
        self._waiting[future] = (mark, missing)
        try:
            async with asyncio.timeout(self._lease):
                await future
        except TimeoutError:
            with suppress(SourceError):
                await self._store.expel({node: holders[node] for node in missing})
        finally:
            del self._waiting[future]

    def _owe(self, tags: Iterable[str]) -> None:
        self._owed.update(tags)
        if len(self._owed) > _MOST_OWED:
            self._owed = {EVERYTHING}

    # Listening ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        lost, told = math.inf, False
        # A group of tasks loses a cancellation that comes as one of them fails.
        while not self._closed:
            try:
                async with self._store.listen(self.node) as news:
                    self._joining = True
                    if told:
                        _LOG.info("cache: in touch with the shared store again")
                    lost, told = math.inf, False
                    await self._attend(news)
            except* SourceError as errors:
                lost = min(lost, self._clock())
                if not told and self._clock() >= lost + _UNTOLD:
                    reason = errors.exceptions[0]
                    _LOG.warning("cache: out of touch with the shared store: %s", reason)
                    told = True
            except* Exception:  # noqa: BLE001 - nothing of the cache is anybody else's fault
                if not told:
                    _LOG.exception("cache: out of touch with the shared store")
                told = True
            finally:
                self._leased_until = float("-inf")
                self._memory.forget_all()
            await asyncio.sleep(_PAUSE)

    async def _attend(self, news: AsyncIterator[Notice | Acknowledged]) -> None:
        """Hear, renew and acknowledge until one of them fails."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear(news))
            group.create_task(self._keep_lease())
            group.create_task(self._acknowledge())

    async def _hear(self, news: AsyncIterator[Notice | Acknowledged]) -> None:
        async for one in news:
            if isinstance(one, Acknowledged):
                self._acknowledged(one)
            else:
                self._noticed(one)
        raise SourceUnavailable("the shared store closed the connection")

    def _noticed(self, notice: Notice) -> None:
        epoch, number = notice.mark
        missed = epoch != self._epoch or number > self._heard + 1
        if self._joining or epoch != self._epoch:
            self._memory.forget_all()
            self._leased_until = float("-inf")
            self._joining = True
        elif missed:
            self._memory.forget_all()
        else:
            self._memory.invalidate(notice.tags)
        if missed or BY_NAME in notice.tags:
            self.named((EVERYTHING,) if missed else notice.tags)
        self._heard = max(self._heard, number) if epoch == self._epoch else number
        if self._pending is not None and self._heard >= self._pending[0]:
            self._leased_until = max(self._leased_until, self._pending[1])
            self._pending = None
        if notice.node != self.node:
            self._to_acknowledge[notice.node] = notice.mark
            self._stir.set()

    def _acknowledged(self, one: Acknowledged) -> None:
        for future, (mark, missing) in self._waiting.items():
            if one.mark.epoch == mark.epoch and one.mark.number >= mark.number:
                missing.discard(one.node)
                if not missing and not future.done():
                    future.set_result(None)

    async def _acknowledge(self) -> None:
        """Say what was heard, once for all that came in the meantime."""
        while True:
            await self._stir.wait()
            self._stir.clear()
            marks, self._to_acknowledge = self._to_acknowledge, {}
            await self._store.acknowledge(marks, self.node)

    # The lease ---------------------------------------------------------------------------------

    async def _keep_lease(self) -> None:
        while True:
            await self._renew()
            if self._owed:
                await self._repay()
            await asyncio.sleep(self._lease / _RENEWALS)

    async def _renew(self) -> None:
        self._renewals += 1
        sent = self._clock()
        mark = await self._store.renew(self.node, str(self._renewals))
        until = sent + self._lease * _OWN_SHARE
        if self._joining or mark.epoch != self._epoch:
            self._join(mark)
            self._leased_until = until
        elif mark.number <= self._heard:
            self._leased_until = until
            self._pending = None
        elif self._pending is None:
            self._pending = (mark.number, until)
        elif self._clock() > self._pending[1] + self._lease:
            raise SourceUnavailable("invalidations that were recorded are not heard")

    def _join(self, mark: Mark) -> None:
        """All up to this mark counts as heard: nothing of before it is in memory."""
        self._memory.forget_all()
        if mark.epoch != self._epoch or mark.number > self._heard:
            self.named((EVERYTHING,))
        if mark.epoch == self._epoch:
            self._heard = max(self._heard, mark.number)
        else:
            self._epoch, self._epoch_since = mark.epoch, self._clock()
            self._heard = mark.number
        self._pending = None
        self._joining = False
        self._in_touch()

    async def _repay(self) -> None:
        """Invalidate in the store what could not be while it was away."""
        owed = set(self._owed)
        if await self.invalidate(owed):
            self._owed -= owed


def _bounded(tags: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(tags))
    if len(wanted) <= MOST_TAGS:
        return wanted
    return [EVERYTHING, *({BY_NAME} & {*wanted})]
