"""One breaker for all sources: what it refuses, and when it tries again."""

from __future__ import annotations

from gateway.sources.breaker import Breaker

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
