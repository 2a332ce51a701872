"""Caches on a real Valkey, and a source that counts its calls."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from gateway.caching.answers import Loaded, Want
from gateway.caching.assembly import SYSTEM_CLOCKS, Options, make_cache
from gateway.caching.filling import Clocks
from gateway.caching.key import entry_key
from gateway.caching.policy import Policy
from gateway.sources.redis.cache import RedisCacheStore

if TYPE_CHECKING:
    from collections.abc import Sequence

_prefixes = itertools.count(1)

MINUTE = Policy(max_age=60.0)


class Table:
    """A source: rows by number, each read in one call; `gate` holds the calls back while closed."""

    def __init__(self, **rows: str) -> None:
        self.rows = dict(rows)
        self.calls: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    def loader(self, names: Sequence[str]):
        """What `Cache.fetch` asks for the wants of these rows."""

        async def load(places, _deadline):
            asked = [names[place] for place in places]
            self.calls.append(asked)
            read = [self.rows.get(name) for name in asked]
            await self.gate.wait()
            if self.error is not None:
                raise self.error
            return [None if row is None else row.encode() for row in read]

        return load


class Times:
    """Clocks that only move when they are told to."""

    def __init__(self) -> None:
        self.steady = 1_000.0
        self.wall = 1_700_000_000.0
        self.clocks = Clocks(lambda: self.steady, lambda: self.wall)

    def pass_by(self, seconds: float) -> None:
        self.steady += seconds
        self.wall += seconds


def want(name: str) -> Want:
    """The want of a row."""
    return Want(entry_key(b"plan", (), (name,)), ("Row", f"Row:{name}"))


SHOWN_KEY = entry_key(b"plan", (), ("answer",))


class Answers:
    """A source whose answer shows rows of one type; `gate` holds calls back while closed."""

    def __init__(self, *rows: int) -> None:
        self.rows = rows
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, _places, _deadline):
        self.calls += 1
        value, tags = b"%d" % self.calls, tuple(f"Row:{row}" for row in self.rows)
        await self.gate.wait()
        return [Loaded(value, tags)]

    async def read(self, cache, **options):
        """The state and the value of what the cache gives."""
        deadline = asyncio.get_running_loop().time() + 5
        want = Want(SHOWN_KEY, ("Row",), ("Row[]",))
        (answer,) = await cache.fetch([want], MINUTE, self.load, deadline, **options)
        return answer.state, answer.value


async def read(cache, table, *names, policy=MINUTE, seconds=5.0):
    """The rows through the cache: their answers."""
    deadline = asyncio.get_running_loop().time() + seconds
    return await cache.fetch([want(name) for name in names], policy, table.loader(names), deadline)


async def in_redis(cache, key):
    """Whether an entry stands under that key."""
    return await cache.store._one("TYPE", cache.store._entry(key)) == b"string"


async def until(condition, seconds=5.0):
    """Wait for a condition; fails when it does not come true."""
    for _ in range(round(seconds / 0.002)):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not come true in time")


@pytest.fixture
def prefix() -> str:
    """A prefix that no other test uses."""
    return f"test-{next(_prefixes)}"


@pytest.fixture
async def make(engines, prefix):
    """Makes opened caches: nodes of one store, unless another address is given."""
    caches = []

    async def one(  # noqa: PLR0913 - each a way in which tests differ
        *, url=None, options=None, clocks=SYSTEM_CLOCKS, alone=False, lease=True, patience=0.5
    ):
        store = None
        if not alone:
            store = RedisCacheStore(
                "cache", url or engines.urls.redis, prefix=prefix, timeout=patience
            )
        cache = make_cache(options or Options(early_refresh=0.0), store, clocks=clocks)
        caches.append(cache)
        await cache.open()
        if lease and not alone and clocks is SYSTEM_CLOCKS:
            await until(lambda: cache.leased)
        return cache

    yield one
    for cache in caches:
        await cache.close()


@pytest.fixture
async def stack():
    """Closes at the end what a test entered."""
    async with AsyncExitStack() as made:
        yield made
