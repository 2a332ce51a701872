"""Changes that a feed tells of: invalidated once, together, and before who waits goes on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from caching import library
from caching.conftest import Table, read, until

from gateway.caching.answers import State
from gateway.caching.dependencies import Dependencies
from gateway.execution.cache.outside import OutsideChanges
from gateway.schema.build import build
from gateway.sources.changes import Change, Loss, Lost, Operation


def change(table="Row", keys=(("a",),), columns=("id",)):
    return Change(table, Operation.UPDATE, columns, keys, transaction=1, session=1, number=1)


def lost(*tables):
    named = frozenset(tables) if tables else None
    return Lost(named, datetime.now(UTC), Loss.CONNECTED)


@pytest.fixture
async def cache(make):
    return await make()


@pytest.fixture
def outside(cache):
    return OutsideChanges(cache, Dependencies(build(library.domain).catalog.entities))


async def number(cache):
    """How many invalidations the store has recorded."""
    return int(await cache.store._one("HGET", cache.store._state, "number") or 0)


async def states(cache, *names):
    return [answer.state for answer in await read(cache, Table(a="1", b="1"), *names)]


async def test_an_event_is_invalidated_once_whoever_hears_it(outside, cache):
    """A thousand subscribers hear the same; each that waits goes on when it is done."""
    await read(cache, Table(a="1"), "a")
    begun = await number(cache)
    event = change()
    for _ in range(3):
        for _ in range(1_000):
            outside.heard(event)
        await outside.settled()
    assert await number(cache) == begun + 1


async def test_a_burst_goes_together(outside, cache):
    """What is heard while an invalidation is under way waits for the next, and no longer."""
    begun = await number(cache)
    for _ in range(500):
        outside.heard(change())
    await outside.settled()
    outside.heard(change("Other"))
    await outside.settled()
    assert await number(cache) <= begun + 3


@pytest.mark.parametrize(
    ("event", "ends"),
    [
        (change(), True),
        (change("Other"), False),
        (lost(), True),
        (lost("Row", "Other"), True),
        (lost("Other"), False),
        (change("notes", keys=7), True),
    ],
)
async def test_what_an_event_ends(outside, cache, event, ends):
    """Of a known table its own; what was lost ends all it may have been, nonsense everything."""
    await read(cache, Table(a="1"), "a")
    await until(lambda: cache.leased)
    outside.heard(event)
    await outside.settled()
    assert (State.MISS in await states(cache, "a")) == ends


async def test_more_than_can_be_named_is_everything(outside, cache):
    """Nothing grows with a flood of changes."""
    await read(cache, Table(a="1"), "a")
    for which in range(12_000):
        outside.heard(change(f"t{which}"))
    await outside.settled()
    assert await states(cache, "a") == [State.MISS]
    assert len(outside._known) <= 1_024
    assert not outside._tags


async def test_a_cache_that_nobody_uses_hears_nothing(make):
    """It is connected by who first looks for something; what else begins then begins once."""
    cache = await make(alone=True)
    cache.used, began = False, []
    cache.at_first = lambda: began.append(1)
    outside = OutsideChanges(cache, Dependencies({}))
    outside.heard(change())
    await outside.settled()
    assert not outside._known
    for _ in range(2):
        await read(cache, Table(a="1"), "a")
    assert began == [1]
    outside.heard(change())
    assert outside._known
    await outside.settled()
