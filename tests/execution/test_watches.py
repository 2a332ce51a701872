"""What live queries watch: they are told of what touches it, whenever that is heard."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from caching import library

from gateway.caching.dependencies import Dependencies
from gateway.errors import SourceUnavailable
from gateway.execution.subscriptions.events import EventSources
from gateway.execution.subscriptions.watches import Watches
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
def watches(feed: Feed) -> Watches:
    sources = EventSources({"db": feed, "deaf": None}, {}, {})  # type: ignore[dict-item]
    return Watches(sources, Dependencies(build(library.domain).catalog.entities))


async def test_a_change_is_told_to_who_shows_its_row(feed: Feed, watches: Watches) -> None:
    """And to nobody else; a change that changed nothing is told to nobody."""
    with watches.watch(["db"], WHOLE) as one, watches.watch(["db"], WHOLE) as two:
        for watch, key in ((one, 1), (two, 2)):
            watches.reading(watch)
            watches.shown(watch, {"Book", f"Book:{key}"})
        await feed.tell(3)
        await feed.tell(1, changed=())
        assert (one.is_set(), two.is_set()) == (False, False)
        await feed.tell(2)
        assert (one.is_set(), two.is_set()) == (False, True)
        assert len(feed.subscriptions) == 1


@pytest.mark.parametrize("key", [1, 2])
async def test_what_changes_while_it_is_read_counts_once_it_is_known(
    feed: Feed, watches: Watches, key: int
) -> None:
    """The answer may have been read before the change: then it is of a row that it shows."""
    with watches.watch(["db"], WHOLE) as watch:
        watches.reading(watch)
        watches.shown(watch, {"Book", "Book:9"})
        watches.reading(watch)
        await feed.tell(key)
        assert not watch.is_set()
        watches.shown(watch, {"Book", "Book:1"})
        assert watch.is_set() is (key == 1)
        watches.reading(watch)
        assert not watch.is_set()


async def test_too_much_for_one_reading_is_told(feed: Feed, watches: Watches) -> None:
    """What is noted meanwhile is bounded; then it is read again, whatever it shows."""
    with watches.watch(["db"], WHOLE) as watch:
        watches.reading(watch)
        for start in range(0, 5_000, 100):
            await feed.tell(*range(start, start + 100))
        assert watch.noted is not None
        assert len(watch.noted) < 5_000
        watches.shown(watch, {"Book", "Book:9999"})
        assert watch.is_set()


async def test_what_is_not_understood_is_told_to_all(feed: Feed, watches: Watches) -> None:
    """A loss, also while it is read, and a message that makes no sense."""
    nonsense = Change("books", Operation.UPDATE, ("id",), ((),), 1, 1, 1, ("title",))
    with watches.watch(["db"], WHOLE) as watch, watches.watch(["deaf"], WHOLE) as other:
        for one in (watch, other):
            watches.reading(one)
            watches.shown(one, {"Book", "Book:1"})
        for tell in (
            lambda: feed.subscriptions[0].lose(datetime.now(UTC), Loss.GAP),
            lambda: feed.subscriptions[0].offer(nonsense),
        ):
            for reads in (False, True):
                watches.reading(watch)
                if not reads:
                    watches.shown(watch, {"Book", "Book:1"})
                tell()
                await feed.heard()
                assert watch.is_set()
        watches.shown(watch, {"Book"})
        assert watch.is_set()
        assert not other.is_set()


@pytest.mark.parametrize(
    ("tags", "wakes"),
    [
        ({"Book:1"}, True),
        ({"Rate"}, True),
        ({"R?te"}, True),
        ({"Book:*"}, True),
        ({"Book:2", "Ra", "Book:2*"}, False),
        ({"*"}, True),
    ],
)
async def test_what_is_named_is_told_to_who_shows_or_declares_it(
    watches: Watches, tags: set[str], *, wakes: bool
) -> None:
    """By name or pattern; whoever is reading reads again, for what that shows nobody knows yet."""
    with watches.watch([], ()) as watch, watches.watch([], ()) as other:
        watches.reading(watch)
        watches.named({"Other"})
        assert watch.is_set()
        for one in (watch, other):
            watches.reading(one)
        watches.shown(watch, {"Book:1"}, {"Rate"})
        watches.shown(other, ())
        watches.named(tags)
        assert watch.is_set() is wakes
        assert other.is_set() is ("*" in tags)


async def test_who_comes_last_leaves_nothing_behind(feed: Feed, watches: Watches) -> None:
    """The feed is followed while there is a watch, and anew for the next one."""
    for _ in range(2):
        with watches.watch(["db"], WHOLE) as watch:
            with watches.watch(["db"], WHOLE):
                await feed.heard()
            watches.reading(watch)
            watches.shown(watch, {"Book", "Book:1"})
            assert len(feed.subscriptions) == 1
            await feed.tell(1)
            assert watch.is_set()
        await feed.heard()
        assert feed.subscriptions == []
        assert not watches._by_tag


async def test_the_end_of_the_feed_is_told(feed: Feed, watches: Watches) -> None:
    """Nobody waits for what will not come; and whoever comes then is refused."""
    with watches.watch(["db"], WHOLE) as watch:
        watches.reading(watch)
        watches.shown(watch, {"Book", "Book:1"})
        await feed.heard()
        feed.closed = True
        feed.subscriptions[0].close()
        async with asyncio.timeout(5):
            await watch.wait()
        assert watch.ended
    with pytest.raises(SourceUnavailable), watches.watch(["db"], WHOLE):
        pass
    assert not watches._watches
