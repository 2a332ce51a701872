"""One breaker for all sources: what it refuses, and when it tries again."""

from __future__ import annotations

import asyncio

from gateway.sources.breaker import Breaker, ProbedBreaker

FAILURES, PAUSE = 3, 0.25


def test_it_opens_after_failures_in_a_row_and_then_lets_one_through_at_a_time():
    """A success in between starts the count anew; after each pause one call may try."""
    now = 0.0
    breaker = Breaker(FAILURES, PAUSE, lambda: now)
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert breaker.allows()
    breaker.succeeded()
    for _ in range(FAILURES):
        assert breaker.allows()
        breaker.failed()
    assert breaker.open
    assert not breaker.allows()
    now += PAUSE
    assert breaker.allows(), "the one that tries"
    assert not breaker.allows(), "nobody beside it"
    breaker.failed()
    assert not breaker.allows()
    now += PAUSE
    assert breaker.allows()
    breaker.succeeded()
    assert not breaker.open
    assert breaker.allows()
    assert breaker.allows()


async def test_a_late_call_opens_only_where_the_source_is_silent():
    """It stays open until the source answers; nobody's call is the one that tries."""
    answers, asked = asyncio.Event(), 0

    async def probe():
        nonlocal asked
        asked += 1
        await answers.wait()

    breaker = ProbedBreaker(probe, seconds=0.05, pause=0.01, rest=0.0)
    for _ in range(3):
        breaker.suspect()
    assert not breaker.open, "nobody knows yet"
    async with asyncio.timeout(10):
        while not breaker.open or asked < 3:  # noqa: ASYNC110 - it offers no event
            await asyncio.sleep(0.01)
        answers.set()
        while breaker.open:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
    silent = asked
    breaker.suspect()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asked == silent + 1
    assert not breaker.open, "it was late, and answered"
    await breaker.close()


async def test_a_source_that_answers_is_not_asked_over_and_over():
    """Many late calls in a row are one question, in so many seconds."""
    asked = 0

    async def probe():
        nonlocal asked
        asked += 1

    breaker = ProbedBreaker(probe, rest=60.0)
    for _ in range(5):
        breaker.suspect()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert asked == 1
    await breaker.close()


async def test_closing_ends_the_probing():
    """Though the source never answers; and what is closed may be closed again."""
    breaker = ProbedBreaker(asyncio.Event().wait, seconds=0.01, pause=0.01)
    breaker.suspect()
    async with asyncio.timeout(10):
        while not breaker.open:  # noqa: ASYNC110 - it offers no event
            await asyncio.sleep(0.01)
        await breaker.close()
    assert not breaker.open
    await breaker.close()
