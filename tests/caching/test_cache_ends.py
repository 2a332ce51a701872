"""Entries that were made together do not end together, as the cache is set by default."""

from __future__ import annotations

from caching.conftest import Table, Times, read

from gateway.caching.assembly import Options
from gateway.caching.policy import Policy

NAMES = [str(number) for number in range(2_000)]
SECONDS = 60.0
JITTER = Options().jitter
STEADY = len(NAMES) / (SECONDS * (1 - JITTER / 2))
"""Rows a second that the source is asked for once ends are spread over all of the time."""


async def test_a_source_is_not_asked_for_everything_at_once(make):
    """After one fill of thousands of rows it is never asked for twice of what it gets in the long run.

    And when the entries' time is over, all of them were read anew.
    """
    times, table = Times(), Table(**dict.fromkeys(NAMES, "1"))
    options = Options(early_refresh=0.0)
    cache = await make(alone=True, clocks=times.clocks, options=options)
    policy = Policy(SECONDS)
    await read(cache, table, *NAMES, policy=policy)
    asked = []
    for _ in range(15):
        table.calls.clear()
        for _ in range(2):
            times.pass_by(2.0)
            await read(cache, table, *NAMES, policy=policy)
        asked.append(sum(map(len, table.calls)))
    assert sum(asked[: int(SECONDS * (1 - JITTER) / 4)]) == 0
    assert sum(asked) >= len(NAMES)
    assert max(asked) <= 2 * STEADY * 4
