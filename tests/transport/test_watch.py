"""One tick watches all requests: quick ones for nothing, slow ones until client or time is gone."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from gateway.transport.watch import ClientLeft, Overran, Stalled, Watch, Watchtower

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NEVER = float("inf")


async def silence() -> Any:
    await asyncio.Event().wait()


async def watched(
    work: Callable[[Watch], Awaitable[Any]],
    receive: Callable[[], Awaitable[Any]] = silence,
    until: float = NEVER,
) -> Any:
    with Watch(Watchtower(), receive, until) as watch:
        return await work(watch)


async def test_quick_work_is_left_alone() -> None:
    """It returns what it returns, and nobody listened."""
    heard = 0

    async def receive() -> Any:
        nonlocal heard
        heard += 1

    async def work(watch: Watch) -> str:
        watch.body_is_read(NEVER)
        return "done"

    assert await watched(work, receive) == "done"
    assert heard == 0


async def test_work_for_a_client_that_left_is_cancelled() -> None:
    """`ClientLeft` comes out where the work was cancelled; the task itself goes on."""
    cancelled = False

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def work(watch: Watch) -> None:
        nonlocal cancelled
        watch.body_is_read(NEVER)
        try:
            await silence()
        except asyncio.CancelledError:
            cancelled = True
            raise

    with pytest.raises(ClientLeft):
        await watched(work, receive)
    assert cancelled
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@pytest.mark.parametrize(("reads", "reason"), [(True, Overran), (False, Stalled)])
async def test_work_beyond_its_time_is_cancelled(reason: type[Exception], *, reads: bool) -> None:
    """And says in which half of the request that was."""

    async def work(watch: Watch) -> None:
        if reads:
            watch.body_is_read(0.0)
        await silence()

    with pytest.raises(reason):
        await watched(work, until=NEVER if reads else 0.0)


async def test_nobody_listens_while_the_body_is_read() -> None:
    """Two that wait for the same message would take it from each other."""
    listened = asyncio.Event()

    async def receive() -> Any:
        listened.set()
        return {"type": "http.disconnect"}

    async def work(watch: Watch) -> None:
        loop = asyncio.get_running_loop()
        ticked = asyncio.Event()
        for ticks in range(1, 6):
            loop.call_later(ticks * 0.03, ticked.set)
            await ticked.wait()
            ticked.clear()
            watch.look(loop.time())
        assert not listened.is_set()
        watch.body_is_read(NEVER)
        await silence()

    with pytest.raises(ClientLeft):
        await watched(work, receive)
    assert listened.is_set()


async def test_a_cancellation_from_outside_stays_one() -> None:
    """A server that shuts down cancels; that is nobody's leaving."""

    async def work(watch: Watch) -> None:
        watch.body_is_read(NEVER)
        await silence()

    task = asyncio.create_task(watched(work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_work_comes_out_as_it_is() -> None:
    """Watching changes nothing about it."""

    async def work(_watch: Watch) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await watched(work)


async def test_the_tower_rests_when_nobody_is_watched() -> None:
    """An idle gateway has no timer running, and begins again with the next request."""
    tower = Watchtower()
    for _ in range(2):
        with Watch(tower, silence, NEVER):
            assert tower._ticking
        async with asyncio.timeout(10):
            while tower._ticking:  # noqa: ASYNC110 - nothing to wait for but the tick itself
                await asyncio.sleep(0.005)
    assert not tower._watches


async def test_a_watch_and_its_listener_let_go_of_each_other() -> None:
    """When both are done nothing of the request waits for the collector."""
    gc.collect()
    gc.disable()
    try:
        with Watch(Watchtower(), silence, NEVER) as watch:
            watch.body_is_read(NEVER)
            for _ in range(2):
                watch.look(0.0)
            await asyncio.sleep(0)
        gone = weakref.ref(watch)
        del watch
        for _ in range(3):
            await asyncio.sleep(0)
        assert gone() is None
    finally:
        gc.enable()
