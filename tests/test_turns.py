"""Fair turns: whatever is ready at once, only so much of it begins in one turn of the loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from gateway.transport import body
from gateway.turns import Turn

if TYPE_CHECKING:
    from starlette.types import Message

MANY = 24


class Clock:
    """Goes on only when it is told to; notes in which turn of the loop it was."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turn = 0
        self.turns: Counter[int] = Counter()

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        """Something that takes this long, done now."""
        self.turns[self.turn] += 1
        self.now += seconds

    def tick(self) -> None:
        """Count the turns, for as long as the loop runs."""
        self.turn += 1
        asyncio.get_running_loop().call_soon(self.tick)


async def test_a_burst_is_spread_over_turns_in_its_order() -> None:
    """Of works of 1 ms as many begin in a turn as fit in it; first come, first served."""
    clock, done = Clock(), []
    turn = Turn(0.004, clock)

    async def one(number: int) -> None:
        await turn.fair()
        clock.work(0.001)
        done.append(number)

    clock.tick()
    await asyncio.gather(*map(one, range(MANY)))
    assert done == list(range(MANY))
    assert set(clock.turns.values()) == {4}


async def test_a_young_turn_keeps_nobody_waiting() -> None:
    """What is quick goes on where it stands."""
    clock = Clock()
    turn = Turn(0.004, clock)
    for _ in range(MANY):
        with pytest.raises(StopIteration):
            turn.fair().send(None)
    asyncio.get_running_loop().call_soon(clock.work, 1.0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(StopIteration):
        turn.fair().send(None)


async def test_who_is_cancelled_leaves_and_the_others_go_on() -> None:
    """A deadline or a client that has left counts for those who wait for a turn as well."""
    clock, done = Clock(), []
    turn = Turn(0.004, clock)

    async def one(number: int) -> None:
        await turn.fair()
        clock.work(0.005)
        done.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(6)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    tasks[4].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done == [0, 2, 3, 5]


def test_a_loop_that_ended_within_a_turn_holds_up_no_other() -> None:
    """The turn it left behind is not the next loop's."""
    clock = Clock()
    turn = Turn(0.004, clock)

    async def only() -> None:
        await turn.fair()
        clock.work(1.0)

    for _ in range(2):
        with asyncio.Runner() as runner:
            runner.run(asyncio.wait_for(only(), 5))
    assert clock.now == 2.0


@pytest.mark.parametrize(("size", "most"), [(body.LARGE + 1, 4), (body.LARGE, MANY)])
async def test_large_bodies_are_read_in_turns(
    size: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that come together share a turn where they are small, else few of them do."""
    clock = Clock()
    monkeypatch.setattr(body, "fair", Turn(0.004, clock).fair)

    async def receive() -> Message:
        return {"type": "http.request", "body": b" " * size, "more_body": False}

    async def one() -> None:
        await body.read_body(receive, {}, 1 << 20)
        clock.work(0.001)

    clock.tick()
    await asyncio.gather(*(one() for _ in range(MANY)))
    assert max(clock.turns.values()) == most
