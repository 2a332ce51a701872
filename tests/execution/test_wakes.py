"""Bells of live queries: rung by what touches what they hang on, whenever it is heard."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from caching import library

from gateway.caching.dependencies import Dependencies
from gateway.errors import SourceUnavailable
from gateway.execution.subscribing_events import EventSources
from gateway.execution.wakes import Wakes
from gateway.schema.build import build
from gateway.sources.changes import Change, Loss, Operation
from gateway.sources.postgres.feed.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterable

WHOLE = ("Book", "Book[]")


class Feed:
    """A feed of changed books, told by the test."""

    live = True

    def __init__(self) -> None:
        self.subscriptions: list[Subscription] = []
        self.closed = False

    def subscribe(self, tables: Iterable[str] | None = None) -> Subscription:
        if self.closed:
            raise SourceUnavailable("Closed.")
        made = Subscription(None if tables is None else frozenset(tables), 1_000, self.left)
        self.subscriptions.append(made)
        return made

    def left(self, subscription: Subscription) -> None:
        self.subscriptions.remove(subscription)

    async def tell(self, *keys: Any, changed: tuple[str, ...] | None = ("title",)) -> None:
        """Announce an update, and wait until it was heard."""
        told = tuple((key,) for key in keys)
        for one in self.subscriptions:
            one.offer(Change("books", Operation.UPDATE, ("id",), told, 1, 1, 1, changed))
        await self.heard()

    async def heard(self) -> None:
        async with asyncio.timeout(5):
            while any(len(one) for one in self.subscriptions):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)
            for _ in range(3):
                await asyncio.sleep(0)


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def wakes(feed: Feed) -> Wakes:
    sources = EventSources({"db": feed, "deaf": None}, {}, {})  # type: ignore[dict-item]
    return Wakes(sources, Dependencies(build(library.domain).catalog.entities))


async def test_a_change_rings_who_shows_its_row(feed: Feed, wakes: Wakes) -> None:
    """And nobody else; a change that changed nothing rings nobody."""
    with wakes.bell(["db"], WHOLE) as one, wakes.bell(["db"], WHOLE) as two:
        for bell, key in ((one, 1), (two, 2)):
            wakes.reading(bell)
            wakes.shown(bell, {"Book", f"Book:{key}"})
        await feed.tell(3)
        await feed.tell(1, changed=())
        assert (one.is_set(), two.is_set()) == (False, False)
        await feed.tell(2)
        assert (one.is_set(), two.is_set()) == (False, True)
        assert len(feed.subscriptions) == 1


@pytest.mark.parametrize("key", [1, 2])
async def test_what_changes_while_it_is_read_counts_once_it_is_known(
    feed: Feed, wakes: Wakes, key: int
) -> None:
    """The answer may have been read before the change: then it is of a row that it shows."""
    with wakes.bell(["db"], WHOLE) as bell:
        wakes.reading(bell)
        wakes.shown(bell, {"Book", "Book:9"})
        wakes.reading(bell)
        await feed.tell(key)
        assert not bell.is_set()
        wakes.shown(bell, {"Book", "Book:1"})
        assert bell.is_set() is (key == 1)
        wakes.reading(bell)
        assert not bell.is_set()


async def test_too_much_for_one_reading_rings(feed: Feed, wakes: Wakes) -> None:
    """What is noted meanwhile is bounded; then it is read again, whatever it shows."""
    with wakes.bell(["db"], WHOLE) as bell:
        wakes.reading(bell)
        for start in range(0, 5_000, 100):
            await feed.tell(*range(start, start + 100))
        assert bell.noted is not None
        assert len(bell.noted) < 5_000
        wakes.shown(bell, {"Book", "Book:9999"})
        assert bell.is_set()


async def test_what_cannot_be_told_rings_all(feed: Feed, wakes: Wakes) -> None:
    """A loss, also while it is read, and a message that makes no sense."""
    nonsense = Change("books", Operation.UPDATE, ("id",), ((),), 1, 1, 1, ("title",))
    with wakes.bell(["db"], WHOLE) as bell, wakes.bell(["deaf"], WHOLE) as other:
        for one in (bell, other):
            wakes.reading(one)
            wakes.shown(one, {"Book", "Book:1"})
        for tell in (
            lambda: feed.subscriptions[0].lose(datetime.now(UTC), Loss.GAP),
            lambda: feed.subscriptions[0].offer(nonsense),
        ):
            for reads in (False, True):
                wakes.reading(bell)
                if not reads:
                    wakes.shown(bell, {"Book", "Book:1"})
                tell()
                await feed.heard()
                assert bell.is_set()
        wakes.shown(bell, {"Book"})
        assert bell.is_set()
        assert not other.is_set()


async def test_who_comes_last_leaves_nothing_behind(feed: Feed, wakes: Wakes) -> None:
    """The feed is followed while there is a bell, and anew for the next one."""
    for _ in range(2):
        with wakes.bell(["db"], WHOLE) as bell:
            with wakes.bell(["db"], WHOLE):
                await feed.heard()
            wakes.reading(bell)
            wakes.shown(bell, {"Book", "Book:1"})
            assert len(feed.subscriptions) == 1
            await feed.tell(1)
            assert bell.is_set()
        await feed.heard()
        assert feed.subscriptions == []
        assert not wakes._hanging


async def test_the_end_of_the_feed_is_told(feed: Feed, wakes: Wakes) -> None:
    """Nobody waits for what will not come; and whoever comes then is refused."""
    with wakes.bell(["db"], WHOLE) as bell:
        wakes.reading(bell)
        wakes.shown(bell, {"Book", "Book:1"})
        await feed.heard()
        feed.closed = True
        feed.subscriptions[0].close()
        async with asyncio.timeout(5):
            await bell.wait()
        assert bell.ended
    with pytest.raises(SourceUnavailable), wakes.bell(["db"], WHOLE):
        pass
    assert not wakes._bells
