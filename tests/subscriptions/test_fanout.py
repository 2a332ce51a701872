"""One stream for each topic: begun once, heard by all, ended with the last."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from subscriptions.speaking import until

from gateway.errors import Code, SourceError, SourceUnavailable
from gateway.sources.fanout import Fanout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Springs:
    """Streams that give what the test puts in; an exception breaks them, None ends them."""

    def __init__(self) -> None:
        self.queues: dict[str, asyncio.Queue[object]] = {}
        self.begun: list[str] = []

    async def listen(self, topic: str) -> AsyncGenerator[object, None]:
        self.begun.append(topic)
        queue = self.queues[topic] = asyncio.Queue()
        try:
            while (value := await queue.get()) is not None:
                if isinstance(value, Exception):
                    raise value
                yield value
        finally:
            del self.queues[topic]


async def gathered(events: AsyncGenerator[object, None], into: list[object]) -> None:
    async with aclosing(events):
        async for event in events:
            into.append(event)  # noqa: PERF401 - others look at it meanwhile


async def test_subscribers_of_a_topic_share_it() -> None:
    """All hear all, in order; another topic is another stream; the end is everybody's."""
    springs = Springs()
    fanout: Fanout[str, object] = Fanout(springs.listen)
    heard: list[list[object]] = [[], [], []]
    topics = ["a", "a", "b"]
    tasks = [
        asyncio.ensure_future(gathered(fanout.events(topic), into))
        for topic, into in zip(topics, heard, strict=True)
    ]
    await until(lambda: len(springs.queues) == 2)
    for value in (1, 2, None):
        springs.queues["a"].put_nowait(value)
    springs.queues["b"].put_nowait(9)
    springs.queues["b"].put_nowait(None)
    await asyncio.gather(*tasks)
    assert heard == [[1, 2], [1, 2], [9]]
    assert sorted(springs.begun) == ["a", "b"]
    assert len(fanout) == 0


async def test_the_last_to_leave_ends_the_stream() -> None:
    """Not the first; and who comes then begins it anew."""
    springs = Springs()
    fanout: Fanout[str, object] = Fanout(springs.listen)
    tasks = [asyncio.ensure_future(gathered(fanout.events("a"), [])) for _ in range(2)]
    await until(lambda: bool(springs.queues))
    for left in (1, 0):
        task = tasks.pop()
        task.cancel()
        await asyncio.wait([task])
        assert len(springs.queues) == left
    again = asyncio.ensure_future(gathered(fanout.events("a"), []))
    await until(lambda: bool(springs.queues))
    assert springs.begun == ["a", "a"]
    await fanout.close()
    with pytest.raises(SourceUnavailable):
        await again
    assert not springs.queues


async def test_a_slow_subscriber_is_let_go_and_no_other() -> None:
    """It is told that it lagged; the others miss nothing."""
    springs = Springs()
    fanout: Fanout[str, object] = Fanout(springs.listen, queue=3)
    heard: list[object] = []
    quick = asyncio.ensure_future(gathered(fanout.events("a"), heard))
    slow = fanout.events("a")
    first = asyncio.ensure_future(anext(slow))
    await until(lambda: bool(springs.queues))
    for number in range(10):
        springs.queues["a"].put_nowait(number)
        await until(lambda number=number: len(heard) == number + 1)
    assert await first == 0
    with pytest.raises(SourceError) as lagged:
        await anext(slow)
    assert lagged.value.code is Code.SUBSCRIPTION_LAGGED
    springs.queues["a"].put_nowait(None)
    await quick
    assert heard == list(range(10))


async def test_a_stream_that_breaks_is_broken_for_all() -> None:
    """What came before is still given; whoever subscribes again begins anew."""
    springs = Springs()
    fanout: Fanout[str, object] = Fanout(springs.listen)
    heard: list[list[object]] = [[], []]
    tasks = [asyncio.ensure_future(gathered(fanout.events("a"), into)) for into in heard]
    await until(lambda: bool(springs.queues))
    springs.queues["a"].put_nowait(1)
    springs.queues["a"].put_nowait(SourceUnavailable("It was lost."))
    for task in tasks:
        with pytest.raises(SourceUnavailable):
            await task
    assert heard == [[1], [1]]
    assert len(fanout) == 0
