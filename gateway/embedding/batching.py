"""What all requests of a process ask of one model, made into the fewest calls.

A text is looked for in the cache first. What is left waits for the next call: equal texts wait
together, and those of several requests travel in one call, up to its size. On an idle process
nothing waits; while all calls are busy, the texts that arrive gather. Who asks for few texts, as a
search does, goes before those who ask for many, as a backfill does; these have every other call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gateway.embedding.contract import check_all
from gateway.errors import InputError, SourceDataError, SourceTimeout, SourceUnavailable

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from gateway.embedding.cache import VectorCache
    from gateway.embedding.contract import Embedder


FEW = 16
"""The most texts of one request that do not wait behind those of larger ones."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """`texts`, `chars`: of one call to the model. `calls`: under way at once.

    `spare`: how many calls beyond those are for requests of `FEW` texts alone. `budget_texts`,
    `budget_chars`: what one `embed` may ask for.
    """

    texts: int = 64
    chars: int = 200_000
    calls: int = 4
    spare: int = 0
    budget_texts: int = 10_000
    budget_chars: int = 4_000_000


@dataclass(slots=True, eq=False)
class _Asker:
    """Somebody who waits for several texts: until none is `left`, or one has failed."""

    future: asyncio.Future[None]
    left: int = 0


@dataclass(slots=True, eq=False)
class _Wanted:
    """A text that `askers` wait for, until it has its vector or is `over` without one."""

    text: str
    key: str
    vector: array[float] | None = None
    over: bool = False
    deadline: float = 0.0
    askers: tuple[_Asker, ...] = ()
    call: _Call | None = None


@dataclass(slots=True, eq=False)
class _Call:
    """One call to the model under way, for `wanted`, of the `few` or of the many; to `deadline`."""

    wanted: list[_Wanted]
    few: bool
    deadline: float
    task: asyncio.Task[None] | None = None


class BatchingEmbedder:
    """An `Embedder` before another one: cached, without repetition, in batches."""

    def __init__(self, model: Embedder, cache: VectorCache, bounds: Bounds | None = None) -> None:
        self.model = model.model
        self.dimensions = model.dimensions
        self.max_chars = model.max_chars
        self._model = model
        self._cache = cache
        self._bounds = bounds or Bounds()
        self._wanted: dict[str, _Wanted] = {}
        self._few: deque[_Wanted] = deque()
        self._many: deque[_Wanted] = deque()
        self._calls: set[_Call] = set()
        self._turn_of_many = False
        self._due = False
        self._closed = False

    def check(self, texts: Sequence[str], names: Sequence[str] = ()) -> None:
        """See `Embedder.check`; also where the texts exceed the budget."""
        bounds = self._bounds
        if len(texts) > bounds.budget_texts:
            raise InputError(
                f"{len(texts)} texts are too many to embed at once; at most "
                f"{bounds.budget_texts} are allowed."
            )
        if sum(map(len, texts)) > bounds.budget_chars:
            raise InputError(
                f"The texts have more than {bounds.budget_chars} characters together; send fewer."
            )
        check_all(texts, self.max_chars, names)

    async def embed(self, texts: Sequence[str], deadline: float) -> list[array[float]]:
        """One vector of length 1 per text, in their order; see `Embedder.embed`.

        Raises `InputError` also where the texts exceed the budget.
        """
        self.check(texts)
        if self._closed:
            raise _closed()
        found: dict[str, array[float] | None] = {}
        wanted: list[_Wanted] = []
        asker = _Asker(asyncio.get_running_loop().create_future())
        alone = (asker,)
        few = len(texts) <= FEW
        queue = self._few if few else self._many
        for text in dict.fromkeys(texts):
            key = self._cache.key(text)
            vector = self._cache.near(key, few=few)
            if vector is None:
                wanted.append(self._want(text, key, deadline, alone, queue))
            else:
                found[text] = vector
        if wanted:
            await self._arrival(asker, wanted, deadline)
            found.update((one.text, one.vector) for one in wanted)
        return [vector for text in texts if (vector := found[text]) is not None]

    async def warm(self) -> None:
        """See `Embedder.warm`."""
        await self._model.warm()

    async def aclose(self) -> None:
        """End the calls under way, then close the cache and the model."""
        self._closed = True
        waiting = list(self._wanted.values())
        tasks = [call.task for call in self._calls if call.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for one in waiting:
            self._refuse(one, _closed())
        self._few.clear()
        self._many.clear()
        await self._cache.aclose()
        await self._model.aclose()

    # Waiting -----------------------------------------------------------------------------------

    def _want(
        self,
        text: str,
        key: str,
        deadline: float,
        alone: tuple[_Asker],
        queue: deque[_Wanted],
    ) -> _Wanted:
        """The text on its way; `alone` is who asks, in one tuple for all texts it asks for."""
        one = self._wanted.get(key)
        if one is None:
            one = self._wanted[key] = _Wanted(text, key)
            queue.append(one)
        elif one.call is None and queue is self._few:
            queue.append(one)  # it waits among the many, too: whichever comes first takes it
        one.deadline = max(one.deadline, deadline)
        one.askers = one.askers + alone if one.askers else alone
        alone[0].left += 1
        return one

    async def _arrival(self, asker: _Asker, wanted: list[_Wanted], deadline: float) -> None:
        """Until all are there, or one has failed."""
        self._schedule()
        try:
            async with asyncio.timeout_at(deadline):
                await asker.future
        except TimeoutError:
            raise SourceTimeout(
                f"embedding {len(wanted)} texts took longer than the request may last"
            ) from None
        finally:
            for one in wanted:
                self._leave(asker, one)

    def _leave(self, asker: _Asker, one: _Wanted) -> None:
        """One waits less; what nobody waits for is not asked, or asked no further."""
        if one.over:
            return
        one.askers = tuple(other for other in one.askers if other is not asker)
        if one.askers:
            return
        call = one.call
        if call is None:
            self._wanted.pop(one.key, None)
        elif not any(other.askers for other in call.wanted) and call.task is not None:
            self._forget(call)
            call.task.cancel()

    def _forget(self, call: _Call) -> None:
        self._calls.discard(call)
        for one in call.wanted:
            if self._wanted.get(one.key) is one:
                del self._wanted[one.key]

    # Calls -------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        """Send what waits at the end of this turn of the event loop, so that others may join."""
        if not self._due and (self._few or self._many):
            self._due = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._due = False
        while not self._closed and (call := self._begun()) is not None:
            for one in call.wanted:
                one.call = call
            self._calls.add(call)
            call.task = asyncio.ensure_future(self._run(call))
            call.task.add_done_callback(partial(self._over, call))

    def _begun(self) -> _Call | None:
        """The next call: a spare one of the few, or one of either in its turn."""
        few, spare = sum(call.few for call in self._calls), self._bounds.spare
        if few < spare and (call := self._next(self._few)):
            return call
        if len(self._calls) >= self._bounds.calls + min(few, spare):
            return None
        turns = (self._many, self._few) if self._turn_of_many else (self._few, self._many)
        for queue in turns:
            if call := self._next(queue):
                self._turn_of_many = queue is self._few and bool(self._many)
                return call
        return None

    def _next(self, queue: deque[_Wanted]) -> _Call | None:
        """A call for those texts of a queue that wait longest; each is taken once."""
        taken: dict[str, _Wanted] = {}
        chars = 0
        while queue and len(taken) < self._bounds.texts:
            one = queue[0]
            waits = one.askers and one.call is None and one.key not in taken and not one.over
            if waits and taken and chars + len(one.text) > self._bounds.chars:
                break
            queue.popleft()
            if waits:
                taken[one.key] = one
                chars += len(one.text)
        if not taken:
            return None
        deadline = max(one.deadline for one in taken.values())
        return _Call([*taken.values()], queue is self._few, deadline)

    def _over(self, call: _Call, task: asyncio.Task[None]) -> None:
        self._forget(call)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            for one in call.wanted:
                self._refuse(one, error)
        call.wanted.clear()  # they know their call: a cycle, which the collector would have to find
        self._schedule()

    async def _run(self, call: _Call) -> None:
        """Find or make the vectors of a call and give them to those who wait."""
        far = await self._cache.far([one.key for one in call.wanted], few=call.few)
        missing = []
        for one in call.wanted:
            vector = far.get(one.key)
            if vector is None:
                missing.append(one)
            else:
                self._give(one, vector)
        if missing:
            await self._make(missing, call)

    async def _make(self, wanted: list[_Wanted], call: _Call) -> None:
        """Ask the model; a text that it does not take fails alone, found by halving."""
        try:
            vectors = await self._model.embed([one.text for one in wanted], call.deadline)
        except SourceDataError as error:
            if len(wanted) == 1:
                self._refuse(wanted[0], error)
                return
            middle = len(wanted) // 2
            await self._make(wanted[:middle], call)
            await self._make(wanted[middle:], call)
        except Exception as error:  # noqa: BLE001 - handed to everyone who waits for it
            self._fail(wanted, error, call)
        else:
            pairs = list(zip(wanted, vectors, strict=True))
            self._cache.keep({one.key: vector for one, vector in pairs}, few=call.few)
            for one, vector in pairs:
                self._give(one, vector)

    def _fail(self, wanted: list[_Wanted], error: Exception, call: _Call) -> None:
        """Tell those who wait; those who came later and have more time get another call."""
        late = isinstance(error, SourceTimeout)
        for one in wanted:
            if late and one.askers and one.deadline > call.deadline and not one.over:
                call.wanted.remove(one)
                one.call = None
                self._many.append(one)
            else:
                self._refuse(one, error)

    def _give(self, one: _Wanted, vector: array[float]) -> None:
        one.vector = vector
        for asker in self._done(one):
            asker.left -= 1
            if not asker.left and not asker.future.done():
                asker.future.set_result(None)

    def _refuse(self, one: _Wanted, error: BaseException) -> None:
        for asker in self._done(one):
            if not asker.future.done():
                asker.future.set_exception(error)
                asker.future.exception()  # looked at: who is just leaving does not any more

    def _done(self, one: _Wanted) -> Sequence[_Asker]:
        """Those who have waited for it until now; who wants it from now on asks anew."""
        if one.over:
            return ()
        one.over = True
        if self._wanted.get(one.key) is one:
            del self._wanted[one.key]
        return one.askers


def _closed() -> SourceUnavailable:
    return SourceUnavailable("the gateway is shutting down")
