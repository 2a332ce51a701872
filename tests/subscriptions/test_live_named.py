"""What is invalidated by name wakes the live queries that show it, on every replica."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from caching.conftest import until
from caching.test_cached_api import another
from redis.asyncio import Redis
from subscriptions.test_live_wakes import following

from gateway.caching.coherence import MOST_TAGS
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from subscriptions.test_live_wakes import Follower
    from writes.stand import Stand

    from gateway.embedded import Engines

ADMIN = Viewer(subject="root", roles=frozenset({"admin"}))
INVALIDATE = """mutation ($tags: [String!], $rows: [CachedRow!], $pattern: String) {
  invalidate(tags: $tags, rows: $rows, pattern: $pattern) }"""
BOOK = "{ it: book(id: 1) { title } }"
MARKER = "{ author(id: 1) { name } }"

CASES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "the type": (BOOK, {"tags": ["Book"]}, True),
    "everything": (BOOK, {"tags": ["*"]}, True),
    "the row": (BOOK, {"rows": [{"type": "Book", "key": ["1"]}]}, True),
    "another row": (BOOK, {"tags": ["Book:2"]}, False),
    "another type": (BOOK, {"tags": ["Subject"]}, False),
    "rows of a pattern, none of which is kept": (BOOK, {"pattern": "Book:?"}, True),
    "rows of another pattern": (BOOK, {"pattern": "Book:2*"}, False),
    "a pattern with a bracket": (BOOK, {"pattern": "[B]ook*"}, False),
    "a row that a list shows": (
        "{ it: books(first: 2) { nodes { title } } }",
        {"tags": ["Book:2"]},
        True,
    ),
    "an aggregate, by a pattern of rows": (
        "{ it: books { aggregate { max { title } } } }",
        {"pattern": "Book:*"},
        True,
    ),
    "a value of Redis": ("{ it: book(id: 1) { title reads } }", {"tags": ["reads"]}, True),
    "a field of its own": ("{ it: book(id: 1) { shout } }", {"tags": ["Shout"]}, True),
    "a function": ("{ it: book(id: 1) { title rate } }", {"tags": ["Rate"]}, True),
    "functions that it does not call": (BOOK, {"tags": ["Rate"]}, False),
}


@pytest.fixture(scope="module")
async def replicas(
    engines: Engines, module_database: Callable[[], Awaitable[str]]
) -> AsyncIterator[list[Stand]]:
    """Two gateways over one database and one Redis, none of which hears of changed rows."""
    async with AsyncExitStack() as stack:
        redis, url = engines.urls.redis, await module_database()
        first = await another(stack, redis, url, "live-named")
        yield [first, await another(stack, redis, url, "live-named", "select 1")]


def polling(stand: Stand, document: str) -> AbstractAsyncContextManager[Follower]:
    """Somebody who follows a query that by itself looks again in an hour."""
    return following(stand, document, live="@live(throttle: 10, poll: 3600000)")


async def entitle(stand: Stand, title: str) -> None:
    """Give all books a title, of which nobody is told."""
    await stand.connection.execute("update books set title = $1", title)


def shows(follower: Follower, title: str) -> bool:
    return title in json.dumps(follower.last).lower()


async def named(stand: Stand, **given: Any) -> None:
    """Invalidate as an administrator does."""
    await stand.data(INVALIDATE, given, viewer=ADMIN)


@pytest.mark.parametrize("case", CASES)
async def test_who_shows_what_is_named_looks(replicas: list[Stand], case: str) -> None:
    """On both replicas, and nobody else does; whatever is kept, for nothing here is."""
    document, given, wakes = CASES[case]
    here, there = replicas
    await entitle(here, "first")
    async with AsyncExitStack() as stack:
        marker = await stack.enter_async_context(polling(there, MARKER))
        both = [await stack.enter_async_context(polling(stand, document)) for stand in replicas]
        assert all(shows(one, "first") for one in both)
        await entitle(here, "second")
        await named(here, **given)
        if wakes:
            await until(lambda: all(shows(one, "second") for one in both))
        else:
            await here.connection.execute("update authors set name = name || '!' where id = 1")
            count = marker.count
            await named(here, tags=["Author:1"])
            await until(lambda: marker.count > count)
        await entitle(here, "third")
        await named(here, tags=["Book:1"])
        await until(lambda: all(shows(one, "third") for one in both))
        assert [one.count for one in both] == [3 if wakes else 2] * 2


async def test_what_a_mutation_declares_wakes_too(replicas: list[Stand]) -> None:
    """Nobody hears of its rows here, but the tag it names stands for a function."""
    here, there = replicas
    await entitle(here, "first")
    async with polling(there, "{ book(id: 1) { title rate } }") as follower:
        await entitle(here, "second")
        await here.data('mutation { rateBook(id: 7, set: {title: "seventh"}) { id } }')
        await until(lambda: shows(follower, "second"))


async def test_an_invalidation_that_may_have_been_missed_wakes(
    replicas: list[Stand], engines: Engines
) -> None:
    """Out of touch with Redis meanwhile: afterwards each looks once."""
    here, there = replicas
    await entitle(here, "first")
    async with polling(there, BOOK) as follower, Redis.from_url(engines.urls.redis) as client:
        await entitle(here, "second")
        assert there.gateway.cache is not None
        coherence = there.gateway.cache.cache._coherence
        assert coherence is not None
        heard = coherence._heard
        await client.client_kill_filter(_type="pubsub", skipme=False)
        await named(here, tags=["Book:1"])
        await until(lambda: shows(follower, "second"))
        assert coherence._heard > heard


async def test_more_tags_than_one_notice_takes(replicas: list[Stand]) -> None:
    """They stand for everything, and for whoever looks by name."""
    here, there = replicas
    await entitle(here, "first")
    async with polling(there, BOOK) as follower:
        await entitle(here, "second")
        assert here.gateway.cache is not None
        await here.gateway.cache.cache.told(f"Tag:{number}" for number in range(MOST_TAGS))
        await until(lambda: shows(follower, "second"))
