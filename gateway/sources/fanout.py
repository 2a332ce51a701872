"""One stream for each topic, whoever wants it: begun for the first, ended with the last.

Each subscriber has a queue of its own, and one that does not keep up is let go: what it missed
could not be told it, and the others do not wait for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar

from gateway.errors import Code, SourceError, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Hashable

Event = TypeVar("Event")
Topic = TypeVar("Topic", bound="Hashable")

QUEUE = 256
"""Events that may wait for one subscriber."""

_LAGGED = "The subscriber did not keep up; subscribe again and read what you show anew."


class Fanout(Generic[Topic, Event]):
    """All streams of one source. `listen` begins the one of a topic; closing it ends it."""

    def __init__(
        self, listen: Callable[[Topic], AsyncGenerator[Event, None]], *, queue: int = QUEUE
    ) -> None:
        self._listen = listen
        self._queue = queue
        self._subscribers: dict[Topic, set[_Subscriber[Event]]] = {}
        self._tasks: dict[Topic, asyncio.Task[None]] = {}

    async def events(self, topic: Topic) -> AsyncGenerator[Event, None]:
        """A topic's events from now on.

        Ends when the stream does. Raises what the stream raises, and SourceError
        (SUBSCRIPTION_LAGGED) where too many events wait.
        """
        subscriber = _Subscriber[Event](self._queue)
        self._subscribers.setdefault(topic, set()).add(subscriber)
        if topic not in self._tasks:
            self._tasks[topic] = asyncio.ensure_future(self._run(topic))
        try:
            async for event in subscriber:
                yield event
        finally:
            await self._leave(topic, subscriber)

    async def close(self) -> None:
        """End all streams; idempotent."""
        closed = SourceUnavailable("The gateway is stopping.")
        for topic in list(self._tasks):
            self._end(topic, closed)
            await _cancelled(self._tasks.pop(topic, None))

    def __len__(self) -> int:
        """How many streams there are."""
        return len(self._tasks)

    async def _leave(self, topic: Topic, subscriber: _Subscriber[Event]) -> None:
        subscribers = self._subscribers.get(topic)
        if subscribers is None or subscriber not in subscribers:
            return  # the stream ended before
        subscribers.discard(subscriber)
        if not subscribers:
            del self._subscribers[topic]
            # Who comes next begins a stream anew and need not wait for this one's end.
            await _cancelled(self._tasks.pop(topic, None))

    async def _run(self, topic: Topic) -> None:
        reason: Exception | None = None
        try:
            async with aclosing(self._listen(topic)) as events:
                async for event in events:
                    for subscriber in tuple(self._subscribers.get(topic, ())):
                        subscriber.offer(event)
        except Exception as error:  # noqa: BLE001 - it is the subscribers' to handle
            reason = error
        if self._tasks.get(topic) is asyncio.current_task():
            del self._tasks[topic]
            self._end(topic, reason)

    def _end(self, topic: Topic, reason: Exception | None) -> None:
        for subscriber in self._subscribers.pop(topic, ()):
            subscriber.end(reason)


class _Subscriber(Generic[Event]):
    """One subscriber's queue; iterate over it."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._waiting: deque[Event] = deque()
        self._woken = asyncio.Event()
        self._ended = False
        self._reason: Exception | None = None

    def offer(self, event: Event) -> None:
        """Add an event; where there is no room, this subscriber ends."""
        if self._ended:
            return
        if len(self._waiting) >= self._bound:
            self._waiting.clear()
            self.end(SourceError(_LAGGED, code=Code.SUBSCRIPTION_LAGGED))
            return
        self._waiting.append(event)
        self._woken.set()

    def end(self, reason: Exception | None) -> None:
        """Nothing more will come; what waits is still given."""
        if not self._ended:
            self._ended, self._reason = True, reason
            self._woken.set()

    def __aiter__(self) -> _Subscriber[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._ended:
                if self._reason is not None:
                    raise self._reason
                raise StopAsyncIteration
            self._woken.clear()
            await self._woken.wait()
        return self._waiting.popleft()


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
