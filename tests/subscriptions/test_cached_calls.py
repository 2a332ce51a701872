"""`@cached` functions in live queries, for events and in generators: one call, and never old news."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from subscriptions import bureau
from subscriptions.newsroom import running
from subscriptions.speaking import until

from gateway.embedded import start
from gateway.settings import Cache, Subscriptions
from gateway.sources.contract import Budget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from subscriptions.newsroom import Newsroom

    from gateway.embedded import Engines

MANY = 100
RATE = 'query @live(throttle: 10, poll: 1000) { rate(base: "EUR") }'


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """A Valkey for these tests alone: it is frozen."""
    path: Path = tmp_path_factory.mktemp("valkey")
    with start(path, names=("valkey",), durable=False) as engines:
        yield engines


@pytest.fixture(scope="module")
async def desk(
    module_database: Callable[[], Awaitable[str]], own: Engines
) -> AsyncIterator[Newsroom]:
    """A newsroom with cached functions; a slow machine is no fault of its Redis."""
    async with running(
        module_database,
        own.urls.redis,
        f"{uuid.uuid4().hex}:",
        resolvers="subscriptions.bureau",
        cache=Cache(timeout_seconds=1.0),
        subscriptions=Subscriptions(per_connection=2 * MANY, operations_per_client=10 * MANY),
    ) as up:
        yield up


@pytest.fixture(autouse=True)
async def begin(desk: Newsroom) -> None:
    """Redis is in use, nothing is cached, nothing called."""
    assert desk.gateway.cache is not None
    cache = desk.gateway.cache.cache
    async with desk.server.talk() as talk:  # whoever calls such a function first connects
        await talk.begin('{ rate(base: "USD") }')
        assert await talk.next() == {"rate": 2.0}
    await until(lambda: cache.leased and not cache._coherence._owed)  # type: ignore[union-attr]
    assert "cache" in await desk.gateway.check(Budget(asyncio.get_running_loop().time() + 10))
    await cache.invalidate(["*"])
    bureau.CALLS.clear()
    bureau.VALUES.update(EUR=1.0, USD=2.0)
    bureau.READERS[:] = [10]


async def invalidate(room: Newsroom, *tags: str) -> None:
    """As an administrator does."""
    assert room.gateway.cache is not None
    assert await room.gateway.cache.cache.invalidate(tags)


async def test_a_hundred_live_queries_are_one_call(desk: Newsroom) -> None:
    """Of all their looks one calls; an invalidation by tag is seen by each at its next look."""
    async with desk.server.talk() as talk:
        ids = {await talk.begin(RATE) for _ in range(MANY)}
        first = [await talk.hear() for _ in ids]
        assert {one["id"] for one in first} == ids
        assert {one["payload"]["data"]["rate"] for one in first} == {1.0}
        assert bureau.CALLS == ["EUR"]
        bureau.VALUES["EUR"] = 1.5
        await asyncio.sleep(1.2)  # each has looked again, and nobody has called
        assert bureau.CALLS == ["EUR"]
        await invalidate(desk, "Rate")
        second = [await talk.hear() for _ in ids]
        assert {one["id"] for one in second} == ids
        assert {one["payload"]["data"]["rate"] for one in second} == {1.5}
        assert bureau.CALLS == ["EUR"] * 2


async def test_a_change_that_wakes_ends_what_is_cached(desk: Newsroom, own: Engines) -> None:
    """The look waits until the change has ended what hangs on it, be Redis as slow as it may."""
    await desk.write("INSERT INTO stories VALUES (801, 'old', 'rates')")
    async with desk.server.talk() as talk:
        await talk.begin(
            "query @live(throttle: 10, poll: 3600000) { article(id: 801) { readers } }"
        )
        assert await talk.next() == {"article": {"readers": 10}}
        bureau.READERS[:] = [11]
        with frozen(own):
            await desk.write("UPDATE stories SET title = 'new' WHERE id = 801")
            assert await talk.next() == {"article": {"readers": 11}}


async def test_an_event_is_answered_after_what_it_ends(desk: Newsroom, own: Engines) -> None:
    """What resolvers have of the cache is no older than the event, and one call for all."""
    update = "UPDATE stories SET title = $1 WHERE id = 802"
    async with desk.server.talk() as talk:
        document = "subscription { articleChanged(id: 802) { article { title readers } } }"
        quiet = desk.listeners
        for _ in range(20):
            await talk.begin(document)
        await until(lambda: desk.listeners == quiet + 20)
        for number, title, statement in (
            (11, "one", "INSERT INTO stories VALUES (802, $1, 'rates')"),
            (12, "two", update),
        ):
            bureau.READERS[:] = [number]
            bureau.CALLS.clear()
            await desk.write(statement, title)
            for _ in range(20):
                heard = await talk.next()
                assert heard["articleChanged"]["article"] == {"title": title, "readers": number}
            assert bureau.CALLS == ["readers"]
        bureau.READERS[:] = [13]
        with frozen(own):
            await desk.write(update, "three")
            for _ in range(20):
                heard = await talk.next()
                assert heard["articleChanged"]["article"] == {"title": "three", "readers": 13}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('subscription { it: rates(base: "USD", times: 4) }', 2.0),
        ("subscription { it: readings(times: 4) { readers } }", {"readers": 10}),
    ],
)
async def test_generators_call_once(desk: Newsroom, document: str, expected: object) -> None:
    """In the generator itself, and in what is asked of its events; over WebSocket and as events."""
    async with desk.server.talk() as talk:
        for _ in range(2):
            await talk.begin(document)
            assert [(await talk.next())["it"] for _ in range(4)] == [expected] * 4
            assert (await talk.hear())["type"] == "complete"
    async with desk.server.stream(document) as response:
        assert (await response.text()).count("event: next") == 4
    assert len(bureau.CALLS) == 1


@contextmanager
def frozen(own: Engines) -> Iterator[None]:
    """Redis is silent meanwhile."""
    own.processes["valkey"].freeze()
    try:
        yield
    finally:
        own.processes["valkey"].thaw()
