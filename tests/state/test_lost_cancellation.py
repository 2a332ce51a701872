"""A cancellation that the client's library loses is raised all the same."""

from __future__ import annotations

import asyncio

import pytest

from gateway.sources.redis.link import cancellable


@pytest.mark.parametrize("outcome", ["an answer", "another error"])
async def test_it_comes_out_again(outcome):
    """As `asyncio.wait_for` of Python 3.11 does it: swallowed, and the work goes on or fails."""
    begun = asyncio.Event()
    went_on = []

    async def talk():
        with cancellable():
            try:
                begun.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if outcome == "another error":
                    raise ConnectionError from None
        went_on.append(outcome)

    task = asyncio.ensure_future(talk())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert went_on == []


async def test_a_deadline_is_kept():
    """Whose cancellation was swallowed: it is a `TimeoutError`, as without the library."""

    async def talk():
        async with asyncio.timeout(0.01):
            with cancellable():
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await talk()


async def test_nothing_happens_otherwise():
    """Without a cancellation the block is as it was, its errors too."""
    with cancellable():
        await asyncio.sleep(0)
    with pytest.raises(ValueError, match="own"), cancellable():
        raise ValueError("own")
